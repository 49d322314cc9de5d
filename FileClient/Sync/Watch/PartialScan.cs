using FileClient.Sync.Core;
using FileClient.Sync.Disk;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync.Watch;

// 1. Only folders of which something was heard are listed, and folders that are new, with all they hold.
// 2. If an entry turns out to be known from another folder, that folder is listed too: a move is seen from both its ends or not at all.
// 3. What was heard of since the barrier is left to the next look.

/// <summary>Reads a few folders of the sync folder again, and says which known nodes that look speaks about.</summary>
sealed class PartialScan
{
    readonly SyncFolder folder;
    readonly KnownIndex index;
    readonly NodeId root;
    readonly IFolderWatcher watcher;
    readonly QuietTimes<WatchPoint> quiet;
    readonly Scanner scanner;
    readonly List<DiskEntry> entries;
    readonly ulong device;
    readonly Dictionary<string, int> positions = new(StringComparer.Ordinal) { [""] = -1 };
    readonly Dictionary<int, NodeId> chain = [];
    readonly Dictionary<int, string> listed = [];
    readonly Queue<string> toList = new();

    public PartialScan(SyncFolder folder, KnownIndex index, NodeId root, IFolderWatcher watcher, QuietTimes<WatchPoint> quiet)
    {
        (this.folder, this.index, this.root, this.watcher, this.quiet) = (folder, index, root, watcher, quiet);
        scanner = new Scanner(folder);
        entries = scanner.Result.Entries;
        device = Stat.Of(folder.Root).Signature.Device;
    }

    public ScanResult Result => scanner.Result;

    /// <summary>Paths of the folders that were listed.</summary>
    public IReadOnlyCollection<string> Listed => listed.Values;

    public bool WasListed(int position) => listed.ContainsKey(position);

    /// <summary>Known nodes that the look speaks about.</summary>
    public List<KnownEntry> Scope { get; } = [];

    /// <summary>Lists what is due, each folder after the one that holds it.</summary>
    public void Run(IEnumerable<WatchPoint> due, CancellationToken ct)
    {
        var paths = due.Select(point => (Point: point, Path: watcher.PathOf(point))).ToList();
        foreach (var (point, path) in paths.OrderBy(static next => next.Path?.Length ?? -1))
        {
            if (path is null)
                quiet.Forget(point);
            else
                List(path);
            while (toList.TryDequeue(out var next))
            {
                ct.ThrowIfCancellationRequested();
                List(next);
            }
        }
        FollowMoves();
        Delimit();
    }

    void List(string path)
    {
        if (Position(path) is not { } position)
        {
            // Its parent does not hold it any more.
            Drop(path);
            return;
        }
        if (listed.ContainsKey(position))
            return;
        using var opened = position < 0 ? null : Posix.OpenFolder(folder.Root, path, out var error);
        var open = position < 0 ? folder.Root : opened;
        if (open is null)
        {
            Unreadable(position, path);
            return;
        }
        // Another folder stands there by now: a look at its parent, of which something was heard then, finds out which.
        if (position >= 0 && Stat.Of(open).Signature.Inode != entries[position].Signature.Inode)
        {
            Drop(path);
            return;
        }
        listed[position] = path;
        var look = watcher.Find(path) is { } point ? quiet.Take(point) : null;
        var first = entries.Count;
        scanner.List(position, open, device);
        Sift(path, position, first, look);
    }

    void Unreadable(int position, string path)
    {
        using var again = Posix.OpenFolder(folder.Root, path, out var error);
        Drop(path);
        if (again is null && error != Posix.NoEntry && error != Posix.NotDirectory)
        {
            listed[position] = path;
            scanner.SetUnreadable(position, path, error);
        }
    }

    void Drop(string path)
    {
        if (watcher.Find(path) is { } point)
            quiet.Take(point);
    }

    /// <summary>Where the folder stands in the scan. Folders above it that are not read again are put in as they are known.</summary>
    int? Position(string path)
    {
        if (positions.TryGetValue(path, out var position))
            return position;
        var slash = path.LastIndexOf('/');
        var (above, name) = slash < 0 ? ("", path) : (path[..slash], path[(slash + 1)..]);
        if (Position(above) is not { } parent)
            return null;
        if (!listed.ContainsKey(parent) && !(IdOf(parent) is { } holder && index.At(holder, name) is { Kind: NodeKind.Folder }))
        {
            // It is new: the folder that holds it tells what it is.
            List(above);
        }
        if (listed.ContainsKey(parent))
            return positions.TryGetValue(path, out position) ? position : null;
        if (IdOf(parent) is not { } parentId || index.At(parentId, name) is not { Kind: NodeKind.Folder } known)
            return null;
        entries.Add(new DiskEntry(parent, known.DiskName, Normal(known.DiskName), NodeKind.Folder, known.Signature, 2));
        chain[entries.Count - 1] = known.Id;
        return positions[path] = entries.Count - 1;
    }

