using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync.Core;

/// <summary>The merged tree: for every node of the three trees, whether it lives on, where, under which name and with whose bytes.</summary>
/// <remarks>Precedence: unreadable, then guards, type, existence, place, content.</remarks>
sealed partial class Merge(
    TreeState synced, TreeState local, TreeState remote, PlanOptions options, bool holdLocalDeletes, bool holdRemoteDeletes)
{
    readonly Dictionary<NodeId, Item> items = [];
    readonly Dictionary<NodeId, Item> localOwner = [];
    readonly List<Item> all = [];
    readonly Dictionary<NodeId, Item> successor = [];
    Dictionary<Item, List<Item>>? localChildren;

    public Item Root { get; } = new(synced.Root, NodeKind.Folder) { Alive = true };

    /// <summary>Every item, ordered by id; new ones at the end in the order in which they arose.</summary>
    public IReadOnlyList<Item> Items => all;

    public PlanOptions Options => options;

    public Permits RootPermits => remote.RootPermits;

    public List<Problem> Problems { get; } = [];

    public List<ConflictNote> Conflicts { get; } = [];

    public List<string> Notes { get; } = [];

    public HashSet<NodeId> Forget { get; } = [];

    public void Run()
    {
        Collect();
        SetAside();
        Unify();
        foreach (var item in all)
            DecideExistence(item);
        ReviveMovedFolders();
        SplitForbiddenMoves();
        foreach (var item in all)
            DecidePlace(item);
        KeepAncestors();
        BreakCycles();
        DecideContents();
        HoldDoomedAncestors();
        // What cannot be carried keeps its old name, which then is not free for another.
        do
            DecideNames();
        while (HoldWhatCannotBeCarried());
        NoteCopies();
    }

    void Collect()
    {
        Add(synced, static (item, entry) => item.S = entry);
        Add(local, static (item, entry) => item.L = entry);
        Add(remote, static (item, entry) => item.R = entry);
        all.AddRange(items.Values);
        all.Sort(static (a, b) => a.Id.Value.CompareTo(b.Id.Value));
        foreach (var item in all)
            if (item.L is { } here)
                localOwner[here.Id] = item;
        items[Root.Id] = Root;
        localOwner[Root.Id] = Root;
    }

    void Add(TreeState tree, Action<Item, Entry> set)
    {
        foreach (var (id, entry) in tree.Nodes)
        {
            if (!items.TryGetValue(id, out var item))
                items[id] = item = new Item(id, entry.Kind) { Name = entry.Name };
            set(item, entry);
        }
    }

    /// <summary>The item that the local entry's folder now belongs to.</summary>
    public Item? LocalParent(Item item) => item.L is { } here ? localOwner.GetValueOrDefault(here.Parent, Root) : null;

    public Item? RemoteParent(Item item) => item.RemoteBase is { } there ? items.GetValueOrDefault(there.Parent, Root) : null;

    Item? SyncedParent(Item item) => item.S is { } then ? successor.GetValueOrDefault(then.Parent) ?? items.GetValueOrDefault(then.Parent) : null;

    bool MovedLocally(Item item) => item is { S: { } then, L: { } here } && (LocalParent(item) != SyncedParent(item) || here.Name != then.Name);

    bool MovedRemotely(Item item) => item is { S: { } then, R: { } there } && (items.GetValueOrDefault(there.Parent, Root) != SyncedParent(item) || there.Name != then.Name);

    static bool EditedLocally(Item item) => item is { S: { } then, L: { } here } && !here.SameContent(then);

    static bool EditedRemotely(Item item) => item is { S: { } then, R: { } there } && !there.SameContent(then);

    void SetAside()
    {
        foreach (var item in all)
        {
            if (item.L is { Status: EntryStatus.Unreadable } unreadable)
            {
                item.Hold();
                Report(item, "unreadable", unreadable.Reason ?? "It cannot be read.");
            }
            else if (item.L is { Status: EntryStatus.Ignored } || (item.L is null && item.R is { } there && options.IsIgnored(there.Name)))
            {
                // A rule change deletes nothing: the pair is forgotten, and meets as two new nodes if the rule goes.
                item.Hold();
                if (item.S is not null)
                    Forget.Add(item.Id);
            }
            else if (options.Waiting.TryGetValue(item.Id, out var reason))
            {
                item.Hold();
                Report(item, "waiting", reason);
            }
        }
    }

    public void Report(Item item, string code, string reason) =>
        Problems.Add(new Problem(item.Id, item.L?.Name ?? item.R?.Name ?? item.Name, code, reason));

    /// <summary>Gives the local entry of one item to another.</summary>
    void GiveLocal(Item from, Item to)
    {
        var entry = from.L!;
        to.L = entry;
        from.L = null;
        localOwner[entry.Id] = to;
        if (localChildren is not null && localChildren.Remove(from, out var children))
            localChildren[to] = children;
    }

    Item NewItem(NodeKind kind, string name)
    {
        var item = new Item(options.NewId(), kind) { Alive = true, Name = name, FromLocal = true };
        all.Add(item);
        items[item.Id] = item;
        return item;
    }

    List<Item> LocalChildren(Item folder)
    {
        if (localChildren is null)
        {
            localChildren = [];
            foreach (var item in all)
            {
                if (LocalParent(item) is not { } parent)
                    continue;
                if (!localChildren.TryGetValue(parent, out var list))
                    localChildren[parent] = list = [];
                list.Add(item);
            }
        }
        return localChildren.TryGetValue(folder, out var children) ? children : [];
    }
}
