using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync.Core;

/// <summary>
/// Says which node each entry on the disk is. A false move would let grants and history follow an unrelated file, so that a move needs the same inode in
/// the same life, or the same bytes.
/// </summary>
/// <remarks>R1–R8 in the comments are the rules of the specification.</remarks>
sealed class MoveDetection
{
    readonly IReadOnlyList<DiskEntry> entries;
    readonly IReadOnlyList<KnownEntry> known;
    readonly NodeId root;
    readonly NodeId?[] bound;
    readonly HashSet<NodeId> taken = [];
    readonly Dictionary<NodeId, KnownEntry> byId;
    readonly Dictionary<(NodeId Parent, string Name), KnownEntry> byPlace;
    readonly Dictionary<(ulong Device, ulong Inode), KnownEntry> byInode = [];
    readonly List<int> folders = [];

    MoveDetection(IReadOnlyList<DiskEntry> entries, IReadOnlyList<KnownEntry> known, NodeId root, bool trustInodes)
    {
        this.entries = entries;
        this.known = known;
        this.root = root;
        bound = new NodeId?[entries.Count];
        byId = new Dictionary<NodeId, KnownEntry>(known.Count);
        byPlace = new Dictionary<(NodeId, string), KnownEntry>(known.Count);
        foreach (var node in known)
        {
            byId[node.Id] = node;
            byPlace[(node.Parent, node.DiskName)] = node;
            if (trustInodes && node.Signature.Inode != 0)
                byInode[(node.Signature.Device, node.Signature.Inode)] = node;
        }
        for (var i = 0; i < entries.Count; i++)
            if (entries[i].Kind == NodeKind.Folder)
                folders.Add(i);
    }

    /// <summary>The node of every entry; new ones get new ids.</summary>
    /// <param name="entries">Each folder stands before what it holds.</param>
    /// <param name="trustInodes">Whether the file system keeps inode numbers.</param>
    public static NodeId[] Detect(IReadOnlyList<DiskEntry> entries, IReadOnlyList<KnownEntry> known, NodeId root, bool trustInodes, Func<NodeId> newId)
    {
        var detection = new MoveDetection(entries, known, root, trustInodes);
        detection.BindFoldersByInode();
        detection.BindFoldersByPlace();
        detection.BindOthers();
        if (detection.BindByContent() && detection.BindFoldersByChildren())
        {
            detection.BindFoldersByPlace();
            detection.BindByPlace();
        }
        var ids = new NodeId[entries.Count];
        for (var i = 0; i < ids.Length; i++)
            ids[i] = detection.bound[i] ?? newId();
        return ids;
    }

    // R3: a folder's inode says more than its path, so that two folders that changed places are two moves.
    void BindFoldersByInode()
    {
        foreach (var i in folders)
            if (ByInode(i) is { } node)
                Bind(i, node);
    }

    void BindFoldersByPlace()
    {
        foreach (var i in folders)
            if (bound[i] is null && ByPlace(i) is { } node && !taken.Contains(node.Id))
                Bind(i, node);
    }

    KnownEntry? ByInode(int i)
    {
        var entry = entries[i];
        if (!byInode.TryGetValue((entry.Signature.Device, entry.Signature.Inode), out var node) || node.Kind != entry.Kind || taken.Contains(node.Id))
            return null;
        if (entry.Kind == NodeKind.Folder)
            return entry.Signature.SameInode(node.Signature) ? node : null;
        // R8: a file with several links is found by path or by bytes only.
        if (entry.Links > 1)
            return null;
        var sameLife = entry.Signature.Born != 0 && entry.Signature.Born == node.Signature.Born;
        var sameBytes = entry.Kind == NodeKind.Symlink ? entry.Target == node.Target : entry.Content is not null && entry.Content == node.Content;
        return (entry.Kind == NodeKind.Symlink ? sameBytes : sameLife || sameBytes) ? node : null;
    }

    KnownEntry? ByPlace(int i)
    {
        var entry = entries[i];
        var parent = entry.Parent < 0 ? root : bound[entry.Parent];
        return parent is { } folder && byPlace.TryGetValue((folder, entry.DiskName), out var node) && node.Kind == entry.Kind
            && (entry.Kind != NodeKind.Symlink || entry.Target == node.Target) ? node : null;
    }

    void Bind(int i, KnownEntry node)
    {
        bound[i] = node.Id;
        taken.Add(node.Id);
    }

    // Files and links: R1, R2, R4, R7.
    void BindOthers()
    {
        var atPlace = new KnownEntry?[entries.Count];
        var ofInode = new KnownEntry?[entries.Count];
        var occupant = new Dictionary<NodeId, int>();
        List<int> moved = [];
        for (var i = 0; i < entries.Count; i++)
        {
            if (entries[i].Kind == NodeKind.Folder)
                continue;
            atPlace[i] = ByPlace(i);
            if (atPlace[i] is { } here)
            {
                if (entries[i].Signature.SameInode(here.Signature))
                {
                    Bind(i, here);
                    continue;
                }
                occupant[here.Id] = i;
            }
            moved.Add(i);
        }
        if (moved.Count == 0)
            return;
        foreach (var i in moved)
            ofInode[i] = ByInode(i);
        foreach (var i in moved)
            if (atPlace[i] is null && ofInode[i] is not null)
                FollowChain(i, ofInode, occupant);
        foreach (var i in moved)
            if (bound[i] is null && atPlace[i] is not null && ofInode[i] is not null)
                FollowCircle(i, ofInode, occupant);
        BindByPlace();
    }