    static string Normal(string name) => NameRules.TryNormalize(name, out var normal, out _) ? normal : name;

    /// <summary>Leaves out what is too young, and goes into folders that are not known.</summary>
    void Sift(string path, int position, int first, QuietTimes<WatchPoint>.Look? look)
    {
        var id = position < 0 ? root : IdOf(position);
        for (var i = entries.Count - 1; i >= first; i--)
        {
            var entry = entries[i];
            if (entry is { Kind: NodeKind.File, Status: EntryStatus.Known } && look?.MayTake(entry.DiskName, entry.Signature.Size) == false)
            {
                // It counts as what it was before; if it is new, as not there yet.
                if (id is { } holder && index.At(holder, entry.DiskName) is { Kind: NodeKind.File } before)
                    entries[i] = entry with { Signature = before.Signature, Content = before.Content, Executable = entry.Executable };
                else
                    entries.RemoveAt(i);
            }
            else if (entry is { Kind: NodeKind.Folder, Status: EntryStatus.Known } && IsUnheard(Join(path, entry.DiskName), entry, id))
                entries.RemoveAt(i);
        }
        for (var i = first; i < entries.Count; i++)
        {
            if (entries[i].Kind != NodeKind.Folder)
                continue;
            positions[Join(path, entries[i].DiskName)] = i;
            if (entries[i].Status == EntryStatus.Known && index.Of(entries[i].Signature) is not { Kind: NodeKind.Folder })
                toList.Enqueue(Join(path, entries[i].DiskName));
        }
    }

    // So new that its event is still under way. A folder that cannot be opened has no watch either, and must not be taken for absent.
    bool IsUnheard(string path, DiskEntry entry, NodeId? holder)
    {
        if (watcher.Find(path) is not null || index.Of(entry.Signature) is not null || (holder is { } id && index.At(id, entry.DiskName) is not null))
            return false;
        using var open = Posix.OpenFolder(folder.Root, path, out _);
        return open is not null;
    }

    static string Join(string path, string name) => path.Length == 0 ? name : $"{path}/{name}";

    /// <summary>The node that a folder of the scan will be, as far as that can be told before everything is read.</summary>
    NodeId? IdOf(int position)
    {
        if (position < 0)
            return root;
        if (chain.TryGetValue(position, out var id))
            return id;
        if (index.Of(entries[position].Signature) is { Kind: NodeKind.Folder } known)
            return known.Id;
        return IdOf(entries[position].Parent) is { } parent && index.At(parent, entries[position].DiskName) is { Kind: NodeKind.Folder } there ? there.Id : null;
    }

    void FollowMoves()
    {
        var told = listed.Keys.Select(IdOf).ToHashSet();
        for (var i = 0; i < entries.Count; i++)
        {
            if (chain.ContainsKey(i) || index.Of(entries[i].Signature) is not { } known || (known.Kind != NodeKind.Folder && entries[i].Links > 1))
                continue;
            if (told.Add(known.Parent) && index.PathOf(known.Parent, root) is { } from)
                List(from);
            while (toList.TryDequeue(out var next))
                List(next);
        }
    }

    /// <summary>Known children of what was listed; and all below a folder that is not where it was, or is another one by now.</summary>
    void Delimit()
    {
        var scope = new HashSet<NodeId>();
        var inodes = entries.Where(static entry => entry.Kind == NodeKind.Folder).Select(static entry => Life(entry.Signature)).ToHashSet();
        foreach (var id in chain.Values)
            Add(index.Find(id)!);
        foreach (var position in listed.Keys)
        {
            if (IdOf(position) is not { } id)
                continue;
            foreach (var child in index.ChildrenOf(id).Values)
            {
                var known = index.Find(child)!;
                Add(known);
                if (known.Kind == NodeKind.Folder && !inodes.Contains(Life(known.Signature)))
                    foreach (var below in index.Below(child))
                        Add(below);
            }
        }

        // The number alone may have been given to another folder.
        static (ulong, ulong, long) Life(Signature signature) => (signature.Device, signature.Inode, signature.Born);

        void Add(KnownEntry known)
        {
            if (scope.Add(known.Id))
                Scope.Add(known);
        }
    }
}
