namespace FileClient.Sync.Watch;

/// <summary>
/// Hears what happens in a folder and passes it on as hints: which folders to look at, and when. What a hint means only a look at the disk can tell.
/// </summary>
interface IFolderWatcher : IDisposable
{
    /// <summary>Something was heard, or somebody asks for something; called from other threads.</summary>
    Action Woken { get; set; }

    /// <summary>Begins to watch. What happens from the end of this call on is heard.</summary>
    void Start(CancellationToken ct);

    /// <summary>Waits until all that happened before the call has been heard.</summary>
    /// <returns>False when that cannot be proven: then everything must be looked at.</returns>
    Task<bool> BarrierAsync(CancellationToken ct);

    /// <summary>Whether something went unheard since the last call, so that everything must be looked at.</summary>
    bool TakeLost();

    /// <summary>The folder's path below the root; null when it is not there any more.</summary>
    string? PathOf(WatchPoint point);

    /// <summary>The watched folder at a path; null when nothing was heard of it yet.</summary>
    WatchPoint? Find(string path);

    /// <summary>How many folders are watched, and how many of them only by looking at them from time to time, because the system has no watches left.</summary>
    (int Folders, int Polled) Extent { get; }

    /// <summary>Has the folders looked at that the system gave no watch for.</summary>
    void Poll(CancellationToken ct);

    /// <summary>Somebody left a note.</summary>
    bool HasNotes { get; }

    /// <summary>Names of notes that other processes left in the folder for cookies, oldest first.</summary>
    IReadOnlyList<string> TakeNotes();
}
