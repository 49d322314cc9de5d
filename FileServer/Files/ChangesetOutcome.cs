using FileServer.Access;
using FileServer.Database;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.Files;

/// <summary>
/// Judges what a changeset would leave behind: only the outcome must be a tree with unique names, so swaps, rotations and
/// inversions of a hierarchy need no detours.
/// </summary>
sealed class ChangesetOutcome(AccessCheck access)
{
    public async Task JudgeAsync(NpgsqlConnection tx, ChangesetWork work, int maxDepth, CancellationToken ct)
    {
        var deeper = JudgePlaces(work);
        JudgeLife(work);
        JudgeNames(work);
        await JudgeHeightsAsync(tx, work, deeper, maxDepth, ct);
        var folders = work.Request.Operations
            .Where(op => op.Op.Op == OperationKind.Delete && !work.Failed(op) && work.Tree.Find(op.NodeId) is { Before.Kind: NodeKind.Folder })
            .ToArray();
        if (folders.Length == 0)
            return;
        await JudgeHiddenBelowAsync(tx, work, folders, ct);
        await JudgeChangedBelowAsync(tx, work, folders.Where(op => op.Op.BaseRevision is not null).ToArray(), ct);
    }

    /// <returns>Existing folders that end up deeper than they were: what is below them must fit too.</returns>
    static List<(TouchedNode Folder, int Depth)> JudgePlaces(ChangesetWork work)
    {
        var deeper = new List<(TouchedNode, int)>();
        foreach (var node in work.Tree.All.Where(node => node.PlacedBy >= 0 && node.Now.State == NodeLife.Live))
        {
            var (standing, depth) = work.Tree.Judge(node);
            var folder = work.Tree.Find(node.Now.ParentId);
            switch (standing)
            {
                case Standing.NoFolder:
                    work.Refuse(node.PlacedBy, ConflictCode.ParentNotFound, "The folder is not there any more, or a folder above it.", folder);
                    break;
                case Standing.NotInFolder:
                    work.Refuse(node.PlacedBy, ConflictCode.ParentNotFolder, "The parent is no folder.", folder);
                    break;
                case Standing.Cycle:
                    work.Refuse(node.PlacedBy, ConflictCode.Cycle, "The folder would stand below itself.", node);
                    break;
                case Standing.TooDeep:
                    work.Refuse(node.PlacedBy, ConflictCode.TooDeep, "Too many folders stand above each other.");
                    break;
                case Standing.Good when node is { Before: not null, Now.Kind: NodeKind.Folder } && depth > work.Tree.DepthBefore(node):
                    deeper.Add((node, depth));
                    break;
            }
        }
        return deeper;
    }

    /// <summary>Operations that leave a node where it was need it, and all above it, to be live.</summary>
    static void JudgeLife(ChangesetWork work)
    {
        foreach (var op in work.Request.Operations)
        {
            if (work.Failed(op) || work.Tree.Find(op.NodeId) is not { Before: not null } node)
                continue;
            if (op.Op.Op == OperationKind.Delete)
            {
                if (!work.Tree.WasLive(node))
                    work.Refuse(op.Index, ConflictCode.NotFound, "There is no such node.");
            }
            else if (node.PlacedBy < 0 && work.Tree.Judge(node).Standing == Standing.NoFolder)
            {
                var code = op.Op.Op == OperationKind.PutFile ? ConflictCode.ParentNotFound : ConflictCode.NotFound;
                work.Refuse(op.Index, code, "A folder above it is in the trash.", node);
            }
        }
    }

    static void JudgeNames(ChangesetWork work)
    {
        var holders = new Dictionary<(NodeId, string), TouchedNode>();
        foreach (var node in work.Tree.All.Where(node => node.Now is { State: NodeLife.Live, ParentId: not null }))
        {
            var place = (node.Now.ParentId!.Value, node.Now.NameKey);
            if (holders.TryAdd(place, node))
                continue;
            // Who came first keeps the name.
            var (holder, late) = holders[place].PlacedBy < node.PlacedBy ? (holders[place], node) : (node, holders[place]);
            holders[place] = holder;
            if (late is { IsNew: true, MadeIn: { } folder } && !work.RightsOn(folder).HasFlag(Rights.List))
                late.Now = DropBoxName(late.Now, work.Now);
            else
                work.Refuse(late.PlacedBy, ConflictCode.NameTaken, $"The name '{late.Now.Name}' is taken in this folder.", holder);
        }
    }

    /// <summary>Who may put something in but not look must not learn from a refusal what is there: their file gets a name of its own.</summary>
    static NodeRow DropBoxName(NodeRow row, DateTimeOffset now)
    {
        var dot = row.Kind == NodeKind.File ? row.Name.LastIndexOf('.') : -1;
        var (stem, extension) = dot > 0 ? (row.Name[..dot], row.Name[dot..]) : (row.Name, "");
        var mark = $" ({now:yyyy-MM-dd HHmmss} {row.Id.Value.ToString("N")[^6..]})";
        var name = NodeName.Fit(stem, mark + extension);
        return row with { Name = name, NameKey = NodeName.KeyOf(name) };
    }

