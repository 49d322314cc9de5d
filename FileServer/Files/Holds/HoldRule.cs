using FileServer.Database;
using FileServer.Protocol;
using Npgsql;

namespace FileServer.Files.Holds;

/// <summary>
/// What holds mean to changesets: nothing that is held, or holds something held below, goes to the trash, and nothing moves
/// out of the reach of a hold. The database enforces the same again when the transaction commits (0007); here each operation is
/// told which hold stands in its way.
/// </summary>
sealed class HoldRule
{
    readonly ILookup<NodeId, HeldRow> held;

    HoldRule(IEnumerable<HeldRow> held) => this.held = held.ToLookup(row => row.NodeId);

    /// <summary>One statement for all changesets, and none where nothing is deleted or moved.</summary>
    public static async Task<HoldRule> ReadAsync(NpgsqlConnection tx, IReadOnlyList<ChangesetWork> works, CancellationToken ct)
    {
        var gone = works.SelectMany(work => work.Tree.All).Where(IsGone).ToArray();
        var moved = works.SelectMany(work => work.Tree.All.Where(IsMoved).Select(node => (Work: work, Node: node))).ToArray();
        if (gone.Length + moved.Length == 0)
            return new HoldRule([]);
        const string sql =
            """
            select g.id as node_id, h.reason, h.until
            from unnest(@gone) as g (id)
            left join lateral (select * from holds_on(@space, g.id) limit 1) h on true
            where (select exists (select from holds where space_id = @space and released_at is null)) and is_held(@space, g.id)
            union all
            select m.id, h.reason, h.until
            from unnest(@moved, @olds, @news) as m (id, old, new)
            join lateral (
                select a.reason, a.until
                from holds_on(@space, m.old) a
                where not exists (select from holds_on(@space, m.new) b where b.id = a.id)
                limit 1
            ) h on true
            where (select exists (select from holds where space_id = @space and released_at is null))
            """;
        var args = new
        {
            space = works[0].Space.Id,
            gone = Array.ConvertAll(gone, node => node.Id.Value),
            moved = Array.ConvertAll(moved, move => move.Node.Id.Value),
            olds = Array.ConvertAll(moved, move => move.Node.Before!.ParentId!.Value.Value),
            news = Array.ConvertAll(moved, move => PlaceOf(move.Work, move.Node)),
        };
        return new HoldRule(await tx.QueryAsync<HeldRow>(sql, args, ct));
    }

    /// <summary>Notes a conflict for each operation that a hold forbids.</summary>
    public void Judge(ChangesetWork work)
    {
        if (held.Count == 0)
            return;
        foreach (var node in work.Tree.All.Where(node => IsGone(node) || IsMoved(node)))
        {
            foreach (var row in held[node.Id].Take(1))
                work.Refuse(node.PlacedBy, ConflictCode.Held, Sentence(row), node);
        }
    }

    static bool IsGone(TouchedNode node) => node is { Before.State: NodeLife.Live, PlacedBy: >= 0, Now.State: not NodeLife.Live };

    static bool IsMoved(TouchedNode node) => node is { Before: not null, PlacedBy: >= 0, Now.State: NodeLife.Live } && node.Before.ParentId != node.Now.ParentId;

    /// <summary>The deepest folder above the node's new place that was there before the changeset.</summary>
    static Guid PlaceOf(ChangesetWork work, TouchedNode node)
    {
        var at = work.Tree.Find(node.Now.ParentId);
        for (var hops = 0; at is { IsNew: true } && hops < work.Tree.All.Count; hops++)
            at = work.Tree.Find(at.Now.ParentId);
        return at?.Id.Value ?? Guid.Empty;
    }

    static string Sentence(HeldRow held) => held switch
    {
        { Reason: null } => "Something below is held: it can neither be deleted nor moved out of the reach of its hold.",
        { Until: { } until } => $"Kept until {until.UtcDateTime:yyyy-MM-dd}: {held.Reason}",
        _ => $"Under legal hold: {held.Reason}",
    };

    /// <param name="Reason">Of a hold on the node or above it; null when only something below is held.</param>
    sealed record HeldRow(NodeId NodeId, string? Reason, DateTimeOffset? Until);
}
