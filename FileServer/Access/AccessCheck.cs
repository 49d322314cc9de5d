using System.Text.Json;
using FileServer.Audit;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using Npgsql;

namespace FileServer.Access;

/// <summary>
/// The one place that decides who may do what, on node ids, for every door. The algorithm is written down in docs/access.md:
/// what a caller may do on a node is the union of the grants on the node's scope and on all scopes above it.
/// </summary>
sealed class AccessCheck(NpgsqlDataSource db, AuditWriter audit, TimeProvider clock)
{
    /// <summary>
    /// What the caller may do on a live node.
    /// </summary>
    /// <exception cref="Refusal">Not there, in the trash, or neither to be listed nor open to what is needed: not found. Listed, but a needed right is missing: forbidden.</exception>
    public async Task<NodeAccess> RequireAsync(NpgsqlConnection connection, Caller caller, SpaceId space, NodeId node, Rights needed, CancellationToken ct)
    {
        var access = await OnNodeAsync(connection, caller, space, node, ct);
        if (access is not null && access.Allows(needed))
            return access;
        throw await RefusedAsync(caller, space, node, access?.Rights ?? Rights.None, needed, ct);
    }

    /// <summary>Puts on record that a caller lacks a right on a node, and says what they are told.</summary>
    public async Task<Refusal> RefusedAsync(Caller caller, SpaceId space, NodeId node, Rights held, Rights needed, CancellationToken ct)
    {
        await audit.RecordAsync(
            new AuditRecord(caller.Actor, "access.refuse", AuditOutcome.Refused, space, node, DetailJson: $$"""{"needed":{{Array(needed)}},"held":{{Array(held)}}}"""),
            ct);
        // What may not be listed does not exist; the audit log knows the difference.
        return held.HasFlag(Rights.List) ? Refusal.Forbidden($"Your role here does not let you do this: it lacks {Missing(needed, held)}.") : Refusal.NotFound("node");
    }

    /// <inheritdoc cref="RequireAsync(NpgsqlConnection, Caller, SpaceId, NodeId, Rights, CancellationToken)"/>
    public async Task<NodeAccess> RequireAsync(NpgsqlDataSource source, Caller caller, SpaceId space, NodeId node, Rights needed, CancellationToken ct)
    {
        await using var connection = await source.OpenConnectionAsync(ct);
        return await RequireAsync(connection, caller, space, node, needed, ct);
    }

    /// <summary>What the caller may do on a node; null when it is not there, not live, or its space is gone.</summary>
    public async Task<NodeAccess?> OnNodeAsync(NpgsqlConnection connection, Caller caller, SpaceId space, NodeId node, CancellationToken ct)
    {
        const string sql =
            """
            with recursive up (id, parent_id, state, access_id, hops) as (
                select n.id, n.parent_id, n.state, n.access_id, 0
                from nodes n
                where n.space_id = @space and n.id = @node
                union all
                select p.id, p.parent_id, p.state, p.access_id, u.hops + 1
                from up u
                join nodes p on p.space_id = @space and p.id = u.parent_id
                where u.hops < 100
            )
            select coalesce(bool_and(u.state = 0) and bool_or(u.id = @space), false)
                       and exists (select from spaces s where s.id = @space and s.deleted_at is null) as live,
                   (array_agg(u.access_id order by u.hops) filter (where u.access_id is not null))[1] as scope,
                   coalesce(bool_or(u.id = @within), false) as within
            from up u
            """;
        var place = await connection.QuerySingleAsync<Place>(sql, new { space, node, within = caller.Scope?.Node?.Value }, ct);
        if (!place.Live || place.Scope is not { } scope)
            return null;
        var rights = await GrantedAsync(connection, caller, space, [scope], ct);
        var narrowed = caller.Scope?.Node is null || place.Within;
        return new NodeAccess(node, scope, narrowed ? rights.GetValueOrDefault(scope) : Rights.None);
    }

    /// <summary>What the caller may do in these scopes; those that give nothing are left out.</summary>
    public async Task<IReadOnlyDictionary<Guid, Rights>> OnScopesAsync(
        NpgsqlConnection connection, Caller caller, SpaceId space, IReadOnlyCollection<Guid> accessIds, CancellationToken ct)
    {
        var rights = await GrantedAsync(connection, caller, space, accessIds, ct);
        if (caller.Scope?.Node is { } node && rights.Count > 0)
        {
            var within = await WithinAsync(connection, space, node, rights.Keys, ct);
            return rights.Where(scope => within.Contains(scope.Key)).ToDictionary();
        }
        return rights;
    }

    /// <inheritdoc cref="OnScopesAsync(NpgsqlConnection, Caller, SpaceId, IReadOnlyCollection{Guid}, CancellationToken)"/>
    public async Task<IReadOnlyDictionary<Guid, Rights>> OnScopesAsync(Caller caller, SpaceId space, IReadOnlyCollection<Guid> accessIds, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        return await OnScopesAsync(connection, caller, space, accessIds, ct);
    }

