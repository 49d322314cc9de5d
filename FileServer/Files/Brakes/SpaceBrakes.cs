using FileServer.Access;
using FileServer.Audit;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Files.Brakes;

/// <summary>What managers do about the brake: see who is paused, lift a pause, permit much for a while, set the space's limits.</summary>
sealed class SpaceBrakes(NpgsqlDataSource db, AccessCheck access, AuditLog audit, TimeProvider clock, IOptions<BrakeOptions> options)
{
    const int MaxPermissionSeconds = 7 * 24 * 3600;

    /// <summary>Pauses and permissions, the newest first; only those in force unless all are asked for. Callers see their own pauses, managers all.</summary>
    public async Task<Page<Brake>> ListAsync(HttpContext context, Caller caller, SpaceId space, bool all, int? limit, string? cursor, CancellationToken ct)
    {
        var size = Paging.Limit(limit, 200, 1000);
        var query = $"brakes {space} {all}";
        var before = Paging.Start(cursor, query, 1) is not [var position] ? (Guid?)null : Guid.TryParse(position, out var id) ? id : throw Paging.Invalid();
        await using var connection = await db.OpenConnectionAsync(ct);
        var manages = (await access.OnNodeAsync(connection, caller, space, space.Root, ct))?.Allows(Rights.Manage) is true;
        const string sql =
            """
            select b.id, b.kind::int as kind, u.name as user, b.device, b.files, b.max_files, b.since_revision, b.created_at, b.until, b.ended_at, e.name as ended_by, b.outcome
            from brakes b
            left join users u on u.id = b.user_id
            left join users e on e.id = b.ended_by
            where b.space_id = @space and (@before::uuid is null or b.id < @before)
                and (@all or (b.ended_at is null and (b.until is null or b.until > @now)))
                and (@manages or b.user_id = @user)
            order by b.id desc
            limit @count
            """;
        var args = new { space, before, all, manages, user = caller.UserId, now = clock.GetUtcNow(), count = size + 1 };
        var rows = await connection.QueryAsync<BrakeRow>(sql, args, ct);
        return Paging.Page(context, query, rows, size, row => row.ToBrake(), row => [row.Id.ToString()]);
    }

    /// <summary>Ends a pause or takes a permission back; counting begins anew.</summary>
    public async Task<Brake> LiftAsync(Caller caller, SpaceId space, Guid id, string outcome, CancellationToken ct)
    {
        await access.RequireAsync(db, caller, space, space.Root, Rights.Manage, ct);
        return await db.InTransactionAsync(
            async tx =>
            {
                const string sql =
                    """
                    with ended as (
                        update brakes b set ended_at = @now, ended_by = @user, outcome = @outcome
                        where b.space_id = @space and b.id = @id and b.ended_at is null
                        returning b.*
                    ), counted as (
                        update spaces s set paused = greatest(0, s.paused - 1) from ended e where s.id = e.space_id and e.kind = 0
                    )
                    select e.id, e.kind::int as kind, u.name as user, e.device, e.files, e.max_files, e.since_revision, e.created_at, e.until, e.ended_at,
                           @name as ended_by, e.outcome
                    from ended e
                    left join users u on u.id = e.user_id
                    """;
                var row = await tx.QuerySingleOrDefaultAsync<BrakeRow>(sql, new { space, id, outcome, now = clock.GetUtcNow(), user = caller.UserId, name = caller.Name }, ct)
                    ?? throw Refusal.NotFound("pause");
                await audit.AppendAsync(tx, new AuditRecord(caller.Actor, "brake.lift", AuditOutcome.Done, space, space.Root, row.User, $$"""{"brake":"{{id}}","outcome":"{{outcome}}"}"""), ct);
                return row.ToBrake();
            },
            ct);
    }

    /// <summary>A pause in force, for whoever is to undo what led to it.</summary>
    public async Task<Brake> FindAsync(Caller caller, SpaceId space, Guid id, CancellationToken ct)
    {
        await access.RequireAsync(db, caller, space, space.Root, Rights.Manage, ct);
        const string sql =
            """
            select b.id, b.kind::int as kind, u.name as user, b.device, b.files, b.max_files, b.since_revision, b.created_at, b.until, b.ended_at, null as ended_by, b.outcome
            from brakes b
            left join users u on u.id = b.user_id
            where b.space_id = @space and b.id = @id and b.kind = 0 and b.ended_at is null
            """;
        return (await db.QuerySingleOrDefaultAsync<BrakeRow>(sql, new { space, id }, ct) ?? throw Refusal.NotFound("pause")).ToBrake();
    }

