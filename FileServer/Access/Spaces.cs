using FileServer.Audit;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Access;

/// <summary>A row of <c>spaces</c>.</summary>
/// <param name="Paused">Callers whose changes are paused here.</param>
sealed record SpaceRow(SpaceId Id, string Name, Guid Epoch, long Revision, long? QuotaBytes, long UsedBytes, int Paused)
{
    /// <summary>The columns in the order of this record, from <c>spaces s</c>.</summary>
    public const string Columns = "s.id, s.name, s.epoch, s.revision, s.quota_bytes, s.used_bytes, s.paused";
}

/// <summary>
/// The spaces of this server: who sees them, and how they come and go. A space is seen by whoever holds any grant in it,
/// and by administrators, who manage spaces without seeing what is in them.
/// </summary>
sealed class Spaces(NpgsqlDataSource db, AccessCheck access, AuditLog audit, TimeProvider clock, IOptions<AccessOptions> options)
{
    /// <summary>The space with this id or name, if the caller may see it: with any grant in it, or as an administrator.</summary>
    /// <exception cref="Refusal">There is none, or the caller may not see it.</exception>
    public async Task<SpaceRow> ResolveAsync(Caller caller, string nameOrId, CancellationToken ct)
    {
        // The database takes no such text, and no space is called so.
        if (nameOrId.Contains('\0'))
            throw Refusal.NotFound("space");
        const string sql =
            $"""
            select {SpaceRow.Columns}
            from spaces s
            where s.deleted_at is null and (s.id = @id or s.name_key = @key)
                and (@only::uuid is null or s.id = @only)
                and (@admin or exists (
                    select from grants g
                    where g.space_id = s.id and g.principal_id = any(@principals) and g.to_revision is null and (g.expires_at is null or g.expires_at > @now)))
            order by (s.id = @id) desc nulls last
            limit 1
            """;
        var args = new
        {
            id = Guid.TryParse(nameOrId, out var id) ? id : (Guid?)null,
            key = NameRules.FoldKey(nameOrId),
            only = caller.Scope?.Space?.Value,
            admin = Administers(caller),
            principals = AccessCheck.PrincipalsOf(caller),
            now = clock.GetUtcNow(),
        };
        return await db.QuerySingleOrDefaultAsync<SpaceRow>(sql, args, ct) ?? throw Refusal.NotFound("space");
    }

    /// <summary>The spaces that the caller may see, by name, from behind a name.</summary>
    public Task<List<SpaceRow>> ListAsync(Caller caller, string? behind, int count, CancellationToken ct)
    {
        const string sql =
            $"""
            select {SpaceRow.Columns}
            from spaces s
            where s.deleted_at is null
                and (@behind::text is null or s.name_key > @behind)
                and (@only::uuid is null or s.id = @only)
                and (@admin or exists (
                    select from grants g
                    where g.space_id = s.id and g.principal_id = any(@principals) and g.to_revision is null and (g.expires_at is null or g.expires_at > @now)))
            order by s.name_key
            limit @count
            """;
        var args = new
        {
            behind,
            count,
            only = caller.Scope?.Space?.Value,
            admin = Administers(caller),
            principals = AccessCheck.PrincipalsOf(caller),
            now = clock.GetUtcNow(),
        };
        return db.QueryAsync<SpaceRow>(sql, args, ct);
    }

