using FileClient.Sync.Disk;

namespace FileClient.Sync.Watch;

/// <summary>
/// A note that a command leaves for the process that watches the folder, a file among the cookies: the watcher takes it away when it has done what it asks for.
/// Its event comes behind those of everything that was done in the folder before.
/// </summary>
static class Note
{
    /// <summary>Tell me when all that was done before this note is synced.</summary>
    public const string Settle = "settle";

    /// <summary>Look again whether the folder is paused.</summary>
    public const string Look = "look";

    static readonly TimeSpan lookEvery = TimeSpan.FromMilliseconds(20);

    public static string KindOf(string name) => name.Split('-')[0];

    /// <summary>Leaves a note and waits until it is taken away.</summary>
    /// <returns>False when the watcher is gone, and so nobody will.</returns>
    public static async Task<bool> LeaveAsync(string folder, string kind, TimeProvider clock, CancellationToken ct)
    {
        var path = Path.Combine(folder, Core.IgnoreRules.StateFolder, Cookies.FolderName, $"{kind}-{Guid.CreateVersion7(clock.GetUtcNow()):N}");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllBytesAsync(path, [], ct);
        try
        {
            for (var looks = 0; File.Exists(path); looks++)
            {
                if (looks % 50 == 49 && WatchStatus.Of(folder) is null)
                    return false;
                await Task.Delay(lookEvery, clock, ct);
            }
            return true;
        }
        finally
        {
            File.Delete(path);
        }
    }

    public static void TakeAway(SyncFolder folder, string name)
    {
        using var cookies = Cookies.Open(folder.State);
        Posix.RemoveFile(cookies, name);
    }
}