    /// <summary>For a while the limit does not count, for one user or for everybody: for one large change that is meant.</summary>
    public async Task<Brake> AllowAsync(Caller caller, SpaceId space, BrakePermission permission, CancellationToken ct)
    {
        if (permission.Seconds is < 1 or > MaxPermissionSeconds)
            throw Refusal.Invalid($"'seconds' is a number from 1 to {MaxPermissionSeconds}.");
        await access.RequireAsync(db, caller, space, space.Root, Rights.Manage, ct);
        var user = permission.User is null
            ? (UserId?)null
            : await db.QuerySingleOrDefaultAsync<UserId?>("select id from users where name_key = @key", new { key = NameRules.FoldKey(permission.User) }, ct) ?? throw Refusal.NotFound("user");
        var now = clock.GetUtcNow();
        var row = new BrakeRow(Guid.CreateVersion7(now), 1, permission.User, null, 0, 0, 0, now, now.AddSeconds(permission.Seconds), null, null, null);
        await db.InTransactionAsync(
            async tx =>
            {
                const string sql = "insert into brakes (space_id, id, kind, user_id, created_at, until) values (@space, @id, 1, @user, @now, @until)";
                await tx.ExecuteAsync(sql, new { space, id = row.Id, user = user?.Value, now, until = row.Until }, ct);
                await audit.AppendAsync(
                    tx, new AuditRecord(caller.Actor, "brake.allow", AuditOutcome.Done, space, space.Root, permission.User, $$"""{"brake":"{{row.Id}}","seconds":{{permission.Seconds}}}"""), ct);
            },
            ct);
        return row.ToBrake();
    }

    /// <summary>The limits that hold in a space.</summary>
    public async Task<BrakeSettings> LimitsAsync(Caller caller, SpaceId space, CancellationToken ct)
    {
        await access.RequireAsync(db, caller, space, space.Root, Rights.List, ct);
        var own = await db.QuerySingleOrDefaultAsync<BrakeSettings>("select files, percent, minutes from brake_limits where space_id = @space", new { space }, ct);
        return new BrakeSettings(own?.Files ?? options.Value.BrakeFiles, own?.Percent ?? options.Value.BrakePercent, own?.Minutes ?? options.Value.BrakeMinutes);
    }

    /// <summary>Limits of the space's own; what is left out is the server's.</summary>
    public async Task<BrakeSettings> SetLimitsAsync(Caller caller, SpaceId space, BrakeSettings limits, CancellationToken ct)
    {
        if (limits is { Files: < 0 } or { Percent: < 1 or > 100 } or { Minutes: < 1 or > 1440 })
            throw Refusal.Invalid("'files' is 0 or more, 'percent' 1 to 100, 'minutes' 1 to 1440.");
        await access.RequireAsync(db, caller, space, space.Root, Rights.Manage, ct);
        await db.InTransactionAsync(
            async tx =>
            {
                const string sql =
                    """
                    insert into brake_limits (space_id, files, percent, minutes) values (@space, @files, @percent, @minutes)
                    on conflict (space_id) do update set files = excluded.files, percent = excluded.percent, minutes = excluded.minutes
                    """;
                await tx.ExecuteAsync(sql, new { space, files = limits.Files, percent = limits.Percent, minutes = limits.Minutes }, ct);
                var detail = $$"""{"files":{{Number(limits.Files)}},"percent":{{Number(limits.Percent)}},"minutes":{{Number(limits.Minutes)}}}""";
                await audit.AppendAsync(tx, new AuditRecord(caller.Actor, "brake.limits", AuditOutcome.Done, space, space.Root, DetailJson: detail), ct);
            },
            ct);
        return await LimitsAsync(caller, space, ct);
    }

    static string Number(int? value) => value?.ToString() ?? "null";

    sealed record BrakeRow(
        Guid Id, int Kind, string? User, string? Device, int Files, long MaxFiles, long SinceRevision, DateTimeOffset CreatedAt, DateTimeOffset? Until, DateTimeOffset? EndedAt,
        string? EndedBy, string? Outcome)
    {
        public Brake ToBrake() => new(
            Id.ToString(), Kind == 0 ? "pause" : "permission", User, Device, Files, MaxFiles, SinceRevision, CreatedAt, Until, EndedAt, EndedBy, Outcome);
    }
}
