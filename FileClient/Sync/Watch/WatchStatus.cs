using System.Text.Json;
using FileClient.Sync.Disk;

namespace FileClient.Sync.Watch;

/// <summary>How a watching client is doing.</summary>
static class WatchStates
{
    public const string Starting = "starting", Syncing = "syncing", Idle = "idle", Waiting = "waiting", Blocked = "blocked", Offline = "offline", SignedOut = "signed-out", Paused = "paused", Trouble = "trouble";
}

/// <summary>What a watching client says of itself, in <c>.fileshare/status.json</c>, for other processes to read.</summary>
/// <param name="State">One of <see cref="WatchStates"/>.</param>
/// <param name="Since">When it came into this state.</param>
/// <param name="Detail">Why, in words.</param>
/// <param name="Connected">It hears of the server's changes at once.</param>
/// <param name="Watched">Folders under watch.</param>
/// <param name="Polled">Those of them that are only looked at once a minute, because the system has no watches left.</param>
/// <param name="LastSync">When both sides were last found equal.</param>
sealed record WatchStatus(
    int Process, DateTimeOffset Started, string State, DateTimeOffset Since, string? Detail, bool Connected, int Watched, int Polled, DateTimeOffset? LastSync,
    int Files, int Folders, int Conflicts, IReadOnlyList<SyncProblem> Problems, IReadOnlyList<SyncBrake> Brakes, int WholeScans = 0, int PartialScans = 0)
{
    public const string FileName = "status.json";

    static string PathIn(string folder) => Path.Combine(folder, Core.IgnoreRules.StateFolder, FileName);

    /// <summary>What the process that watches a folder said last; null if none does.</summary>
    public static WatchStatus? Of(string folder)
    {
        try
        {
            var status = JsonSerializer.Deserialize(File.ReadAllBytes(PathIn(folder)), SyncJson.Default.WatchStatus);
            return status is not null && IsAlive(status) ? status : null;
        }
        catch (Exception absent) when (absent is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    // A number is given again: a process that began after the status was written is another one.
    static bool IsAlive(WatchStatus status)
    {
        try
        {
            using var process = System.Diagnostics.Process.GetProcessById(status.Process);
            return !process.HasExited && process.StartTime.ToUniversalTime() <= status.Started.UtcDateTime.AddSeconds(2);
        }
        catch (Exception gone) when (gone is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    /// <summary>Readers see the whole of it or the one before. It need not outlive the process, so the disk is not waited for.</summary>
    public void Write(SyncFolder folder)
    {
        var path = PathIn(folder.FullPath);
        File.WriteAllBytes(path + ".new", JsonSerializer.SerializeToUtf8Bytes(this, SyncJson.Default.WatchStatus));
        File.Move(path + ".new", path, overwrite: true);
    }

    public static void Remove(SyncFolder folder) => Posix.RemoveFile(folder.State, FileName);
}
