using FileClient.Sync.Core;
using FileClient.Sync.Disk;
using FileClient.Sync.State;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync.Watch;

/// <summary>
/// This device's side of a folder under watch: the tree is kept, and only folders of which something was heard are read again. After events were lost, and
/// from time to time, all is read.
/// </summary>
sealed class WatchedFolder : ILocalSide
{
    /// <summary>How long a name that is gone counts as still there: it may come back, or turn up elsewhere.</summary>
    public static readonly TimeSpan HoldDeletes = TimeSpan.FromSeconds(3);

    // Writes through a memory map show in the times only once the kernel has written them back, and are told by no event.
    static readonly TimeSpan lateLook = TimeSpan.FromSeconds(35);
    static readonly TimeSpan busyPause = TimeSpan.FromSeconds(10);

    readonly SyncFolder folder;
    readonly SyncState state;
    readonly SyncLink link;
    readonly IFolderWatcher watcher;
    readonly QuietTimes<WatchPoint> quiet;
    readonly TimeProvider clock;
    readonly KnownIndex index;
    readonly Differences differences;
    readonly Dictionary<NodeId, long> missing = [];
    readonly Dictionary<string, string> skipped = new(StringComparer.Ordinal);
    readonly HashSet<NodeId> stirred = [];
    Dictionary<NodeId, Entry> tree = [];
    bool whole = true;

    public WatchedFolder(SyncFolder folder, SyncState state, SyncLink link, IFolderWatcher watcher, QuietTimes<WatchPoint> quiet, TimeProvider clock)
    {
        (this.folder, this.state, this.link, this.watcher, this.quiet, this.clock) = (folder, state, link, watcher, quiet, clock);
        index = new KnownIndex(state);
        differences = new Differences(state, link);
        state.Stirred = stirred;
        index.Refresh(state.Known.Keys);
    }

    /// <summary>The three trees agree, as far as is known.</summary>
    public bool AllAgree => differences.None;

    /// <summary>Something is gone of which it is too early to say that it was deleted.</summary>
    public bool IsHolding => missing.Keys.Any(state.Known.ContainsKey);

    /// <summary>Looks at everything next time.</summary>
    public void Doubt() => whole = true;

    /// <summary>Counts the looks at everything and at parts, for people who wonder.</summary>
    public (int Whole, int Partial) Looks { get; private set; }

    /// <summary>Something was found on the disk in the last look that was not known.</summary>
    public bool FoundNews { get; private set; }

    public async Task<LocalView> ReadAsync(CancellationToken ct)
    {
        if (!await watcher.BarrierAsync(ct) | watcher.TakeLost())
            whole = true;
        Absorb();
        var view = whole ? await ReadAllAsync(ct) : await ReadDueAsync(ct);
        FoundNews = stirred.Count > 0;
        Absorb();
        return view;
    }

    // What a round did to the trees since the last look is ours, and known.
    void Absorb()
    {
        if (stirred.Count == 0)
            return;
        index.Refresh(stirred);
        differences.Refresh(stirred, tree);
        stirred.Clear();
    }

    async Task<LocalView> ReadAllAsync(CancellationToken ct)
    {
        // Taken before the walk: if it is broken off, everything is still to be looked at.
        var view = await LocalTree.ReadAsync(folder, state, link.Root, NewScanner, HoldMissing, ct);
        whole = false;
        Looks = Looks with { Whole = Looks.Whole + 1 };
        tree = view.Tree;
        skipped.Clear();
        foreach (var (path, reason) in view.Skipped)
            skipped[path] = reason;
        differences.Clear();
        differences.Refresh(state.Synced.Keys.Union(state.Remote.Keys).Union(tree.Keys), tree);
        index.Refresh(state.Known.Keys);
        return view;
    }

    /// <summary>A scanner that leaves out files that are too young.</summary>
    Scanner NewScanner()
    {
        Scanner scanner = null!;
        scanner = new Scanner(folder)
        {
            Listed = (position, first) =>
            {
                var entries = scanner.Result.Entries;
                var path = position < 0 ? "" : Scanner.PathOf(entries, position);
                if (watcher.Find(path) is not { } point)
                    return;
                var look = quiet.Take(point);
                for (var i = entries.Count - 1; i >= first; i--)
                    if (entries[i] is { Kind: NodeKind.File, Status: EntryStatus.Known } file && !look.MayTake(file.DiskName, file.Signature.Size))
                        Keep(entries, i, path);
            },
        };
        return scanner;
    }

    // A young file counts as what it was before; if it is new, as not there yet.
    void Keep(List<DiskEntry> entries, int i, string path)
    {
        if (KnownAt(path, entries[i].DiskName) is { Kind: NodeKind.File } before)
            entries[i] = entries[i] with { Signature = before.Signature, Content = before.Content };
        else
            entries.RemoveAt(i);
    }

    KnownEntry? KnownAt(string path, string name)
    {
        var at = link.Root;
        foreach (var part in path.Length == 0 ? [] : path.Split('/'))
        {
            if (index.At(at, part) is not { } known)
                return null;
            at = known.Id;
        }
        return index.At(at, name);
    }

