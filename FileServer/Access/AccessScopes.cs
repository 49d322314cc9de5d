using FileServer.Database;
using FileServer.Protocol;
using Npgsql;

namespace FileServer.Access;

/// <summary>A folder that takes its access from another scope than before, with everything below that took it along.</summary>
sealed record ScopeChange(NodeId Folder, Guid Old, Guid New);

/// <summary>Why everything at and below a node must be listed anew.</summary>
enum ResetReason : short
{
    Granted,
    Revoked,
    Restored,
    Moved,
}

/// <summary>An announcement in the change feed that is no change of a node.</summary>
/// <param name="OldScope">The scope that decided before, where it is another now: its members lose sight of the subtree.</param>
sealed record SubtreeReset(NodeId Node, ResetReason Reason, Guid? OldScope);

/// <summary>Keeps the tree of scopes, and <c>nodes.access_id</c>, in step with the tree of nodes. Every method runs in the transaction that holds the space's lock.</summary>
static class AccessScopes
{
    /// <summary>
    /// Gives a node a scope of its own, if it has none. That alone changes nobody's rights: the scope inherits. A scope
    /// stays for as long as its node.
    /// </summary>
    public static async Task MakeAsync(NpgsqlConnection tx, SpaceId space, NodeId node, CancellationToken ct)
    {
        const string sql =
            """
            with made as (
                insert into access_scopes (space_id, node_id, parent_scope)
                select n.space_id, n.id, coalesce(n.access_id, p.access_id)
                from nodes n
                left join nodes p on p.space_id = n.space_id and p.id = n.parent_id
                where n.space_id = @space and n.id = @node and n.access_id is distinct from n.id
                returning node_id, parent_scope
            ), own as (
                update nodes n set access_id = n.id from made where n.space_id = @space and n.id = made.node_id
            )
            select parent_scope from made
            """;
        if (await tx.QuerySingleOrDefaultAsync<Guid?>(sql, new { space, node }, ct) is { } old)
            await RescopeAsync(tx, space, [new ScopeChange(node, old, node.Value)], ct);
    }

    /// <summary>Below each of these folders, what took its access from the old scope takes it from the new one: by one statement each for folders and scopes.</summary>
    public static async Task RescopeAsync(NpgsqlConnection tx, SpaceId space, IReadOnlyList<ScopeChange> changes, CancellationToken ct)
    {
        if (changes.Count == 0)
            return;
        // Goes down through folders that inherit, live or trashed, and stops at each that is a scope itself; that one is told its new parent.
        const string sql =
            """
            with recursive down (id, old, new) as (
                select u.id, u.old, u.new from unnest(@folders, @olds, @news) as u (id, old, new)
                union all
                select c.id, d.old, d.new
                from down d
                join lateral (
                    select n.id, n.access_id from nodes n where n.space_id = @space and n.parent_id = d.id and n.state = 0 and n.kind = 0
                    union all
                    select n.id, n.access_id from nodes n where n.space_id = @space and n.parent_id = d.id and n.state = 1 and n.kind = 0
                ) c on c.access_id = d.old
            ), folders as (
                update nodes n set access_id = d.new
                from down d
                where n.space_id = @space and n.id = d.id and n.access_id is distinct from d.new
            )
            update access_scopes s set parent_scope = d.new
            from nodes n, down d
            where s.space_id = @space and s.inherits and s.parent_scope = d.old
                and n.space_id = @space and n.id = s.node_id and n.parent_id = d.id
            """;
        var args = new
        {
            space,
            folders = changes.Select(change => change.Folder.Value).ToArray(),
            olds = changes.Select(change => change.Old).ToArray(),
            news = changes.Select(change => change.New).ToArray(),
        };
        await tx.ExecuteAsync(sql, args, ct);
    }

    /// <summary>Tells scopes that moved which scope stands above them now.</summary>
    /// <returns>Those for which that changes anything.</returns>
    public static async Task<IReadOnlySet<NodeId>> ReparentAsync(NpgsqlConnection tx, SpaceId space, IReadOnlyList<(NodeId Node, Guid ParentScope)> moves, CancellationToken ct)
    {
        if (moves.Count == 0)
            return new HashSet<NodeId>();
        const string sql =
            """
            update access_scopes s set parent_scope = u.parent_scope
            from unnest(@nodes, @parents) as u (node_id, parent_scope)
            where s.space_id = @space and s.node_id = u.node_id and s.inherits and s.parent_scope is distinct from u.parent_scope
            returning s.node_id
            """;
        var args = new { space, nodes = moves.Select(move => move.Node.Value).ToArray(), parents = moves.Select(move => move.ParentScope).ToArray() };
        return (await tx.QueryAsync<NodeId>(sql, args, ct)).ToHashSet();
    }

    public static async Task AnnounceAsync(NpgsqlConnection tx, SpaceId space, long revision, IReadOnlyList<SubtreeReset> resets, CancellationToken ct)
    {
        if (resets.Count == 0)
            return;
        const string sql =
            """
            insert into subtree_resets (space_id, revision, node_id, reason, old_access_id)
            select @space, @revision, u.* from unnest(@nodes, @reasons, @olds) as u
            """;
        var args = new
        {
            space,
            revision,
            nodes = resets.Select(reset => reset.Node.Value).ToArray(),
            reasons = resets.Select(reset => (short)reset.Reason).ToArray(),
            olds = resets.Select(reset => reset.OldScope).ToArray(),
        };
        await tx.ExecuteAsync(sql, args, ct);
    }
}