    // R2: the old path is gone, or taken by another known node that in turn has moved there. Otherwise (R7) this is a copy.
    void FollowChain(int start, KnownEntry?[] ofInode, Dictionary<NodeId, int> occupant)
    {
        List<int> chain = [];
        for (int? i = start; i is { } at;)
        {
            if (ofInode[at] is not { } node || taken.Contains(node.Id) || chain.Contains(at))
                return;
            chain.Add(at);
            i = occupant.TryGetValue(node.Id, out var next) ? next : null;
        }
        foreach (var i in chain)
            Bind(i, ofInode[i]!);
    }

    // R4: files that changed places among themselves are moves if each still has the bytes that its node had.
    void FollowCircle(int start, KnownEntry?[] ofInode, Dictionary<NodeId, int> occupant)
    {
        List<int> circle = [];
        for (var i = start; ;)
        {
            if (ofInode[i] is not { } node || taken.Contains(node.Id) || entries[i].Content != node.Content)
                return;
            circle.Add(i);
            if (!occupant.TryGetValue(node.Id, out i))
                return;
            if (i == start)
                break;
            if (circle.Contains(i))
                return;
        }
        foreach (var i in circle)
            Bind(i, ofInode[i]!);
    }

    // R1: what stands at the place of a file is that file, whatever its inode: editors save by renaming a new file over the old one.
    void BindByPlace()
    {
        for (var i = 0; i < entries.Count; i++)
            if (bound[i] is null && entries[i].Kind != NodeKind.Folder && ByPlace(i) is { } node && !taken.Contains(node.Id))
                Bind(i, node);
    }

    // R5: of what vanished and what is new, equal bytes pair up, the most alike first.
    bool BindByContent()
    {
        var vanished = known.Where(node => node is { Kind: NodeKind.File, Content: not null, Signature.Size: > 0 } && !taken.Contains(node.Id)).ToLookup(static node => node.Content!.Value);
        if (vanished.Count == 0)
            return known.Any(node => node.Kind == NodeKind.Folder && !taken.Contains(node.Id));
        var fresh = Enumerable.Range(0, entries.Count)
            .Where(i => bound[i] is null && entries[i] is { Kind: NodeKind.File, Content: { } content, Signature.Size: > 0 } && vanished.Contains(content))
            .GroupBy(i => entries[i].Content!.Value);
        foreach (var group in fresh)
        {
            var pairs = group.SelectMany(i => vanished[group.Key].Select(node => (Entry: i, Node: node, Score: Likeness(i, node))))
                .OrderByDescending(static pair => pair.Score).ThenBy(static pair => pair.Entry).ThenBy(static pair => pair.Node.Id.Value);
            foreach (var (i, node, _) in pairs.Take(100_000))
                if (bound[i] is null && !taken.Contains(node.Id))
                    Bind(i, node);
        }
        return true;
    }

    int Likeness(int i, KnownEntry node)
    {
        var entry = entries[i];
        var parent = entry.Parent < 0 ? root : bound[entry.Parent];
        return (entry.Signature.SameInode(node.Signature) ? 16 : 0) + (entry.Signature.Modified == node.Signature.Modified ? 4 : 0)
            + (parent == node.Parent ? 2 : 0) + (entry.DiskName == node.DiskName ? 1 : 0);
    }

    // R6: a new folder that holds at least half of what a vanished one held is that folder. Deepest first, so that folders count as well.
    bool BindFoldersByChildren()
    {
        var lost = known.Where(node => node.Kind == NodeKind.Folder && !taken.Contains(node.Id)).ToDictionary(static node => node.Id);
        if (lost.Count == 0)
            return false;
        var sizes = known.Where(node => lost.ContainsKey(node.Parent)).GroupBy(static node => node.Parent).ToDictionary(static group => group.Key, static group => group.Count());
        var children = Enumerable.Range(0, entries.Count).ToLookup(i => entries[i].Parent);
        var any = false;
        foreach (var i in Enumerable.Reverse(folders))
        {
            if (bound[i] is not null)
                continue;
            var best = children[i].Select(child => bound[child] is { } id ? byId[id].Parent : (NodeId?)null)
                .Where(parent => parent is { } folder && lost.ContainsKey(folder)).GroupBy(static parent => parent!.Value)
                .OrderByDescending(static group => group.Count()).ThenBy(static group => group.Key.Value).FirstOrDefault();
            if (best is null || best.Count() * 2 < sizes[best.Key] || !lost.Remove(best.Key, out var node))
                continue;
            Bind(i, node);
            any = true;
        }
        return any;
    }
}
