using FileServer.Access;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.Files;

/// <summary>What the moves of a changeset mean for access: whose scope changes, and who has to be told.</summary>
sealed class ScopeMoves
{
    readonly List<ScopeChange> rescoped = [];
    readonly List<(NodeId Node, Guid ParentScope, Guid OldParentScope)> reparented = [];
    readonly List<SubtreeReset> resets = [];

    /// <summary>Gives every folder at its new place the scope that decides there.</summary>
    public static ScopeMoves Settle(ChangesetWork work)
    {
        var moves = new ScopeMoves();
        foreach (var node in work.Tree.All.Where(node => node.PlacedBy >= 0 && node.Now.State == NodeLife.Live))
        {
            var folder = work.Tree.Find(node.Now.ParentId)!;
            var scope = work.Tree.ScopeAfter(folder);
            if (node.Before is not { } before)
            {
                if (node.Now.Kind == NodeKind.Folder)
                    node.Now = node.Now with { AccessId = scope };
                continue;
            }
            // Also when it was moved out of a deleted folder: what it holds has not changed, but nobody has it any more.
            var restored = !work.Tree.WasLive(node);
            if (restored && before.Kind == NodeKind.Folder)
                moves.resets.Add(new SubtreeReset(node.Id, ResetReason.Restored, null));
            if (node.HasOwnScope)
                moves.reparented.Add((node.Id, scope, work.Tree.ScopeBefore(work.Tree.Find(before.ParentId)!)));
            else if (work.Tree.ScopeBefore(node) is var old && old != scope)
            {
                if (before.Kind == NodeKind.Folder)
                {
                    moves.rescoped.Add(new ScopeChange(node.Id, old, scope));
                    node.Now = node.Now with { AccessId = scope };
                }
                if (!restored)
                    moves.resets.Add(new SubtreeReset(node.Id, ResetReason.Moved, old));
            }
        }
        return moves;
    }

    public async Task WriteAsync(NpgsqlConnection tx, ChangesetWork work, long revision, CancellationToken ct)
    {
        await AccessScopes.RescopeAsync(tx, work.Space.Id, rescoped, ct);
        var changed = await AccessScopes.ReparentAsync(tx, work.Space.Id, [.. reparented.Select(move => (move.Node, move.ParentScope))], ct);
        resets.AddRange(reparented.Where(move => changed.Contains(move.Node)).Select(move => new SubtreeReset(move.Node, ResetReason.Moved, move.OldParentScope)));
        await AccessScopes.AnnounceAsync(tx, work.Space.Id, revision, [.. resets.DistinctBy(reset => reset.Node)], ct);
    }
}
