using FileServer.Access;
using FileServer.Database;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.Files.Locks;

/// <summary>
/// What locks mean to a changeset: the locks on and above all that it touches, and below what it moves or deletes, are read
/// by one statement; each operation that changes something locked must come from its holder.
/// </summary>
sealed class LockRule
{
    readonly ChangesetWork work;
    readonly bool any;
    readonly IReadOnlySet<Guid> tokens;
    readonly ILookup<NodeId, LockRow> on;
    readonly ILookup<NodeId, BelowRow> below;
    readonly HashSet<Guid> ended = [];

    LockRule(ChangesetWork work, ILookup<NodeId, LockRow> on, ILookup<NodeId, BelowRow> below)
    {
        this.work = work;
        this.on = on;
        this.below = below;
        any = on.Count + below.Count > 0;
        tokens = LockTokens.Of(work.Request.Changeset);
    }

    public ChangesetWork Work => work;

    /// <summary>Reads what is locked of all that these changesets, which are carried out in memory already, touch.</summary>
    public static async Task<IReadOnlyList<LockRule>> ReadAsync(NpgsqlConnection tx, IReadOnlyList<ChangesetWork> works, CancellationToken ct)
    {
        if (works.Count == 0)
            return [];
        const string sql =
            $"""
            with recursive up (token, top) as (
                select l.token, l.node_id
                from node_locks l
                where l.space_id = @space and l.expires_at > @now and cardinality(@tops) > 0
                union all
                select u.token, n.parent_id
                from up u
                join nodes n on n.space_id = @space and n.id = u.top and n.parent_id is not null
            ), relevant (token, top) as (
                select l.token, null::uuid from node_locks l where l.space_id = @space and l.node_id = any(@ids) and l.expires_at > @now
                union all
                select up.token, up.top from up where up.top = any(@tops)
            )
            select r.top, {LockRow.Columns}
            from relevant r
            join node_locks l on l.space_id = @space and l.token = r.token
            left join users u on u.id = l.user_id
            where r.top is distinct from l.node_id
            """;
        var touched = works.SelectMany(work => work.Tree.All).ToArray();
        var args = new
        {
            space = works[0].Space.Id,
            now = works[0].Now,
            ids = touched.Select(node => node.Id.Value).Distinct().ToArray(),
            tops = touched.Where(node => node.Before?.Kind == NodeKind.Folder && IsPlaced(node)).Select(node => node.Id.Value).ToArray(),
        };
        var rows = await tx.QueryAsync<FoundRow>(sql, args, ct);
        var on = rows.Where(row => row.Top is null).Select(row => row.Lock).ToLookup(held => held.NodeId);
        var below = rows.Where(row => row.Top is not null).Select(row => new BelowRow(row.Top!.Value, row.Lock)).ToLookup(held => held.Top);
        return [.. works.Select(work => new LockRule(work, on, below))];
    }

    /// <summary>Locks die with their node; those of WebDAV, which hold an address, also when it moves (RFC 4918 §9.9). A check-out stays with its node.</summary>
    public async Task EndAsync(NpgsqlConnection tx, CancellationToken ct)
    {
        if (ended.Count > 0)
            await tx.ExecuteAsync("delete from node_locks where space_id = @space and token = any(@tokens)", new { space = work.Space.Id, tokens = ended.ToArray() }, ct);
    }

    /// <summary>Notes a conflict for each operation that a lock forbids.</summary>
    public void Judge()
    {
        if (!any)
            return;
        foreach (var op in work.Request.Operations)
        {
            if (work.Failed(op) || work.Tree.Find(op.NodeId) is not { Changed: true } node)
                continue;
            if (node.IsNew)
                RequireOpen(op, Folder(node.Now.ParentId), after: true);
            else if (!IsPlaced(node))
                RequireOpen(op, node, after: false);
            else
                JudgePlaced(op, node);
        }
    }

    /// <summary>A node with another name, place or life: it is one of its old folder's members, and one of its new folder's.</summary>
    void JudgePlaced(PreparedOperation op, TouchedNode node)
    {
        if (node.Before!.State == NodeLife.Live)
        {
            RequireOpen(op, node, after: false);
            RequireOpen(op, Folder(node.Before.ParentId), after: false);
            foreach (var group in below[node.Id].GroupBy(held => held.Lock.NodeId))
                RequireHeld(op, node, [.. group.Select(held => held.Lock)]);
            foreach (var held in on[node.Id].Concat(below[node.Id].Select(held => held.Lock)))
            {
                if (node.Now.State != NodeLife.Live || !held.IsCheckOut)
                    ended.Add(held.Token);
            }
        }
        if (node.Now.State == NodeLife.Live)
            RequireOpen(op, Folder(node.Now.ParentId), after: true);
    }

    /// <summary>The node is not locked, nor all that is below a folder above it; or the caller holds one of these locks.</summary>
    void RequireOpen(PreparedOperation op, TouchedNode? node, bool after)
    {
        if (node is null)
            return;
        var locks = on[node.Id].ToList();
        // The outcome was judged to be a tree, but where it is not the operation has failed already.
        var hops = 0;
        for (var at = Above(node, after); at is not null && hops++ < work.Tree.All.Count; at = Above(at, after))
            locks.AddRange(on[at.Id].Where(held => held.Deep));
        RequireHeld(op, node, locks);
    }

    void RequireHeld(PreparedOperation op, TouchedNode node, IReadOnlyList<LockRow> locks)
    {
        if (locks.Count == 0 || locks.Any(held => held.IsHeldBy(work.Caller, tokens)))
            return;
        var first = locks[0];
        // Who may not look into the folder learns that it is locked, and no more.
        if (work.RightsOn(node).HasFlag(Rights.List))
            work.Refuse(op.Index, ConflictCode.Locked, first.Sentence(work.Tree.Find(first.NodeId)?.Now.Name is { Length: > 0 } name ? name : node.Now.Name), node, nodeLock: first.View(work.Caller));
        else
            work.Refuse(op.Index, ConflictCode.Locked, "This is locked by somebody else.");
    }

    TouchedNode? Above(TouchedNode node, bool after) =>
        node.IsNew ? node.MadeIn : Folder(after ? node.Now.ParentId : node.Before!.ParentId);

    TouchedNode? Folder(NodeId? id) => work.Tree.Find(id);

    static bool IsPlaced(TouchedNode node) =>
        node.Before is { } before && (before.State != node.Now.State || before.ParentId != node.Now.ParentId || before.Name != node.Now.Name);

    sealed record BelowRow(NodeId Top, LockRow Lock);

    sealed record FoundRow(
        NodeId? Top, Guid Token, NodeId NodeId, UserId UserId, string Holder, string? Owner, string? Reason, bool Shared, bool Deep, Origin Origin,
        DateTimeOffset CreatedAt, DateTimeOffset RefreshedAt, DateTimeOffset ExpiresAt)
    {
        public LockRow Lock => new(Token, NodeId, UserId, Holder, Owner, Reason, Shared, Deep, Origin, CreatedAt, RefreshedAt, ExpiresAt);
    }
}
