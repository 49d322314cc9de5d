using FileClient.Sync.Core;
using FileClient.Sync.Disk;
using FileClient.Sync.State;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync;

/// <summary>What the scan makes of the folder: the local tree for the planner, and for every node where it stands on the disk.</summary>
/// <param name="Uncertain">The folder did not hold still: nothing may be concluded from what was not seen.</param>
/// <param name="Fresh">Chunk lists of the files that were read in this scan.</param>
sealed record LocalView(
    Dictionary<NodeId, Entry> Tree, List<(string Path, string Reason)> Skipped, bool Uncertain, IReadOnlyDictionary<Digest, IReadOnlyList<ChunkRef>> Fresh);

/// <summary>Hashes what a scan found new, finds out which node each entry is, and remembers all of it.</summary>
/// <param name="scope">What is known about the part of the folder that the scan looked at: all of it, or the folders that were read again.</param>
/// <param name="tree">The local tree, which the scan brings up to date.</param>
sealed class LocalTree(SyncFolder folder, SyncState state, NodeId root, IReadOnlyList<KnownEntry> scope, Dictionary<NodeId, Entry> tree)
{
    const int MaxScans = 5;

    readonly Dictionary<Digest, IReadOnlyList<ChunkRef>> fresh = [];
    readonly Dictionary<NodeId, Entry> before = [];

    /// <summary>Nodes that were not found and yet count as being where they were, because it is too early to say that they are gone.</summary>
    public HashSet<NodeId> Held { get; } = [];

    /// <summary>Folders of the scan, by position, that were not listed themselves; null: all were.</summary>
    public Func<int, bool>? NotListed { get; init; }

    public Dictionary<Digest, IReadOnlyList<ChunkRef>> Fresh => fresh;

    /// <summary>Scans the whole folder.</summary>
    public static Task<LocalView> ReadAsync(SyncFolder folder, SyncState state, NodeId root, CancellationToken ct) =>
        ReadAsync(folder, state, root, () => new Scanner(folder), static (_, _, _) => { }, ct);

