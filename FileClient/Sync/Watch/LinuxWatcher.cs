using FileClient.Sync.Core;
using FileClient.Sync.Disk;
using Microsoft.Win32.SafeHandles;

namespace FileClient.Sync.Watch;

// 1. A folder is watched before it is listed, so that what is made in it meanwhile is in the list or among the events, or both.
// 2. A folder that the kernel knows already (it answers with the same number) was moved; it keeps what was heard about it.
// 3. What cannot be watched is looked at from time to time, and counted.

/// <summary>Follows a folder by inotify. One thread reads the events and keeps the tree of watches; nothing is concluded from them but where to look.</summary>
sealed class LinuxWatcher : IFolderWatcher
{
    const int DetachedPatienceMs = 1000;

    /// <summary>Its rules hold for the whole folder.</summary>
    const string IgnoreFile = ".fileshareignore";

    readonly Lock gate = new();
    readonly SyncFolder folder;
    readonly QuietTimes<WatchPoint> quiet;
    readonly Inotify inotify;
    readonly Cookies cookies;
    readonly int maxFolders;
    readonly ulong device;
    readonly WatchTree tree = new();
    readonly Dictionary<WatchPoint, int> detached = [];
    int batch;
    readonly int cookieWatch;
    readonly Thread thread;
    bool lost;
    volatile IOException? broken;

    /// <param name="maxFolders">Most folders to watch; the rest is looked at from time to time.</param>
    LinuxWatcher(SyncFolder folder, QuietTimes<WatchPoint> quiet, Inotify inotify, TimeProvider clock, int maxFolders)
    {
        this.folder = folder;
        this.quiet = quiet;
        this.inotify = inotify;
        this.maxFolders = maxFolders;
        device = Stat.Of(folder.Root).Signature.Device;
        cookies = new Cookies(folder, clock);
        cookieWatch = inotify.Watch(cookies.Folder, out _);
        cookies.Begin();
        thread = new Thread(ListenOn) { IsBackground = true, Name = "file events" };
    }

    public Action Woken { get; set; } = static () => { };

    /// <summary>Opens a queue of the kernel; null when the system has none left for this user.</summary>
    public static LinuxWatcher? Open(SyncFolder folder, QuietTimes<WatchPoint> quiet, TimeProvider clock, int maxFolders = int.MaxValue) =>
        Inotify.Open(out _) is { } inotify ? new LinuxWatcher(folder, quiet, inotify, clock, maxFolders) : null;

    public (int Folders, int Polled) Extent
    {
        get
        {
            lock (gate)
                return (tree.Count, tree.Unwatched);
        }
    }

    public void Start(CancellationToken ct)
    {
        Arm(ct);
        Listen();
    }

    /// <summary>Watches all folders, without reading events yet.</summary>
    internal void Arm(CancellationToken ct)
    {
        var root = inotify.Watch(folder.Root, out var error);
        if (root < 0)
            throw new IOException($"{folder.FullPath} cannot be watched: {System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(error)}.");
        tree.SetDescriptor(tree.Root, root);
        Enumerate(tree.Root, folder.Root, isNew: false, ct);
    }

    /// <summary>Begins to read events; those since <see cref="Arm"/> are in the queue.</summary>
    internal void Listen() => thread.Start();

    void ListenOn()
    {
        try
        {
            while (true)
            {
                int patience;
                lock (gate)
                    patience = detached.Count > 0 ? DetachedPatienceMs : -1;
                if (inotify.Read(patience) is not { } events)
                    return;
                lock (gate)
                {
                    batch++;
                    events.ForEach(Hear);
                    if (events.Count == 0)
                        DropDetached();
                }
                Woken();
            }
        }
        catch (IOException failed)
        {
            broken = failed;
            cookies.GiveUp();
            Woken();
        }
    }

    void Hear(InotifyEvent heard)
    {
        if (heard.Has(InotifyMask.Overflow))
            lost = true;
        else if (heard.Descriptor == cookieWatch)
        {
            if (heard.Has(InotifyMask.Create | InotifyMask.MovedTo) && heard.Name is { } cookie)
                cookies.Hear(cookie);
        }
        else if (tree.Find(heard.Descriptor) is { } point)
            Hear(point, heard);
    }

    void Hear(WatchPoint point, InotifyEvent heard)
    {
        if (heard.Has(InotifyMask.Unmount))
            lost = true;
        else if (heard.Has(InotifyMask.Ignored) && point != tree.Root)
            Remove(point);
        else if (heard.Name is not { } name)
        {
            // The folder itself: it may have become readable, or be no longer.
            if (heard.Has(InotifyMask.Attrib))
                quiet.Changed(point);
        }
        else if (name == IgnoreFile)
            lost = true;
        else if (IgnoreRules.IsOurs(name))
            return;
        else if (heard.Has(InotifyMask.IsFolder))
            HearFolder(point, name, heard);
        else
            HearFile(point, name, heard);
    }

    void HearFolder(WatchPoint point, string name, InotifyEvent heard)
    {
        quiet.Changed(point);
        if (heard.Has(InotifyMask.MovedFrom) && point.Children.GetValueOrDefault(name) is { } moved)
        {
            // If it was moved to another place in here, the event that says so is about to come.
            tree.Detach(moved);
            detached[moved] = batch;
        }
        else if (heard.Has(InotifyMask.Delete) && point.Children.GetValueOrDefault(name) is { } deleted)
            Remove(deleted);
        else if (heard.Has(InotifyMask.Create | InotifyMask.MovedTo | InotifyMask.Attrib))
            Watch(point, name, isNew: true, CancellationToken.None);
    }

