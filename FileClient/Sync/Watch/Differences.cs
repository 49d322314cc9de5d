using FileClient.Sync.Core;
using FileClient.Sync.State;
using FileServer.Protocol;

namespace FileClient.Sync.Watch;

// 1. A node in which the three trees agree has no part in a plan, unless something happens to its folder, to what it holds, or beside it under the same name.
// 2. So it is enough to compare the nodes that differ, with their ancestors, their siblings, and all that is below them.

/// <summary>Knows which nodes differ between the three trees, so that a comparison need not go through all of them.</summary>
sealed class Differences(SyncState state, SyncLink link)
{
    readonly HashSet<NodeId> apart = [];

    // Which nodes stand, or once stood, in a folder in any of the trees. Too many do no harm; the trees decide.
    readonly Dictionary<NodeId, HashSet<NodeId>> family = [];

    /// <summary>Whether the trees agree everywhere.</summary>
    public bool None => apart.Count == 0;

    /// <summary>Looks at these nodes again.</summary>
    public void Refresh(IEnumerable<NodeId> ids, Dictionary<NodeId, Entry> tree)
    {
        foreach (var id in ids)
        {
            var (then, here, there) = (state.Synced.GetValueOrDefault(id), tree.GetValueOrDefault(id), state.Remote.GetValueOrDefault(id));
            Join(then);
            Join(here);
            Join(there);
            if (Agree(then, here, there))
                apart.Remove(id);
            else
                apart.Add(id);
        }
    }

    static bool Agree(Entry? then, Entry? here, Entry? there)
    {
        if (then is null)
            return here is null && there is null;
        return here is { Status: EntryStatus.Known } && then.Agrees(here) && then.Equals(there);
    }

    void Join(Entry? entry)
    {
        if (entry is null)
            return;
        if (!family.TryGetValue(entry.Parent, out var members))
            family[entry.Parent] = members = [];
        members.Add(entry.Id);
    }

    /// <summary>Forgets all; what follows is a <see cref="Refresh"/> of everything.</summary>
    public void Clear()
    {
        apart.Clear();
        family.Clear();
    }

    /// <summary>The three trees, without the parts in which nothing can happen.</summary>
    public (TreeState Synced, TreeState Local, TreeState Remote) Trees(Dictionary<NodeId, Entry> tree)
    {
        var permits = int.TryParse(state.Meta("rootPermits"), out var stored) ? (Permits)stored : Permits.All;
        var narrow = Narrow.Around(apart, family, state.Synced, tree, state.Remote, link.Root);
        return (
            new TreeState(link.Root, narrow.Synced) { Whole = state.Synced.Count },
            new TreeState(link.Root, narrow.Local) { Whole = tree.Count },
            new TreeState(link.Root, narrow.Remote, permits));
    }
}

/// <summary>Cuts the three trees down to what surrounds the nodes that differ.</summary>
sealed class Narrow
{
    readonly IReadOnlyDictionary<NodeId, HashSet<NodeId>> family;
    readonly IReadOnlyDictionary<NodeId, Entry>[] trees;
    readonly NodeId root;
    readonly HashSet<NodeId> chosen = [];
    readonly HashSet<NodeId> opened = [];

    Narrow(IReadOnlyDictionary<NodeId, HashSet<NodeId>> family, NodeId root, params IReadOnlyDictionary<NodeId, Entry>[] trees) =>
        (this.family, this.root, this.trees) = (family, root, trees);

    public static (Dictionary<NodeId, Entry> Synced, Dictionary<NodeId, Entry> Local, Dictionary<NodeId, Entry> Remote) Around(
        IReadOnlySet<NodeId> apart, IReadOnlyDictionary<NodeId, HashSet<NodeId>> family,
        IReadOnlyDictionary<NodeId, Entry> synced, IReadOnlyDictionary<NodeId, Entry> local, IReadOnlyDictionary<NodeId, Entry> remote, NodeId root)
    {
        var narrow = new Narrow(family, root, synced, local, remote);
        foreach (var id in apart)
            narrow.Choose(id);
        return (narrow.Cut(synced), narrow.Cut(local), narrow.Cut(remote));
    }

    void Choose(NodeId id)
    {
        Below(id);
        Open(id);
    }

    void Below(NodeId top)
    {
        var stack = new Stack<NodeId>([top]);
        while (stack.TryPop(out var id))
        {
            if (!chosen.Add(id) && id != top)
                continue;
            // What a family once held may stand elsewhere by now, with folders of its own around it.
            Above(id);
            if (opened.Add(id))
                foreach (var child in family.GetValueOrDefault(id) ?? [])
                    stack.Push(child);
        }
    }

    // The siblings in every tree, and the folders up to the root.
    void Open(NodeId id)
    {
        foreach (var tree in trees)
        {
            if (!tree.TryGetValue(id, out var entry))
                continue;
            foreach (var sibling in family.GetValueOrDefault(entry.Parent) ?? [])
                if (chosen.Add(sibling))
                    Above(sibling);
        }
    }

    void Above(NodeId id)
    {
        foreach (var tree in trees)
            for (var at = id; tree.TryGetValue(at, out var entry) && entry.Parent != root;)
            {
                at = entry.Parent;
                if (!chosen.Add(at))
                {
                    // Its own way up has been walked, in each tree, by whoever chose it first.
                    break;
                }
                Above(at);
            }
    }

    /// <summary>Only what hangs below the root, as far as the server shows nodes of other folders.</summary>
    Dictionary<NodeId, Entry> Cut(IReadOnlyDictionary<NodeId, Entry> tree)
    {
        var cut = new Dictionary<NodeId, Entry>(chosen.Count);
        foreach (var id in chosen)
            if (tree.TryGetValue(id, out var entry) && HangsBelowRoot(tree, entry))
                cut[id] = entry;
        return cut;
    }

    bool HangsBelowRoot(IReadOnlyDictionary<NodeId, Entry> tree, Entry entry)
    {
        while (entry.Parent != root)
            if (!tree.TryGetValue(entry.Parent, out entry!))
                return false;
        return true;
    }
}
