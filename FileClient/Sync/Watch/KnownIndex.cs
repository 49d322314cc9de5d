using FileClient.Sync.Core;
using FileClient.Sync.State;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync.Watch;

/// <summary>What is known of the disk, findable by folder, by place and by inode without a walk through all of it.</summary>
sealed class KnownIndex(SyncState state)
{
    static readonly IReadOnlyDictionary<string, NodeId> nothing = new Dictionary<string, NodeId>();

    readonly Dictionary<NodeId, KnownEntry> mirror = [];
    readonly Dictionary<NodeId, Dictionary<string, NodeId>> children = [];
    readonly Dictionary<(ulong Device, ulong Inode), NodeId> byInode = [];

    public KnownEntry? Find(NodeId id) => mirror.GetValueOrDefault(id);

    /// <summary>The entries of a folder, by their names on the disk.</summary>
    public IReadOnlyDictionary<string, NodeId> ChildrenOf(NodeId folder) => children.TryGetValue(folder, out var names) ? names : nothing;

    public KnownEntry? At(NodeId folder, string diskName) => ChildrenOf(folder).TryGetValue(diskName, out var id) ? Find(id) : null;

    /// <summary>What had this inode in the same life.</summary>
    public KnownEntry? Of(Signature signature) =>
        byInode.TryGetValue((signature.Device, signature.Inode), out var id) && Find(id) is { } known && known.Signature.SameInode(signature) ? known : null;

    /// <summary>Takes over what changed about these nodes.</summary>
    public void Refresh(IEnumerable<NodeId> ids)
    {
        foreach (var id in ids)
        {
            var now = state.Known.GetValueOrDefault(id);
            var before = mirror.GetValueOrDefault(id);
            if (ReferenceEquals(now, before))
                continue;
            if (before is not null)
                Drop(before);
            if (now is not null)
                Add(now);
        }
    }

    void Add(KnownEntry entry)
    {
        mirror[entry.Id] = entry;
        if (!children.TryGetValue(entry.Parent, out var names))
            children[entry.Parent] = names = new Dictionary<string, NodeId>(StringComparer.Ordinal);
        names[entry.DiskName] = entry.Id;
        if (entry.Signature.Inode != 0)
            byInode[(entry.Signature.Device, entry.Signature.Inode)] = entry.Id;
    }

    // Another node may have taken the place or the inode meanwhile; then it is no longer this one's to clear.
    void Drop(KnownEntry entry)
    {
        mirror.Remove(entry.Id);
        if (children.TryGetValue(entry.Parent, out var names) && names.TryGetValue(entry.DiskName, out var there) && there == entry.Id)
        {
            names.Remove(entry.DiskName);
            if (names.Count == 0)
                children.Remove(entry.Parent);
        }
        if (byInode.TryGetValue((entry.Signature.Device, entry.Signature.Inode), out var owner) && owner == entry.Id)
            byInode.Remove((entry.Signature.Device, entry.Signature.Inode));
    }

    /// <summary>All that is known below a folder.</summary>
    public IEnumerable<KnownEntry> Below(NodeId folder)
    {
        var stack = new Stack<NodeId>([folder]);
        while (stack.TryPop(out var at))
            foreach (var id in ChildrenOf(at).Values)
            {
                var known = mirror[id];
                yield return known;
                if (known.Kind == NodeKind.Folder)
                    stack.Push(id);
            }
    }

    /// <summary>The path of a known folder below the root; "" for the root, null if it hangs nowhere.</summary>
    public string? PathOf(NodeId id, NodeId root)
    {
        var path = "";
        while (id != root)
        {
            if (Find(id) is not { } known)
                return null;
            path = path.Length == 0 ? known.DiskName : $"{known.DiskName}/{path}";
            id = known.Parent;
        }
        return path;
    }
}