    async Task<LocalView> ReadDueAsync(CancellationToken ct)
    {
        var due = quiet.Due();
        if (due.Count == 0)
            return View([]);
        Looks = Looks with { Partial = Looks.Partial + 1 };
        var racyFrom = TimeProbe.RacyFrom(folder.State);
        var partial = new PartialScan(folder, index, link.Root, watcher, quiet);
        try
        {
            partial.Run(due, ct);
            var scan = partial.Result;
            var local = new LocalTree(folder, state, link.Root, partial.Scope, tree) { NotListed = position => !partial.WasListed(position) };
            await local.HashAsync(scan, ct);
            var ids = local.Detect(scan);
            HoldMissing(local, ids, scan, partial.Scope);
            local.Build(scan, ids, racyFrom);
            LookAgain(scan, local.Fresh);
            Remember(scan, partial.Listed);
            return View(local.Fresh);
        }
        catch
        {
            // What was heard is taken and not acted upon.
            whole = true;
            throw;
        }
    }

    LocalView View(Dictionary<Digest, IReadOnlyList<ChunkRef>> fresh) =>
        new(tree, [.. skipped.Select(static item => (item.Key, item.Value))], Uncertain: false, fresh);

    void LookAgain(ScanResult scan, Dictionary<Digest, IReadOnlyList<ChunkRef>> fresh)
    {
        foreach (var entry in scan.Entries)
        {
            if (entry.Kind != NodeKind.File)
                continue;
            var busy = entry.Status == EntryStatus.Unreadable;
            if (!busy && (entry.Content is not { } content || !fresh.ContainsKey(content)))
                continue;
            var path = entry.Parent < 0 ? "" : Scanner.PathOf(scan.Entries, entry.Parent);
            if (watcher.Find(path) is { } point)
                quiet.Again(point, busy ? busyPause : lateLook);
        }
    }

    void Remember(ScanResult scan, IReadOnlyCollection<string> listed)
    {
        if (skipped.Count > 0)
        {
            var folders = listed.ToHashSet(StringComparer.Ordinal);
            foreach (var path in skipped.Keys.ToList())
                if (folders.Contains(FolderOf(path)) || watcher.Find(FolderOf(path)) is null)
                    skipped.Remove(path);
        }
        foreach (var (path, reason) in scan.Skipped)
            skipped[path] = reason;
    }

    static string FolderOf(string path) => path.LastIndexOf('/') is var slash and >= 0 ? path[..slash] : "";

    void HoldMissing(LocalTree local, NodeId[] ids, ScanResult scan)
    {
        // In a look at everything the old tree says how what is held was.
        HoldMissing(local, ids, scan, [.. state.Known.Values]);
        foreach (var id in local.Held)
            if (tree.TryGetValue(id, out var was))
                local.Tree[id] = was;
    }

    /// <summary>What was not found is held for a while, with all below it; unless its name is taken by something else already.</summary>
    void HoldMissing(LocalTree local, NodeId[] ids, ScanResult scan, IReadOnlyList<KnownEntry> scope)
    {
        var found = ids.ToHashSet();
        foreach (var id in missing.Keys.Where(id => found.Contains(id) || !state.Known.ContainsKey(id)).ToList())
            missing.Remove(id);
        var absent = scope.Where(known => !found.Contains(known.Id)).ToDictionary(static known => known.Id);
        if (absent.Count == 0)
            return;
        var places = Enumerable.Range(0, ids.Length)
            .Select(i => (scan.Entries[i].Parent < 0 ? link.Root : ids[scan.Entries[i].Parent], NameRules.FoldKey(scan.Entries[i].Name))).ToHashSet();
        var closed = Enumerable.Range(0, ids.Length).Where(i => scan.Entries[i] is { Kind: NodeKind.Folder, Status: not EntryStatus.Known }).Select(i => ids[i]).ToHashSet();
        var ignored = scan.Ignored.Select(item => (item.Parent < 0 ? link.Root : ids[item.Parent], item.Name)).ToHashSet();
        foreach (var known in absent.Values)
        {
            // What stands in a folder that cannot be listed, or falls under a rule, is not missing.
            if (absent.ContainsKey(known.Parent) || closed.Contains(known.Parent) || ignored.Contains((known.Parent, known.DiskName)) || !tree.ContainsKey(known.Id))
                continue;
            missing.TryAdd(known.Id, clock.GetTimestamp());
            var age = clock.GetElapsedTime(missing[known.Id]);
            if (places.Contains((known.Parent, NameRules.FoldKey(known.DiskName))) || (age >= HoldDeletes && !quiet.HasChangesOlderThan(age)))
            {
                missing.Remove(known.Id);
                continue;
            }
            Hold(local, known, absent);
            if (index.PathOf(known.Parent, link.Root) is { } path && watcher.Find(path) is { } point)
                quiet.Again(point, age < HoldDeletes ? HoldDeletes - age : QuietTimes<WatchPoint>.Short);
        }
    }

    void Hold(LocalTree local, KnownEntry top, Dictionary<NodeId, KnownEntry> absent)
    {
        local.Held.Add(top.Id);
        if (top.Kind == NodeKind.Folder)
            foreach (var below in index.Below(top.Id))
                if (absent.ContainsKey(below.Id))
                    local.Held.Add(below.Id);
    }

    public (TreeState Synced, TreeState Local, TreeState Remote) Trees(LocalView local)
    {
        Absorb();
        return differences.Trees(tree);
    }

    // It goes through all that is known: once in a while is enough.
    public void Sweep()
    {
    }
}