    /// <summary>What the caller may do in every scope of the space.</summary>
    public async Task<SpaceSight> SightAsync(NpgsqlConnection connection, Caller caller, SpaceId space, CancellationToken ct)
    {
        var scopes = await connection.QueryAsync<Guid>("select node_id from access_scopes where space_id = @space", new { space }, ct);
        var rights = await OnScopesAsync(connection, caller, space, scopes, ct);
        const Rights sees = Rights.List | Rights.Read;
        return new SpaceSight(scopes.Count > 0 && scopes.TrueForAll(scope => (rights.GetValueOrDefault(scope) & sees) == sees), rights);
    }

    /// <summary>What the caller may do in these scopes, by the algorithm of <see cref="HeldAsync"/> and <see cref="HeldGrants.On"/>.</summary>
    public async Task<IReadOnlyDictionary<Guid, Rights>> GrantedAsync(
        NpgsqlConnection connection, Caller caller, SpaceId space, IReadOnlyCollection<Guid> scopes, CancellationToken ct)
    {
        if (scopes.Count == 0 || HeldGrants.IsBarred(caller, space))
            return new Dictionary<Guid, Rights>();
        var asked = scopes.Distinct().ToArray();
        var held = await HeldAsync(connection, [.. asked.Select(scope => (space, scope))], PrincipalsOf(caller), ct);
        return asked.Select(scope => (Scope: scope, Rights: held.On(caller, space, scope))).Where(scope => scope.Rights != Rights.None)
            .ToDictionary(scope => scope.Scope, scope => scope.Rights);
    }

    /// <summary>
    /// The algorithm: from each scope up through the scopes it inherits from, all grants that hold now and are given to one
    /// of the principals, with the rights of their roles.
    /// </summary>
    public async Task<HeldGrants> HeldAsync(
        NpgsqlConnection connection, IReadOnlyCollection<(SpaceId Space, Guid Scope)> scopes, IReadOnlyCollection<Guid> principals, CancellationToken ct)
    {
        const string sql =
            """
            with recursive chain (space_id, scope, node_id, parent_scope) as (
                select s.space_id, s.node_id, s.node_id, s.parent_scope
                from unnest(@spaces, @scopes) as asked (space_id, scope)
                join access_scopes s on s.space_id = asked.space_id and s.node_id = asked.scope
                union all
                select c.space_id, c.scope, s.node_id, s.parent_scope
                from chain c
                join access_scopes s on s.space_id = c.space_id and s.node_id = c.parent_scope
            )
            select c.space_id, c.scope, g.principal_id as principal, bit_or((@rightsByRole)[g.role + 1]) as rights
            from chain c
            join grants g on g.space_id = c.space_id and g.node_id = c.node_id
            where g.to_revision is null
                and (g.expires_at is null or g.expires_at > @now)
                and g.principal_id = any(@principals)
            group by c.space_id, c.scope, g.principal_id
            """;
        var args = new
        {
            spaces = scopes.Select(scope => scope.Space.Value).ToArray(),
            scopes = scopes.Select(scope => scope.Scope).ToArray(),
            rightsByRole = Roles.RightsByRole,
            now = clock.GetUtcNow(),
            principals = principals.ToArray(),
        };
        var held = new HeldGrants();
        foreach (var row in await connection.QueryAsync<ScopeRights>(sql, args, ct))
            held.Add(row.SpaceId, row.Scope, row.Principal, (Rights)row.Rights);
        return held;
    }

    /// <summary>Those of the scopes that stand at or below a node: what a token that is narrowed to a folder may reach.</summary>
    static async Task<HashSet<Guid>> WithinAsync(NpgsqlConnection connection, SpaceId space, NodeId node, IEnumerable<Guid> scopes, CancellationToken ct)
    {
        const string sql =
            """
            with recursive up (scope, id, hops) as (
                select s.id, s.id, 0 from unnest(@scopes) as s (id)
                union all
                select u.scope, n.parent_id, u.hops + 1
                from up u
                join nodes n on n.space_id = @space and n.id = u.id
                where n.parent_id is not null and u.hops < 100
            )
            select distinct scope from up where id = @node
            """;
        return [.. await connection.QueryAsync<Guid>(sql, new { space, node, scopes = scopes.ToArray() }, ct)];
    }

    /// <summary>The caller, all their groups, and everyone, as grants name them.</summary>
    public static Guid[] PrincipalsOf(Caller caller) => [.. caller.Principals, Guid.Empty];

    static string Missing(Rights needed, Rights held) => string.Join(", ", (needed & ~held).Words().Select(word => $"'{word}'"));

    static string Array(Rights rights) => $"[{string.Join(',', rights.Words().Select(word => $"\"{JsonEncodedText.Encode(word)}\""))}]";

    sealed record Place(bool Live, Guid? Scope, bool Within);

    sealed record ScopeRights(SpaceId SpaceId, Guid Scope, Guid Principal, int Rights);
}