    /// <summary>A new space; its creator becomes its manager.</summary>
    public async Task<SpaceRow> CreateAsync(Caller caller, SpaceRequest request, CancellationToken ct)
    {
        if (caller.Scope is not null || !(caller.Role == AccountRole.Admin || (caller.Role == AccountRole.Member && options.Value.MembersCreateSpaces)))
            throw Refusal.Forbidden("Spaces are made by administrators here.");
        if (request.QuotaBytes is not null && caller.Role != AccountRole.Admin)
            throw Refusal.Forbidden("Quotas are set by administrators.");
        var (name, key) = Name(request.Name);
        RequireQuota(request.QuotaBytes);
        var id = SpaceId.New();
        try
        {
            return await db.InTransactionAsync(tx => InsertAsync(tx, caller, id, name, key, request.QuotaBytes, ct), ct);
        }
        catch (PostgresException taken) when (taken is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "spaces_name" })
        {
            throw new Refusal(RefusalKind.NameTaken, $"There is a space called '{name}' already.", taken);
        }
    }

    /// <summary>Another name or quota; what is not in the patch stays.</summary>
    public async Task<SpaceRow> ChangeAsync(Caller caller, SpaceId id, string? newName, (bool Set, long? Bytes) quota, CancellationToken ct, Expectation? expected = null)
    {
        await RequireManageAsync(caller, id, ct);
        if (quota.Set && !Administers(caller))
            throw Refusal.Forbidden("Quotas are set by administrators.");
        RequireQuota(quota.Bytes);
        var (name, key) = newName is null ? (null, null) : Name(newName);
        const string sql =
            $"""
            update spaces s
            set name = coalesce(@name, s.name), name_key = coalesce(@key, s.name_key), quota_bytes = case when @setQuota then @bytes else s.quota_bytes end
            where s.id = @id and s.deleted_at is null
            returning {SpaceRow.Columns}
            """;
        try
        {
            return await db.InTransactionAsync(
                async tx =>
                {
                    await RequireAsync(tx, id, expected, ct);
                    var row = await tx.QuerySingleOrDefaultAsync<SpaceRow>(sql, new { id, name, key, setQuota = quota.Set, bytes = quota.Bytes }, ct)
                        ?? throw Refusal.NotFound("space");
                    await audit.AppendAsync(tx, new AuditRecord(caller.Actor, "space.change", AuditOutcome.Done, id, id.Root, row.Name), ct);
                    return row;
                },
                ct);
        }
        catch (PostgresException taken) when (taken is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "spaces_name" })
        {
            throw new Refusal(RefusalKind.NameTaken, $"There is a space called '{name}' already.", taken);
        }
    }

    /// <summary>The space is gone for everybody; its rows and bytes stay until they are cleared away.</summary>
    public async Task DeleteAsync(Caller caller, SpaceId id, CancellationToken ct, Expectation? expected = null)
    {
        await RequireManageAsync(caller, id, ct);
        await db.InTransactionAsync(
            async tx =>
            {
                var space = await SpaceLock.TakeAsync(tx, id, options.Value.LockWaitSeconds, ct) ?? throw Refusal.NotFound("space");
                await RequireAsync(tx, id, expected, ct);
                await tx.ExecuteAsync("update spaces set deleted_at = @now where id = @id", new { id, now = clock.GetUtcNow() }, ct);
                await audit.AppendAsync(tx, new AuditRecord(caller.Actor, "space.delete", AuditOutcome.Done, id, id.Root, space.Name), ct);
            },
            ct);
    }

    /// <summary>Over what a change of the space itself can change; what is put into it counts in revisions.</summary>
    public static string ETag(SpaceRow row) => EntityTags.Of(row.Id, row.Name, row.QuotaBytes);

    static async Task RequireAsync(NpgsqlConnection tx, SpaceId id, Expectation? expected, CancellationToken ct)
    {
        if (expected is null or { IsNone: true })
            return;
        const string sql = $"select {SpaceRow.Columns} from spaces s where s.id = @id and s.deleted_at is null for update";
        expected.Require(ETag(await tx.QuerySingleOrDefaultAsync<SpaceRow>(sql, new { id }, ct) ?? throw Refusal.NotFound("space")));
    }

    /// <summary>An administrator with all that the account may do; not one through a narrowed token.</summary>
    public static bool Administers(Caller caller) => caller.Role == AccountRole.Admin && caller.Scope is null or { Space: null, Node: null, Rights: null };

    async Task RequireManageAsync(Caller caller, SpaceId id, CancellationToken ct)
    {
        if (!Administers(caller))
            await access.RequireAsync(db, caller, id, id.Root, Rights.Manage, ct);
    }

    async Task<SpaceRow> InsertAsync(NpgsqlConnection tx, Caller caller, SpaceId id, string name, string key, long? quotaBytes, CancellationToken ct)
    {
        const string sql =
            $"""
            with space as (
                insert into spaces (id, name, name_key, epoch, revision, quota_bytes, created_at)
                values (@id, @name, @key, @epoch, 1, @quotaBytes, @now)
                returning id, name, epoch, revision, quota_bytes, used_bytes, paused
            ), root as (
                insert into nodes (space_id, id, name, name_key, kind, access_id, modified_at, changed_revision, changed_at, changed_by)
                values (@id, @id, '', '', 0, @id, @now, 1, @now, @user)
            ), scope as (
                insert into access_scopes (space_id, node_id) values (@id, @id)
            ), manager as (
                insert into grants (space_id, id, node_id, principal_kind, principal_id, role, from_revision, from_at, created_by)
                values (@id, @grant, @id, 0, @user, @role, 1, @now, @user)
            )
            select {SpaceRow.Columns} from space s
            """;
        var args = new
        {
            id,
            name,
            key,
            epoch = Guid.CreateVersion7(),
            quotaBytes,
            now = clock.GetUtcNow(),
            user = caller.UserId,
            grant = Guid.CreateVersion7(),
            role = (short)GrantRole.Manager,
        };
        var row = await tx.QuerySingleAsync<SpaceRow>(sql, args, ct);
        await audit.AppendAsync(tx, new AuditRecord(caller.Actor, "space.create", AuditOutcome.Done, id, id.Root, name), ct);
        return row;
    }

    static (string Name, string Key) Name(string? asked)
    {
        if (!NameRules.TryNormalize(asked?.Trim() ?? "", out var name, out var reason))
            throw Refusal.InvalidName(reason);
        if (Guid.TryParse(name, out _))
            throw Refusal.InvalidName("A space's name must not look like an id.");
        return (name, NameRules.FoldKey(name));
    }

    static void RequireQuota(long? bytes)
    {
        if (bytes < 0)
            throw Refusal.Invalid("'quotaBytes' is a number of bytes, or null for no limit.");
    }
}