    /// <summary>Scans the whole folder with a scanner that may leave out what is too young.</summary>
    /// <param name="hold">Names the known nodes that were not found and are to be held.</param>
    public static async Task<LocalView> ReadAsync(SyncFolder folder, SyncState state, NodeId root, Func<Scanner> scanners, Action<LocalTree, NodeId[], ScanResult> hold, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            var local = new LocalTree(folder, state, root, [.. state.Known.Values], []);
            var racyFrom = TimeProbe.RacyFrom(folder.State);
            var scanner = scanners();
            scanner.Walk(ct);
            var scan = scanner.Result;
            await local.HashAsync(scan, ct);
            var ids = local.Detect(scan);
            var vanished = state.Known.Count > 0 && state.Known.Count > ids.Count(state.Known.ContainsKey);
            var uncertain = vanished && Scanner.HasMoved(folder, scan);
            if (uncertain && attempt < MaxScans)
                continue;
            hold(local, ids, scan);
            local.Build(scan, ids, racyFrom);
            return new LocalView(local.Tree, scan.Skipped, uncertain, local.fresh);
        }
    }

    public Dictionary<NodeId, Entry> Tree => tree;

    /// <summary>The node of every entry.</summary>
    public NodeId[] Detect(ScanResult scan) => MoveDetection.Detect(scan.Entries, scope, root, trustInodes: true, NodeId.New);

    public async Task HashAsync(ScanResult scan, CancellationToken ct)
    {
        var byInode = new Dictionary<(ulong, ulong), KnownEntry>(scope.Count);
        foreach (var known in scope)
            byInode[(known.Signature.Device, known.Signature.Inode)] = known;
        List<int> unknown = [];
        for (var i = 0; i < scan.Entries.Count; i++)
        {
            var entry = scan.Entries[i];
            // What is held back as it was before has its content already.
            if (entry is not { Kind: NodeKind.File, Status: EntryStatus.Known, Content: null })
                continue;
            if (byInode.TryGetValue((entry.Signature.Device, entry.Signature.Inode), out var known) && known is { Racy: false, Content: not null } && known.Signature == entry.Signature)
                entry.Content = known.Content;
            else
                unknown.Add(i);
        }
        if (unknown.Count == 0)
            return;
        var lists = new List<(Digest, IReadOnlyList<ChunkRef>)>();
        var gate = new Lock();
        await Parallel.ForEachAsync(unknown, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(2, Environment.ProcessorCount), CancellationToken = ct }, (i, token) =>
        {
            var found = FileHasher.Hash(folder.Root, Scanner.PathOf(scan.Entries, i), out var reason, token);
            lock (gate)
                Take(scan, i, found, reason, lists);
            return ValueTask.CompletedTask;
        });
        state.SetChunks(lists);
    }

    void Take(ScanResult scan, int i, HashedFile? found, string? reason, List<(Digest, IReadOnlyList<ChunkRef>)> lists)
    {
        if (found is null)
        {
            scan.Entries[i] = scan.Entries[i] with { Status = EntryStatus.Unreadable, Reason = reason };
            if (scan.Entries[i].Parent >= 0)
                scan.Entries[scan.Entries[i].Parent].HasLeftovers = true;
            return;
        }
        scan.Entries[i] = scan.Entries[i] with { Content = found.Content, Signature = found.Stat.Signature, Executable = found.Stat.IsExecutable };
        fresh[found.Content] = found.Chunks;
        if (found.Chunks.Count > 1)
            lists.Add((found.Content, found.Chunks));
    }

    public void Build(ScanResult scan, NodeId[] ids, long racyFrom)
    {
        if (tree.Count > 0)
            foreach (var known in scope)
                if (!Held.Contains(known.Id) && tree.Remove(known.Id, out var was))
                    before[known.Id] = was;
        var seen = new HashSet<NodeId>(Held);
        for (var i = 0; i < ids.Length; i++)
        {
            var entry = AsListed(i, ids[i], scan.Entries[i]);
            var parent = entry.Parent < 0 ? root : ids[entry.Parent];
            seen.Add(ids[i]);
            tree[ids[i]] = Entry(ids[i], parent, entry);
            if (entry.Status != EntryStatus.Known)
            {
                // What is known about it stays known, whatever can be seen of it now.
                continue;
            }
            var racy = entry.Kind == NodeKind.File && (entry.Signature.Modified >= racyFrom || entry.Signature.Changed >= racyFrom);
            state.SetKnown(new KnownEntry(ids[i], parent, entry.DiskName, entry.Kind, entry.Signature, entry.Content, entry.Target, racy));
        }
        AddIgnored(scan, ids, seen);
        AddUnseen(seen);
        foreach (var known in scope)
            if (!seen.Contains(known.Id))
                state.ForgetKnown(known.Id);
    }

    // What only the list of a folder can tell stays as it was where the folder was not listed.
    DiskEntry AsListed(int i, NodeId id, DiskEntry entry) =>
        entry.Kind == NodeKind.Folder && NotListed?.Invoke(i) == true && before.GetValueOrDefault(id) is { } was
            ? entry with { Status = was.Status, Reason = was.Reason, HasLeftovers = was.HasLeftovers }
            : entry;

    Entry Entry(NodeId id, NodeId parent, DiskEntry disk)
    {
        var modified = Stat.FloorMicroseconds(disk.Signature.Modified);
        if (state.Synced.TryGetValue(id, out var agreed) && disk is { Status: EntryStatus.Known, HasLeftovers: false } && agreed.Parent == parent && agreed.Name == disk.Name
            && agreed.Content == disk.Content && agreed.Target == disk.Target && (disk.Kind != NodeKind.File || (agreed.Executable == disk.Executable && agreed.Modified == modified)))
            return agreed;
        return new Entry(id, parent, disk.Kind)
        {
            Name = disk.Name,
            Content = disk.Content,
            Size = disk.Kind == NodeKind.File ? disk.Signature.Size : 0,
            Modified = modified,
            Executable = disk.Executable,
            Target = disk.Target,
            Status = disk.Status,
            Reason = disk.Reason,
            HasLeftovers = disk.HasLeftovers,
        };
    }

    // A rule change makes known entries ignored; they must not look deleted.
    void AddIgnored(ScanResult scan, NodeId[] ids, HashSet<NodeId> seen)
    {
        if (scan.Ignored.Count == 0)
            return;
        ILookup<(NodeId, string), KnownEntry>? byPlace = null;
        foreach (var (parent, name) in scan.Ignored)
        {
            byPlace ??= scope.ToLookup(static known => (known.Parent, known.DiskName));
            foreach (var known in byPlace[(parent < 0 ? root : ids[parent], name)])
                if (seen.Add(known.Id))
                    tree[known.Id] = Unseen(known, EntryStatus.Ignored, null);
        }
    }

    // What stands below a folder that could not be listed is not gone.
    void AddUnseen(HashSet<NodeId> seen)
    {
        var hidden = seen.Where(id => tree.TryGetValue(id, out var entry) && entry is { Kind: NodeKind.Folder, Status: not EntryStatus.Known }).ToHashSet();
        if (hidden.Count == 0)
            return;
        var children = scope.ToLookup(static known => known.Parent);
        var queue = new Queue<NodeId>(hidden);
        while (queue.TryDequeue(out var folderId))
        {
            foreach (var known in children[folderId])
            {
                if (!seen.Add(known.Id))
                    continue;
                tree[known.Id] = Unseen(known, tree[folderId].Status, "Its folder cannot be listed.");
                queue.Enqueue(known.Id);
            }
        }
    }

    static Entry Unseen(KnownEntry known, EntryStatus status, string? reason) => new(known.Id, known.Parent, known.Kind)
    {
        Name = NameRules.TryNormalize(known.DiskName, out var normal, out _) ? normal : known.DiskName,
        Content = known.Content,
        Size = known.Signature.Size,
        Target = known.Target,
        Status = status,
        Reason = reason,
    };
}
