using FileServer.Protocol.Contracts;

namespace FileClient.Sync.Core;

/// <content>Rows 30–44, P4: where each node stands. Folder and name are two registers; the server wins each of them.</content>
sealed partial class Merge
{
    void DecidePlace(Item item)
    {
        var (here, there, then) = (item.L, item.RemoteBase, item.S);
        var localParent = LocalParent(item);
        var remoteParent = RemoteParent(item);
        if (item.Restored)
            there = null;
        if (here is null && there is null)
            (item.Parent, item.Name) = (SyncedParent(item) ?? Root, then?.Name ?? item.Name);
        else if (here is null)
            (item.Parent, item.Name) = (remoteParent, there!.Name);
        else if (there is null)
            (item.Parent, item.Name) = (localParent, here.Name);
        else if (then is null)
            (item.Parent, item.Name) = (remoteParent, there.Name);
        else
        {
            var syncedParent = SyncedParent(item);
            item.Parent = remoteParent != syncedParent ? remoteParent : localParent;
            item.Name = there.Name != then.Name ? there.Name : here.Name;
            if (MovedLocally(item) && (item.Parent != localParent || item.Name != here.Name) && !item.Held)
                Notes.Add($"“{here.Name}” was moved on both sides; the server's place “{item.Name}” won.");
        }
    }

    /// <summary>P4: what was moved out of a folder that may not lose it becomes a new node there; the source is restored.</summary>
    void SplitForbiddenMoves()
    {
        foreach (var item in all.Where(item => item is { S: not null, L: not null, R: { } there, Held: false }
            && MovedLocally(item) && !MovedRemotely(item) && !MayMove(item, there)).ToList())
            Split(item);
    }

    bool MayMove(Item item, Entry there) =>
        LocalParent(item) == SyncedParent(item) ? there.Permits.HasFlag(Permits.Write) : there.Permits.HasFlag(Permits.Write | Permits.Delete);

    void Split(Item item)
    {
        if (item.L is null || item.R is null)
            return;
        var children = item.Kind == NodeKind.Folder ? LocalChildren(item).ToList() : [];
        var copy = NewItem(item.Kind, item.L.Name);
        GiveLocal(item, copy);
        item.Alive = true;
        foreach (var child in children)
            Split(child);
    }

    /// <summary>Row 39: on a circle that both sides closed together, every local move is taken back.</summary>
    void BreakCycles()
    {
        while (FindCycle() is { } cycle)
        {
            var reverted = false;
            foreach (var item in cycle)
            {
                if (item.R is not { } there || RemoteParent(item) is not { } parent || parent == item.Parent)
                    continue;
                (item.Parent, item.Name) = (parent, there.Name);
                reverted = true;
            }
            if (!reverted)
                cycle.MinBy(static item => item.Id.Value)!.Parent = Root;
            Notes.Add($"“{cycle[0].Name}” was moved into its own content by two sides together; the server's place won.");
            KeepAncestors();
        }
    }

    List<Item>? FindCycle()
    {
        var clean = new HashSet<Item> { Root };
        var path = new List<Item>();
        foreach (var item in all)
        {
            path.Clear();
            var seen = new HashSet<Item>();
            for (var next = item; next is not null && next.Alive && !clean.Contains(next); next = next.Parent)
            {
                if (!seen.Add(next))
                    return path[path.IndexOf(next)..];
                path.Add(next);
            }
            clean.UnionWith(path);
        }
        return null;
    }
}
