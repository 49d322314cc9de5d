using System.Text.Json;
using FileServer.Audit;
using FileServer.Changes;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Access;

/// <summary>
/// Gives and ends grants, and stops and resumes inheritance. Each change is a revision of its space: it holds the space's
/// lock, keeps the interval in which the grant held, announces that the subtree must be listed anew, and is audited.
/// </summary>
sealed class Grants(NpgsqlDataSource db, AccessCheck access, SpaceTurns turns, AuditLog audit, TimeProvider clock, IOptions<AccessOptions> options)
{
    /// <summary>The grants that decide about a node, its own first.</summary>
    public async Task<GrantList> ListAsync(Caller caller, SpaceId space, NodeId node, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        var held = await access.RequireAsync(connection, caller, space, node, Rights.Share, ct);
        const string sql =
            """
            with recursive chain (node_id, parent_scope, hops) as (
                select s.node_id, s.parent_scope, 0
                from access_scopes s
                where s.space_id = @space and s.node_id = @scope
                union all
                select s.node_id, s.parent_scope, c.hops + 1
                from chain c
                join access_scopes s on s.space_id = @space and s.node_id = c.parent_scope
            )
            select g.id, g.node_id, g.principal_kind::int as principal_kind, coalesce(u.name, gr.name) as principal, g.role::int as role, g.expires_at, g.from_at,
                coalesce(author.name, '') as created_by
            from chain c
            join grants g on g.space_id = @space and g.node_id = c.node_id and g.to_revision is null
            left join users u on g.principal_kind = 0 and u.id = g.principal_id
            left join groups gr on g.principal_kind = 1 and gr.id = g.principal_id
            left join users author on author.id = g.created_by
            order by c.hops, g.from_at, g.id
            """;
        var rows = await connection.QueryAsync<GrantRow>(sql, new { space, scope = held.Scope }, ct);
        var stopped = await connection.QuerySingleAsync<bool>(
            "select exists (select from access_scopes where space_id = @space and node_id = @node and not inherits)", new { space, node }, ct);
        return new GrantList(!stopped, rows.ConvertAll(row => row.ToGrant(node)));
    }

    /// <summary>The ETag of <see cref="ListAsync"/>'s answer, for whoever has just been given that.</summary>
    public async Task<string> TagAsync(Caller caller, SpaceId space, NodeId node, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        var held = await access.OnNodeAsync(connection, caller, space, node, ct) ?? throw Refusal.NotFound("node");
        return await GrantTags.OfAsync(connection, space, node, held.Scope, ct);
    }

    /// <summary>Gives a principal a role at and below a node; what it had there before ends.</summary>
    public async Task<Grant> GiveAsync(Caller caller, SpaceId space, NodeId node, GrantRequest request, CancellationToken ct, Expectation? expected = null)
    {
        var role = Roles.Parse(request.Role) ?? throw Refusal.Invalid("'role' is viewer, uploader, contributor, editor or manager.");
        if (request.ExpiresAt <= clock.GetUtcNow())
            throw Refusal.Invalid("'expiresAt' lies in the past.");
        var principal = await Principal.FindAsync(db, request.Principal, ct);
        return await ChangeAsync(
            caller, space, node, Rights.Share,
            async change =>
            {
                var rights = Roles.RightsOf(role);
                if (!change.Held.Allows(rights))
                    throw Refusal.Forbidden("Nobody gives more than they hold themselves.");
                await change.MakeScopeAsync(ct);
                var before = await EndCurrentAsync(change, principal, ct);
                var grant = await InsertAsync(change, principal, role, request.ExpiresAt, ct);
                var detail = Detail(("principal", principal.Text), ("role", role.Word()), ("expiresAt", request.ExpiresAt?.ToString("O")));
                var narrower = before is { } old && (Roles.RightsOf((GrantRole)old) & ~rights) != Rights.None;
                return new Outcome<Grant>(grant, "grant.create", detail, narrower ? ResetReason.Revoked : ResetReason.Granted);
            },
            ct,
            expected);
    }

