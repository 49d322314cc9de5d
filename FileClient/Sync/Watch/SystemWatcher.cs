using FileClient.Sync.Core;
using FileClient.Sync.Disk;

namespace FileClient.Sync.Watch;

/// <summary>
/// Follows a folder by the class library's watcher, where there is no inotify. It does not tell when a file is closed, so that files wait longer; and where
/// it cannot work either, all is looked at from time to time.
/// </summary>
sealed class SystemWatcher : IFolderWatcher
{
    readonly Lock gate = new();
    readonly SyncFolder folder;
    readonly QuietTimes<WatchPoint> quiet;
    readonly Cookies cookies;
    readonly WatchTree tree = new();
    readonly FileSystemWatcher? events;
    readonly string stateFolder;
    bool lost;

    public SystemWatcher(SyncFolder folder, QuietTimes<WatchPoint> quiet, TimeProvider clock)
    {
        this.folder = folder;
        this.quiet = quiet;
        cookies = new Cookies(folder, clock);
        stateFolder = IgnoreRules.StateFolder + Path.DirectorySeparatorChar;
        try
        {
            events = new FileSystemWatcher(folder.FullPath) { IncludeSubdirectories = true, InternalBufferSize = 64 * 1024 };
            events.NotifyFilter = NotifyFilters.FileName | NotifyFilters.DirectoryName | NotifyFilters.LastWrite | NotifyFilters.Size | NotifyFilters.Attributes;
            events.Changed += (_, heard) => Hear(heard.FullPath, heard.ChangeType);
            events.Created += (_, heard) => Hear(heard.FullPath, heard.ChangeType);
            events.Deleted += (_, heard) => Hear(heard.FullPath, heard.ChangeType);
            events.Renamed += (_, heard) =>
            {
                Hear(heard.OldFullPath, WatcherChangeTypes.Deleted);
                Hear(heard.FullPath, WatcherChangeTypes.Renamed);
            };
            events.Error += (_, _) => Lose();
        }
        catch (IOException)
        {
            // The system has no watches left for this user.
            events = null;
        }
    }

    public Action Woken { get; set; } = static () => { };

    public (int Folders, int Polled) Extent => (1, events is { EnableRaisingEvents: true } ? 0 : 1);

    public void Start(CancellationToken ct)
    {
        try
        {
            events?.EnableRaisingEvents = true;
        }
        catch (IOException)
        {
            // Then all is looked at from time to time.
        }
        cookies.Begin();
    }

    void Lose()
    {
        lock (gate)
            lost = true;
        Woken();
    }

    void Hear(string fullPath, WatcherChangeTypes what)
    {
        var path = Path.GetRelativePath(folder.FullPath, fullPath);
        if (path.StartsWith(stateFolder, StringComparison.Ordinal))
        {
            if (what == WatcherChangeTypes.Created && Path.GetFileName(Path.GetDirectoryName(path)) == Cookies.FolderName)
                cookies.Hear(Path.GetFileName(path));
        }
        else if (path == IgnoreRules.StateFolder)
            return;
        else if (path == ".fileshareignore")
            Lose();
        else
            lock (gate)
                Hear(path.Replace(Path.DirectorySeparatorChar, '/'), fullPath, what);
        Woken();
    }

    void Hear(string path, string fullPath, WatcherChangeTypes what)
    {
        var slash = path.LastIndexOf('/');
        var (point, name) = (PointAt(slash < 0 ? "" : path[..slash]), path[(slash + 1)..]);
        if (what == WatcherChangeTypes.Deleted)
        {
            quiet.Changed(point, gone: name);
            if (point.Children.GetValueOrDefault(name) is { } gone)
                tree.Remove(gone, quiet.Forget);
        }
        else if (Directory.Exists(fullPath))
        {
            // What was made in a folder before it was watched is told by no event.
            if (what != WatcherChangeTypes.Changed)
            {
                quiet.Changed(point);
                HearAllIn(path, fullPath);
            }
        }
        else
        {
            if (what != WatcherChangeTypes.Changed)
                quiet.Changed(point);
            quiet.Written(point, name);
        }
    }

    void HearAllIn(string path, string fullPath)
    {
        var point = PointAt(path);
        quiet.Changed(point);
        try
        {
            foreach (var entry in new DirectoryInfo(fullPath).EnumerateFileSystemInfos())
            {
                if (entry is DirectoryInfo { LinkTarget: null })
                    HearAllIn($"{path}/{entry.Name}", entry.FullName);
                else
                    quiet.Written(point, entry.Name);
            }
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            // It went meanwhile, or is closed to us: the look at it finds out.
        }
    }

    WatchPoint PointAt(string path)
    {
        var at = tree.Root;
        foreach (var name in path.Length == 0 ? [] : path.Split('/'))
            at = at.Children.GetValueOrDefault(name) ?? tree.Add(at, name);
        return at;
    }

    public async Task<bool> BarrierAsync(CancellationToken ct) => Extent.Polled > 0 || await cookies.BarrierAsync(ct);

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

    // Any folder may be asked for: all of them are watched.
    public WatchPoint? Find(string path)
    {
        lock (gate)
            return PointAt(path);
    }

    public void Poll(CancellationToken ct)
    {
        if (Extent.Polled > 0)
            Lose();
    }

    public bool HasNotes => cookies.HasNotes;

    public IReadOnlyList<string> TakeNotes() => cookies.TakeNotes();

    public void Dispose()
    {
        events?.Dispose();
        cookies.Dispose();
    }
}
