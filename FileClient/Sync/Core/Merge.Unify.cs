using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync.Core;

/// <content>Rows 3, 8, 24, 25: what both sides made alike is one node; so is a folder here that was deleted and made again there.</content>
sealed partial class Merge
{
    void Unify()
    {
        var fresh = all.Where(IsFresh).ToList();
        if (fresh.Count == 0 || remote.Nodes.Count == 0)
            return;
        var byPlace = new Dictionary<(NodeId Parent, string Key), Item>(remote.Nodes.Count);
        foreach (var item in all)
            if (item.R is { } there)
                byPlace.TryAdd((there.Parent, there.Key), item);
        var done = new HashSet<Item>();
        foreach (var item in fresh)
            Bind(item, byPlace, done);
    }

    // Folders first, so that the children of two folders made alike meet below the one that remains.
    void Bind(Item item, Dictionary<(NodeId Parent, string Key), Item> byPlace, HashSet<Item> done)
    {
        var path = new Stack<Item>();
        for (var next = item; next is not null && IsFresh(next) && done.Add(next); next = LocalParent(next))
            path.Push(next);
        foreach (var step in path)
        {
            var here = step.L!;
            if (!byPlace.TryGetValue((LocalParent(step)!.Id, here.Key), out var twin) || twin is not { L: null, Held: false } || twin == step || !Alike(here, twin.R!))
                continue;
            GiveLocal(step, twin);
            if (step.S is null)
                continue;
            successor[step.Id] = twin;
            twin.TakesSynced = true;
        }
    }

    bool IsFresh(Item item) => item is { L: not null, R: null, Held: false } && (item.S is null || (item.Kind == NodeKind.Folder && !options.Revoked.Contains(item.Id)));

    static bool Alike(Entry here, Entry there) =>
        here.Kind == there.Kind && here.Status == EntryStatus.Known && here.SameContent(there) && (here.Kind != NodeKind.File || here.Content is not null);
}
