using FileServer.Protocol.Contracts;

namespace FileClient.Sync.Core;

/// <summary>What the server has to change, in the order of a changeset: folders, restored nodes, moves, bytes, metadata, deletions.</summary>
sealed class RemoteOrder(Merge merge)
{
    readonly List<(Item Item, Entry Goal)> folders = [];
    readonly List<(Item Item, Step Step)> restores = [];
    readonly List<Step> moves = [], early = [], puts = [], metadata = [];
    readonly List<Item> deletes = [];

    public void Add(Item item)
    {
        if (item.HoldRemote)
            return;
        if (!item.Alive)
        {
            if (item.R is not null && item.L is null)
                deletes.Add(item);
            return;
        }
        var goal = Emit.Goal(item, merge.Root);
        if (item.RemoteBase is { } there)
            Change(item, goal, there);
        else if (item.Kind == NodeKind.Folder)
            folders.Add((item, goal));
        else
            puts.Add(new Step(item.Kind == NodeKind.Symlink ? StepKind.RemoteLink : StepKind.RemotePut, goal, null, item.ConflictOf));
    }

    void Change(Item item, Entry goal, Entry there)
    {
        if (item.RestoreTop)
            restores.Add((item, new Step(StepKind.RemoteRestore, goal, there)));
        else if (merge.RemoteParent(item) != item.Parent || there.Name != item.Name)
            moves.Add(new Step(StepKind.RemoteMove, goal, there));
        if (item is { Kind: NodeKind.File, FromLocal: true } && !goal.SameContent(there))
            puts.Add(new Step(StepKind.RemotePut, goal, there));
        else if (!goal.SameMetadata(there))
            metadata.Add(new Step(StepKind.RemoteMetadata, goal, there));
    }

    public IReadOnlyList<Step> Steps()
    {
        var doomed = deletes.ToHashSet();
        List<Step> late = [];
        foreach (var item in deletes)
        {
            // One deletion takes everything below with it.
            if (merge.RemoteParent(item) is { } parent && doomed.Contains(parent))
                continue;
            var step = new Step(StepKind.RemoteDelete, item.R!, item.R);
            (IsNameWanted(item) ? early : late).Add(step);
        }
        var topDown = folders.OrderBy(static folder => Depth(folder.Item)).ThenBy(static folder => folder.Item.Id.Value).Select(static folder => new Step(StepKind.RemoteFolder, folder.Goal));
        var back = restores.OrderBy(static restore => Depth(restore.Item)).ThenBy(static restore => restore.Item.Id.Value).Select(static restore => restore.Step);
        return [.. topDown, .. back, .. moves, .. early, .. puts, .. metadata, .. late];
    }

    HashSet<(Item, string)>? wanted;

    bool IsNameWanted(Item item)
    {
        if (wanted is null)
        {
            wanted = [];
            foreach (var other in merge.Items)
                if (other is { Alive: true, HoldRemote: false } && (other.R is null || merge.RemoteParent(other) != other.Parent || other.R.Name != other.Name))
                    wanted.Add((other.Parent ?? merge.Root, FileServer.Protocol.NameRules.FoldKey(other.Name)));
        }
        return wanted.Contains((merge.RemoteParent(item)!, item.R!.Key));
    }

    static int Depth(Item item)
    {
        var depth = 0;
        for (var next = item.Parent; next is not null; next = next.Parent)
            depth++;
        return depth;
    }
}
