using System.Text.Json;
using FileServer.Access;
using FileServer.Audit;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Files.Holds;

/// <summary>
/// Places, extends and releases holds. The database itself refuses to delete what is held, to whoever asks; a hold only
/// grows, and its row stays when it is released.
/// </summary>
sealed class NodeHolds(NpgsqlDataSource db, AccessCheck access, SpaceTurns turns, AuditLog audit, AuditWriter refusals, TimeProvider clock, IOptions<FilesOptions> files, IOptions<HoldOptions> options)
{
    /// <summary>The holds in force that keep a node: its own and those of all folders above it.</summary>
    public async Task<Page<Hold>> OnAsync(Caller caller, SpaceId space, NodeId node, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        await access.RequireAsync(connection, caller, space, node, Rights.List, ct);
        return new Page<Hold>(await OnAsync(connection, space, node, ct), null);
    }

    /// <summary>The same for who has been let in already.</summary>
    public static async Task<IReadOnlyList<Hold>> OnAsync(NpgsqlConnection connection, SpaceId space, NodeId node, CancellationToken ct)
    {
        const string sql =
            """
            select h.id, h.node_id, h.kind::int as kind, h.reason, h.until, h.created_at, coalesce(u.name, '') as created_by, h.released_at, null as released_by, h.release_reason
            from holds_on(@space, @node) h
            left join users u on u.id = h.created_by
            where (select exists (select from holds where space_id = @space and released_at is null))
            order by h.id
            """;
        return (await connection.QueryAsync<HoldRow>(sql, new { space, node }, ct)).ConvertAll(row => row.ToHold(node));
    }

    /// <summary>All holds of a space, released ones too, the newest first: for its managers and for who may release.</summary>
    public async Task<Page<Hold>> ListAsync(HttpContext context, Caller caller, SpaceId space, bool all, int? limit, string? cursor, CancellationToken ct)
    {
        var size = Paging.Limit(limit, 200, 1000);
        var query = $"holds {space} {all}";
        var before = Paging.Start(cursor, query, 1) is not [var position] ? (Guid?)null : Guid.TryParse(position, out var id) ? id : throw Paging.Invalid();
        await using var connection = await db.OpenConnectionAsync(ct);
        var needed = await MayReleaseAsync(connection, caller, ct) ? Rights.List : Rights.Manage;
        await access.RequireAsync(connection, caller, space, space.Root, needed, ct);
        const string sql =
            """
            select h.id, h.node_id, h.kind::int as kind, h.reason, h.until, h.created_at, coalesce(u.name, '') as created_by, h.released_at, r.name as released_by,
                   h.release_reason
            from holds h
            left join users u on u.id = h.created_by
            left join users r on r.id = h.released_by
            where h.space_id = @space and (@before::uuid is null or h.id < @before)
                and (@all or (h.released_at is null and (h.until is null or h.until > @now)))
            order by h.id desc
            limit @count
            """;
        var rows = await connection.QueryAsync<HoldRow>(sql, new { space, before, all, now = clock.GetUtcNow(), count = size + 1 }, ct);
        return Paging.Page(context, query, rows, size, row => row.ToHold(row.NodeId), row => [row.Id.ToString()]);
    }

    public async Task<Hold> PlaceAsync(Caller caller, SpaceId space, NodeId node, HoldRequest request, CancellationToken ct)
    {
        var reason = Reason(request.Reason);
        var now = clock.GetUtcNow();
        if (request.Until <= now)
            throw Refusal.Invalid("'until' lies in the past. Without it the hold lasts until it is released.");
        await RequireKeeperAsync(caller, space, node, ct);
        var row = new HoldRow(Guid.CreateVersion7(now), node, request.Until is null ? 0 : 1, reason, request.Until?.ToUniversalTime(), now, caller.Name, null, null, null);
        await ChangeAsync(
            space,
            async tx =>
            {
                var count = await tx.QuerySingleAsync<long>("select count(*) from holds where space_id = @space and node_id = @node and released_at is null", new { space, node }, ct);
                if (count >= options.Value.MaxHoldsPerNode)
                    throw new Refusal(RefusalKind.Unprocessable, $"A node has at most {options.Value.MaxHoldsPerNode} holds of its own.") { Limit = options.Value.MaxHoldsPerNode };
                const string sql =
                    """
                    insert into holds (space_id, id, node_id, kind, reason, until, created_at, created_by)
                    values (@space, @id, @node, @kind, @reason, @until, @now, @user)
                    """;
                await tx.ExecuteAsync(sql, new { space, id = row.Id, node, kind = (short)row.Kind, reason, until = row.Until, now, user = caller.UserId }, ct);
                await audit.AppendAsync(tx, await RecordAsync(tx, caller, "hold.place", space, row, reason, ct), ct);
            },
            ct);
        return row.ToHold(node);
    }

    /// <summary>A later end of a retention. Nobody makes it earlier.</summary>
    public async Task<Hold> ExtendAsync(Caller caller, SpaceId space, NodeId node, Guid id, DateTimeOffset until, CancellationToken ct)
    {
        await RequireKeeperAsync(caller, space, node, ct);
        HoldRow? row = null;
        await ChangeAsync(
            space,
            async tx =>
            {
                row = await FindAsync(tx, space, node, id, ct);
                if (row.Until is null)
                    throw Refusal.Invalid("A legal hold has no end that could be moved: it lasts until it is released.");
                if (until <= row.Until)
                    throw new Refusal(RefusalKind.Unprocessable, $"A retention can only be extended: this one ends at {row.Until.Value.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z.");
                row = row with { Until = until.ToUniversalTime() };
                await tx.ExecuteAsync("update holds set until = @until where space_id = @space and id = @id", new { space, id, until = row.Until }, ct);
                await audit.AppendAsync(tx, await RecordAsync(tx, caller, "hold.extend", space, row, row.Reason, ct), ct);
            },
            ct);
        return row!.ToHold(node);
    }