    public Task EndAsync(Caller caller, SpaceId space, NodeId node, Guid grant, CancellationToken ct, Expectation? expected = null) => ChangeAsync(
        caller, space, node, Rights.Share,
        async change =>
        {
            const string sql =
                """
                update grants g set to_revision = @revision, to_at = @now, ended_by = @user
                where g.space_id = @space and g.id = @grant and g.node_id = @node and g.to_revision is null
                returning g.principal_id
                """;
            var args = new { space, grant, node, change.Revision, change.Now, user = caller.UserId };
            var principal = await change.Tx.QuerySingleOrDefaultAsync<Guid?>(sql, args, ct) ?? throw Refusal.NotFound("grant");
            return new Outcome<Guid>(principal, "grant.revoke", Detail(("grant", grant.ToString()), ("principalId", principal.ToString())), ResetReason.Revoked);
        },
        ct,
        expected);

    /// <summary>
    /// Whether grants from above count at and below a node. Whoever stops inheritance becomes the node's manager by a
    /// grant of their own, unless they hold one there: a subtree without a manager could never be opened again.
    /// </summary>
    public Task SetInheritanceAsync(Caller caller, SpaceId space, NodeId node, bool inherit, CancellationToken ct, Expectation? expected = null) => ChangeAsync(
        caller, space, node, Rights.Manage,
        async change =>
        {
            if (node == space.Root)
                throw Refusal.Invalid("Nothing stands above the root that it could inherit from.");
            await change.MakeScopeAsync(ct);
            const string sql =
                """
                update access_scopes s
                set inherits = @inherit,
                    parent_scope = case when @inherit then (
                        select p.access_id
                        from nodes n
                        join nodes p on p.space_id = @space and p.id = n.parent_id
                        where n.space_id = @space and n.id = @node) end
                where s.space_id = @space and s.node_id = @node
                """;
            await change.Tx.ExecuteAsync(sql, new { space, node, inherit }, ct);
            var self = new Principal(0, caller.UserId.Value, $"user:{caller.Name}");
            if (!inherit && !await HasManagerAsync(change.Tx, space, node, ct))
            {
                await EndCurrentAsync(change, self, ct);
                await InsertAsync(change, self, GrantRole.Manager, null, ct);
            }
            return new Outcome<bool>(inherit, "inheritance.set", inherit ? """{"inherit":true}""" : """{"inherit":false}""", inherit ? ResetReason.Granted : ResetReason.Revoked);
        },
        ct,
        expected);

    /// <summary>What every change of access shares: check, lock, check again, change, keep a manager, count the revision, announce, audit.</summary>
    async Task<T> ChangeAsync<T>(
        Caller caller, SpaceId spaceId, NodeId node, Rights needed, Func<GrantChange, Task<Outcome<T>>> work, CancellationToken ct, Expectation? expected = null)
    {
        // Refused and recorded here as a rule; below only what was taken away in between.
        await access.RequireAsync(db, caller, spaceId, node, needed, ct);
        return await turns.RunAsync(spaceId, options.Value.LockWaitSeconds, () => db.InTransactionAsync(tx => ChangeAsync(tx, caller, spaceId, node, needed, expected ?? Expectation.None, work, ct), ct), ct);
    }

