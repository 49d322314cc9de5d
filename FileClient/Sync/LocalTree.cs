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

/// <summary>Scans the folder, hashes what is new, finds out which node each entry is, and remembers all of it.</summary>
sealed class LocalTree(SyncFolder folder, SyncState state, NodeId root)
{
    const int MaxScans = 5;

    readonly Dictionary<NodeId, Entry> tree = [];
    readonly Dictionary<Digest, IReadOnlyList<ChunkRef>> fresh = [];

    public static async Task<LocalView> ReadAsync(SyncFolder folder, SyncState state, NodeId root, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            var local = new LocalTree(folder, state, root);
            var racyFrom = TimeProbe.RacyFrom(folder.State);
            var scan = Scanner.Run(folder, ct);
            await local.HashAsync(scan, ct);
            var ids = MoveDetection.Detect(scan.Entries, [.. state.Known.Values], root, trustInodes: true, NodeId.New);
            var vanished = state.Known.Count > 0 && state.Known.Count > ids.Count(state.Known.ContainsKey);
            var uncertain = vanished && Scanner.HasMoved(folder, scan);
            if (uncertain && attempt < MaxScans)
                continue;
            local.Build(scan, ids, racyFrom);
            return new LocalView(local.tree, scan.Skipped, uncertain, local.fresh);
        }
    }

    async Task HashAsync(ScanResult scan, CancellationToken ct)
    {
        var byInode = new Dictionary<(ulong, ulong), KnownEntry>(state.Known.Count);
        foreach (var known in state.Known.Values)
            byInode[(known.Signature.Device, known.Signature.Inode)] = known;
        List<int> unknown = [];
        for (var i = 0; i < scan.Entries.Count; i++)
        {
            var entry = scan.Entries[i];
            if (entry is not { Kind: NodeKind.File, Status: EntryStatus.Known })
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

    void Build(ScanResult scan, NodeId[] ids, long racyFrom)
    {
        var seen = new HashSet<NodeId>(ids.Length);
        for (var i = 0; i < ids.Length; i++)
        {
            var entry = scan.Entries[i];
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
        foreach (var known in state.Known.Values.Where(known => !seen.Contains(known.Id)).ToList())
            state.ForgetKnown(known.Id);
    }

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
            byPlace ??= state.Known.Values.ToLookup(static known => (known.Parent, known.DiskName));
            foreach (var known in byPlace[(parent < 0 ? root : ids[parent], name)])
                if (seen.Add(known.Id))
                    tree[known.Id] = Unseen(known, EntryStatus.Ignored, null);
        }
    }

    // What stands below a folder that could not be listed is not gone.
    void AddUnseen(HashSet<NodeId> seen)
    {
        var hidden = tree.Values.Where(static entry => entry is { Kind: NodeKind.Folder, Status: not EntryStatus.Known }).Select(static entry => entry.Id).ToHashSet();
        if (hidden.Count == 0)
            return;
        var children = state.Known.Values.ToLookup(static known => known.Parent);
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