    /// <summary>Ends a legal hold, for a reason that is recorded. A retention ends by itself and by nothing else.</summary>
    public async Task<Hold> ReleaseAsync(Caller caller, SpaceId space, NodeId node, Guid id, string reason, CancellationToken ct)
    {
        reason = Reason(reason);
        await using (var connection = await db.OpenConnectionAsync(ct))
        {
            await access.RequireAsync(connection, caller, space, node, Rights.List, ct);
            if (!await MayReleaseAsync(connection, caller, ct))
            {
                await refusals.RecordAsync(new AuditRecord(caller.Actor, "hold.release", AuditOutcome.Refused, space, node), ct);
                throw Refusal.Forbidden("Releasing a legal hold is a right of its own, which an administrator gives to an account: 'admin holds allow USER'.");
            }
        }
        HoldRow? row = null;
        await ChangeAsync(
            space,
            async tx =>
            {
                row = await FindAsync(tx, space, node, id, ct);
                if (row.Until is { } until)
                    throw new Refusal(RefusalKind.Held, $"A retention is not released: it ends by itself at {until.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z.");
                row = row with { ReleasedAt = clock.GetUtcNow(), ReleasedBy = caller.Name, ReleaseReason = reason };
                const string sql = "update holds set released_at = @now, released_by = @user, release_reason = @reason where space_id = @space and id = @id";
                await tx.ExecuteAsync(sql, new { space, id, now = row.ReleasedAt, user = caller.UserId, reason }, ct);
                await audit.AppendAsync(tx, await RecordAsync(tx, caller, "hold.release", space, row, reason, ct), ct);
            },
            ct);
        return row!.ToHold(node);
    }

    /// <summary>Who may place and extend: managers, and who may release.</summary>
    async Task RequireKeeperAsync(Caller caller, SpaceId space, NodeId node, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        var needed = await MayReleaseAsync(connection, caller, ct) ? Rights.List : Rights.List | Rights.Manage;
        await access.RequireAsync(connection, caller, space, node, needed, ct);
    }

    /// <summary>Not through a token that may do less than its owner.</summary>
    static async Task<bool> MayReleaseAsync(NpgsqlConnection connection, Caller caller, CancellationToken ct) =>
        caller.Scope is null && await connection.QuerySingleAsync<bool>("select exists (select from hold_releasers where user_id = @user)", new { user = caller.UserId }, ct);

    /// <summary>Under the space's lock: a changeset is judged before the hold, or meets it.</summary>
    Task ChangeAsync(SpaceId space, Func<NpgsqlConnection, Task> work, CancellationToken ct) => turns.RunAsync(
        space,
        files.Value.CommitWaitSeconds,
        () => db.InTransactionAsync(
            async tx =>
            {
                _ = await SpaceLock.TakeAsync(tx, space, files.Value.CommitWaitSeconds, ct) ?? throw Refusal.NotFound("space");
                await work(tx);
                return 0;
            },
            ct),
        ct);

    static async Task<HoldRow> FindAsync(NpgsqlConnection tx, SpaceId space, NodeId node, Guid id, CancellationToken ct)
    {
        const string sql =
            """
            select h.id, h.node_id, h.kind::int as kind, h.reason, h.until, h.created_at, coalesce(u.name, '') as created_by, h.released_at, null as released_by, h.release_reason
            from holds h
            left join users u on u.id = h.created_by
            where h.space_id = @space and h.id = @id and h.node_id = @node and h.released_at is null
            """;
        return await tx.QuerySingleOrDefaultAsync<HoldRow>(sql, new { space, id, node }, ct) ?? throw Refusal.NotFound("hold");
    }

    static async Task<AuditRecord> RecordAsync(NpgsqlConnection tx, Caller caller, string action, SpaceId space, HoldRow row, string reason, CancellationToken ct)
    {
        var name = await tx.QuerySingleAsync<string>("select name from nodes where space_id = @space and id = @node", new { space, node = row.NodeId }, ct);
        var detail = $$"""{"hold":"{{row.Id}}","reason":"{{JsonEncodedText.Encode(reason)}}"{{(row.Until is { } until ? $",\"until\":\"{until.UtcDateTime:O}\"" : "")}}}""";
        return new AuditRecord(caller.Actor, action, AuditOutcome.Done, space, row.NodeId, name, detail);
    }

    string Reason(string? text) => text?.Trim() switch
    {
        { Length: > 0 } reason when reason.Length <= options.Value.MaxReasonChars && !reason.Contains('\0') => reason,
        _ => throw Refusal.Invalid($"'reason' says why, in at most {options.Value.MaxReasonChars} characters."),
    };

    sealed record HoldRow(
        Guid Id, NodeId NodeId, int Kind, string Reason, DateTimeOffset? Until, DateTimeOffset CreatedAt, string CreatedBy, DateTimeOffset? ReleasedAt, string? ReleasedBy,
        string? ReleaseReason)
    {
        public Hold ToHold(NodeId asked) => new(
            Id.ToString(), NodeId, Kind == 0 ? "legal" : "retention", Reason, Until, CreatedAt, CreatedBy, NodeId != asked, ReleasedAt, ReleasedBy, ReleaseReason);
    }
}