    async Task<T> ChangeAsync<T>(
        NpgsqlConnection tx, Caller caller, SpaceId spaceId, NodeId node, Rights needed, Expectation expected, Func<GrantChange, Task<Outcome<T>>> work, CancellationToken ct)
    {
        var space = await SpaceLock.TakeAsync(tx, spaceId, options.Value.LockWaitSeconds, ct) ?? throw Refusal.NotFound("space");
        var held = await access.OnNodeAsync(tx, caller, spaceId, node, ct);
        if (held is null || !held.Allows(needed))
            throw Refusal.NotFound("node");
        if (!expected.IsNone)
            expected.Require(await GrantTags.OfAsync(tx, spaceId, node, held.Scope, ct));
        var change = new GrantChange(tx, caller, spaceId, node, held, space.Revision + 1, clock.GetUtcNow());
        var outcome = await work(change);
        await RequireManagerAsync(change, ct);
        await RequireRoomAsync(change, ct);
        await tx.ExecuteAsync("update spaces set revision = @revision where id = @spaceId", new { spaceId, change.Revision }, ct);
        await AccessScopes.AnnounceAsync(tx, spaceId, change.Revision, [new SubtreeReset(node, outcome.Reason, held.Scope)], ct);
        var name = await tx.QuerySingleAsync<string>("select name from nodes where space_id = @spaceId and id = @node", new { spaceId, node }, ct);
        await audit.AppendAsync(tx, new AuditRecord(caller.Actor, outcome.Action, AuditOutcome.Done, spaceId, node, name.Length > 0 ? name : space.Name, outcome.Detail), ct);
        await ChangeNotifier.NotifyAsync(tx, spaceId, change.Revision, space.Epoch, ct);
        return outcome.Result;
    }

    /// <returns>The role that ended; null when the principal had none here.</returns>
    static Task<int?> EndCurrentAsync(GrantChange change, Principal principal, CancellationToken ct) => change.Tx.QuerySingleOrDefaultAsync<int?>(
        """
        update grants g set to_revision = @revision, to_at = @now, ended_by = @user
        where g.space_id = @space and g.node_id = @node and g.principal_kind = @kind and g.principal_id = @id and g.to_revision is null
        returning g.role::int
        """,
        new { change.Revision, change.Now, user = change.Caller.UserId, change.Space, change.Node, principal.Kind, principal.Id },
        ct);

    static async Task<Grant> InsertAsync(GrantChange change, Principal principal, GrantRole role, DateTimeOffset? expires, CancellationToken ct)
    {
        var id = Guid.CreateVersion7();
        const string sql =
            """
            insert into grants (space_id, id, node_id, principal_kind, principal_id, role, expires_at, from_revision, from_at, created_by)
            values (@space, @grant, @node, @kind, @id, @role, @expires, @revision, @now, @user)
            """;
        var args = new
        {
            change.Space,
            grant = id,
            change.Node,
            principal.Kind,
            principal.Id,
            role = (short)role,
            expires = expires?.ToUniversalTime(),
            change.Revision,
            change.Now,
            user = change.Caller.UserId,
        };
        await change.Tx.ExecuteAsync(sql, args, ct);
        return new Grant(id.ToString(), principal.Text, role.Word(), expires, change.Now, change.Caller.Name, change.Node, Inherited: false);
    }

    /// <summary>Where a chain of scopes begins, somebody must be able to give and end grants, for good.</summary>
    static async Task RequireManagerAsync(GrantChange change, CancellationToken ct)
    {
        const string sql =
            """
            with recursive chain (node_id, parent_scope) as (
                select s.node_id, s.parent_scope
                from access_scopes s
                where s.space_id = @space and s.node_id = coalesce((select s.node_id from access_scopes s where s.space_id = @space and s.node_id = @node), @scope)
                union all
                select s.node_id, s.parent_scope
                from chain c
                join access_scopes s on s.space_id = @space and s.node_id = c.parent_scope
            )
            select c.node_id from chain c where c.parent_scope is null
            """;
        var top = await change.Tx.QuerySingleAsync<NodeId>(sql, new { change.Space, change.Node, change.Held.Scope }, ct);
        if (!await HasManagerAsync(change.Tx, change.Space, top, ct))
            throw new Refusal(RefusalKind.Unprocessable, "Nobody could manage access here any more. Make somebody else a manager, without an expiry, first.");
    }