    void HearFile(WatchPoint point, string name, InotifyEvent heard)
    {
        if (heard.Has(InotifyMask.Delete | InotifyMask.MovedFrom))
        {
            quiet.Changed(point, gone: name);
            return;
        }
        if (heard.Has(InotifyMask.Create | InotifyMask.MovedTo))
            quiet.Changed(point);
        if (heard.Has(InotifyMask.CloseWrite | InotifyMask.MovedTo))
            quiet.Closed(point, name);
        else if (heard.Has(InotifyMask.Modify | InotifyMask.Create))
            quiet.Written(point, name);
        else if (heard.Has(InotifyMask.Attrib))
            quiet.Touched(point, name);
    }

    /// <summary>Watches a folder and all below it.</summary>
    void Watch(WatchPoint top, string name, bool isNew, CancellationToken ct)
    {
        var stack = new Stack<(WatchPoint Parent, string Name)>([(top, name)]);
        while (stack.TryPop(out var next))
        {
            ct.ThrowIfCancellationRequested();
            if (tree.PathOf(next.Parent) is not { } parent)
                continue;
            using var open = Posix.OpenFolder(folder.Root, parent.Length == 0 ? next.Name : $"{parent}/{next.Name}", out _);
            // It may be gone again, or closed to us: the look at its parent finds that out.
            if (open is null || Stat.Of(open).Signature.Device != device)
                continue;
            if (Place(next.Parent, next.Name, open) is { } point)
                List(point, open, isNew, stack);
        }
    }

    void Enumerate(WatchPoint point, SafeFileHandle open, bool isNew, CancellationToken ct)
    {
        var stack = new Stack<(WatchPoint Parent, string Name)>();
        List(point, open, isNew, stack);
        foreach (var (parent, name) in stack)
            Watch(parent, name, isNew, ct);
    }

    void List(WatchPoint point, SafeFileHandle open, bool isNew, Stack<(WatchPoint Parent, string Name)> folders)
    {
        if (isNew)
            quiet.Changed(point);
        FolderReader.ReadNames(open, (name, isFolder) =>
        {
            if (IgnoreRules.IsOurs(name))
                return;
            if (isFolder)
                folders.Push((point, name));
            else if (isNew)
                quiet.Written(point, name);
        });
    }

    /// <summary>Gives an open folder its watch and its place in the tree.</summary>
    /// <returns>null if it stood there already, with all that it holds.</returns>
    WatchPoint? Place(WatchPoint parent, string name, SafeFileHandle open)
    {
        var error = Inotify.NoSpace;
        var descriptor = tree.Count - tree.Unwatched >= maxFolders ? -1 : inotify.Watch(open, out error);
        if (descriptor >= 0 && tree.Find(descriptor) is { } known)
        {
            if (known.Parent != parent || known.Name != name)
            {
                if (parent.Children.GetValueOrDefault(name) is { } displaced && displaced != known)
                    Remove(displaced);
                tree.Move(known, parent, name);
                // It was away for a while: a look may have taken what was heard about it for nothing.
                lost |= detached.Remove(known, out var since) && since < batch - 1;
                quiet.Changed(known);
            }
            return null;
        }
        var there = parent.Children.GetValueOrDefault(name);
        if (there is { Descriptor: >= 0 })
        {
            Remove(there);
            there = null;
        }
        var point = there ?? tree.Add(parent, name);
        tree.SetDescriptor(point, descriptor);
        return point;
    }

    void Remove(WatchPoint point)
    {
        detached.Remove(point);
        tree.Remove(point, gone =>
        {
            quiet.Forget(gone);
            if (gone.Descriptor >= 0)
                inotify.Unwatch(gone.Descriptor);
        });
    }

    // Nobody has said where they went: they have left the tree, and what happens to them there is not ours.
    void DropDetached()
    {
        foreach (var point in detached.Keys.ToList())
            Remove(point);
    }

    public async Task<bool> BarrierAsync(CancellationToken ct)
    {
        if (cookieWatch < 0 || !thread.IsAlive)
            return broken is null ? false : throw broken;
        return await cookies.BarrierAsync(ct);
    }

    public bool TakeLost()
    {
        lock (gate)
        {
            var was = lost;
            lost = false;
            return was;
        }
    }

    public string? PathOf(WatchPoint point)
    {
        lock (gate)
            return tree.PathOf(point);
    }

    public WatchPoint? Find(string path)
    {
        lock (gate)
            return tree.Find(path);
    }

    public void Poll(CancellationToken ct)
    {
        lock (gate)
        {
            foreach (var point in tree.All().Where(point => point.Descriptor < 0 && point != tree.Root).ToList())
            {
                if (tree.PathOf(point) is not { } path)
                    continue;
                quiet.Changed(point);
                // There may be room for a watch by now; and folders in it that nobody told of.
                if (Posix.OpenFolder(folder.Root, path, out _) is { } open)
                    using (open)
                        if (Place(point.Parent!, point.Name, open) is { } still)
                            Enumerate(still, open, isNew: false, ct);
            }
        }
    }

    public bool HasNotes => cookies.HasNotes;

    public IReadOnlyList<string> TakeNotes() => cookies.TakeNotes();

    public void Dispose()
    {
        inotify.Stop();
        if (thread.IsAlive)
            thread.Join();
        inotify.Dispose();
        cookies.Dispose();
    }
}