    static async Task JudgeHeightsAsync(
        NpgsqlConnection tx, ChangesetWork work, List<(TouchedNode Folder, int Depth)> deeper, int maxDepth, CancellationToken ct)
    {
        if (deeper.Count == 0)
            return;
        const string sql =
            """
            with recursive down (top, id, depth) as (
                select t.id, t.id, 0 from unnest(@tops) as t (id)
                union all
                select d.top, n.id, d.depth + 1
                from down d
                join nodes n on n.space_id = @space and n.parent_id = d.id and n.state = 0 and n.kind = 0
                where d.depth <= @maxDepth
            )
            select d.top, max(d.depth + (exists (select from nodes c where c.space_id = @space and c.parent_id = d.id and c.state = 0))::int) as levels
            from down d
            group by d.top
            """;
        var tops = deeper.Select(folder => folder.Folder.Id.Value).ToArray();
        var heights = (await tx.QueryAsync<Height>(sql, new { space = work.Space.Id, tops, maxDepth }, ct)).ToDictionary(height => height.Top, height => height.Levels);
        foreach (var (folder, depth) in deeper)
        {
            if (depth + heights.GetValueOrDefault(folder.Id) > maxDepth)
                work.Refuse(folder.PlacedBy, ConflictCode.TooDeep, "Too many folders would stand above what is below it.", folder);
        }
    }

    /// <summary>Nobody deletes what they may not delete by deleting a folder above it. Rights only shrink where a folder stops inheritance.</summary>
    async Task JudgeHiddenBelowAsync(NpgsqlConnection tx, ChangesetWork work, PreparedOperation[] deletes, CancellationToken ct)
    {
        const string sql =
            """
            with recursive up (scope, at) as (
                select s.node_id, n.parent_id
                from access_scopes s
                join nodes n on n.space_id = @space and n.id = s.node_id and n.state = 0
                where s.space_id = @space and not s.inherits
                union all
                select u.scope, p.parent_id
                from up u
                join nodes p on p.space_id = @space and p.id = u.at and p.state = 0
            )
            select u.at as top, u.scope from up u where u.at = any(@tops)
            """;
        var tops = deletes.Select(op => op.NodeId.Value).ToArray();
        var closed = await tx.QueryAsync<ClosedBelow>(sql, new { space = work.Space.Id, tops }, ct);
        if (closed.Count == 0)
            return;
        var rights = await access.GrantedAsync(tx, work.Caller, work.Space.Id, closed.Select(below => below.Scope).ToHashSet(), ct);
        foreach (var below in closed.Where(below => !rights.GetValueOrDefault(below.Scope).HasFlag(Rights.Delete) && StillBelow(work, below)))
        {
            var op = deletes.First(op => op.NodeId == below.Top);
            work.Refuse(op.Index, ConflictCode.Forbidden, "Your role does not let you delete everything that stands below.", work.Tree.Find(below.Top));
        }
    }

    static bool StillBelow(ChangesetWork work, ClosedBelow below) =>
        work.Tree.Find(new NodeId(below.Scope)) is not { } node || node.Now.ParentId == node.Before?.ParentId;

    /// <summary>A folder goes only as its author knew it: nothing below may have changed since, but for what this changeset itself moves away or deletes.</summary>
    static async Task JudgeChangedBelowAsync(NpgsqlConnection tx, ChangesetWork work, PreparedOperation[] deletes, CancellationToken ct)
    {
        if (deletes.Length == 0)
            return;
        // From the few nodes that changed upwards, not from the folder down.
        const string sql =
            """
            with recursive up (changed, at, way) as (
                select n.changed_revision, n.parent_id, array[n.id]
                from nodes n
                where n.space_id = @space and n.changed_revision > @since and n.state = 0
                union all
                select u.changed, p.parent_id, u.way || p.id
                from up u
                join nodes p on p.space_id = @space and p.id = u.at and p.state = 0
            )
            select t.id as top, array_to_string(u.way, ' ') as way
            from up u
            join unnest(@tops, @bases) as t (id, base) on t.id = u.at and u.changed > t.base
            """;
        var bases = deletes.Select(op => op.Op.BaseRevision!.Value).ToArray();
        var args = new { space = work.Space.Id, since = bases.Min(), tops = deletes.Select(op => op.NodeId.Value).ToArray(), bases };
        foreach (var changed in await tx.QueryAsync<ChangedBelow>(sql, args, ct))
        {
            var op = deletes.First(op => op.NodeId == changed.Top);
            if (!work.Failed(op) && changed.Way.Split(' ').All(id => Stays(work, new NodeId(Guid.Parse(id)))))
                work.Refuse(op.Index, ConflictCode.RevisionConflict, "Something below has changed meanwhile.", work.Tree.Find(changed.Top));
        }
    }

    static bool Stays(ChangesetWork work, NodeId id) =>
        work.Tree.Find(id) is not { Before: { } before } node || (node.Now.ParentId == before.ParentId && node.Now.State == before.State);

    sealed record Height(NodeId Top, int Levels);

    sealed record ClosedBelow(NodeId Top, Guid Scope);

    /// <param name="Way">Ids from the changed node up, the folder itself left out.</param>
    sealed record ChangedBelow(NodeId Top, string Way);
}