    /// <summary>A grant as manager that does not expire, of an account that can sign in or a group that holds anybody.</summary>
    static Task<bool> HasManagerAsync(NpgsqlConnection tx, SpaceId space, NodeId node, CancellationToken ct) => tx.QuerySingleAsync<bool>(
        """
        select exists (
            select from grants g
            where g.space_id = @space and g.node_id = @node and g.role = @manager and g.to_revision is null and g.expires_at is null
                and case g.principal_kind
                    when 0 then exists (select from users u where u.id = g.principal_id and u.disabled_at is null)
                    when 1 then exists (select from group_members m where m.group_id = g.principal_id)
                    else true
                end)
        """,
        new { space, node, manager = (short)GrantRole.Manager },
        ct);

    async Task RequireRoomAsync(GrantChange change, CancellationToken ct)
    {
        var count = await change.Tx.QuerySingleAsync<long>(
            "select count(*) from grants where space_id = @space and node_id = @node and to_revision is null", new { change.Space, change.Node }, ct);
        if (count > options.Value.MaxGrantsPerNode)
            throw new Refusal(RefusalKind.Unprocessable, $"A node has at most {options.Value.MaxGrantsPerNode} grants: use a group.") { Limit = options.Value.MaxGrantsPerNode };
    }

    static string Detail(params ReadOnlySpan<(string Name, string? Value)> members)
    {
        var parts = new List<string>(members.Length);
        foreach (var (name, value) in members)
        {
            if (value is not null)
                parts.Add($"\"{name}\":\"{JsonEncodedText.Encode(value)}\"");
        }
        return $"{{{string.Join(',', parts)}}}";
    }

    sealed record Outcome<T>(T Result, string Action, string Detail, ResetReason Reason);

    sealed record GrantRow(Guid Id, NodeId NodeId, int PrincipalKind, string? Principal, int Role, DateTimeOffset? ExpiresAt, DateTimeOffset FromAt, string CreatedBy)
    {
        public Grant ToGrant(NodeId asked) => new(
            Id.ToString(), Access.Principal.TextOf(PrincipalKind, Principal), ((GrantRole)Role).Word(), ExpiresAt, FromAt, CreatedBy, NodeId, NodeId != asked);
    }
}

/// <summary>A change of grants in its transaction: where, by whom, as which revision.</summary>
sealed record GrantChange(NpgsqlConnection Tx, Caller Caller, SpaceId Space, NodeId Node, NodeAccess Held, long Revision, DateTimeOffset Now)
{
    /// <summary>The node gets a scope of its own, if it has none.</summary>
    public Task MakeScopeAsync(CancellationToken ct) => AccessScopes.MakeAsync(Tx, Space, Node, ct);
}

/// <summary>Whom a grant is given to.</summary>
/// <param name="Kind">0 user, 1 group, 2 everyone.</param>
sealed record Principal(short Kind, Guid Id, string Text)
{
    public static string TextOf(int kind, string? name) => kind switch
    {
        0 => $"user:{name}",
        1 => $"group:{name}",
        _ => "everyone",
    };

    public static async Task<Principal> FindAsync(NpgsqlDataSource db, string? text, CancellationToken ct)
    {
        if (text == "everyone")
            return new Principal(2, Guid.Empty, text);
        var (kind, sql) = text switch
        {
            ['u', 's', 'e', 'r', ':', ..] => ((short)0, "select id, name from users where name_key = @key and disabled_at is null"),
            ['g', 'r', 'o', 'u', 'p', ':', ..] => ((short)1, "select id, name from groups where name_key = @key"),
            _ => throw Refusal.Invalid("'principal' is user:NAME, group:NAME or everyone."),
        };
        var key = NameRules.FoldKey(text[(text.IndexOf(':', StringComparison.Ordinal) + 1)..]);
        var found = await db.QuerySingleOrDefaultAsync<Named>(sql, new { key }, ct) ?? throw Refusal.NotFound(kind == 0 ? "user" : "group");
        return new Principal(kind, found.Id, TextOf(kind, found.Name));
    }

    sealed record Named(Guid Id, string Name);
}
