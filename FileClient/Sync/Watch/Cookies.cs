using System.Globalization;
using FileClient.Sync.Disk;
using Microsoft.Win32.SafeHandles;

namespace FileClient.Sync.Watch;

/// <summary>
/// Files that are made in <c>.fileshare/cookies</c> so that their event comes behind all earlier ones. Other processes leave notes for the watching one there.
/// </summary>
sealed class Cookies : IDisposable
{
    public const string FolderName = "cookies";

    const string Own = "seen-";
    static readonly TimeSpan patience = TimeSpan.FromSeconds(20);

    readonly Lock gate = new();
    readonly TimeProvider clock;
    readonly Dictionary<string, TaskCompletionSource<bool>> waiting = new(StringComparer.Ordinal);
    readonly List<string> notes = [];
    int number;
    bool over;

    public Cookies(SyncFolder folder, TimeProvider clock)
    {
        this.clock = clock;
        Folder = Open(folder.State);
    }

    /// <summary>Once the folder is watched: finds what a killed run left behind, and notes that came before there was anybody to read them.</summary>
    public void Begin() =>
        FolderReader.ReadNames(Folder, (name, isFolder) =>
        {
            if (name.StartsWith(Own, StringComparison.Ordinal))
                Posix.RemoveFile(Folder, name);
            else if (!isFolder)
                lock (gate)
                    notes.Add(name);
        });

    public SafeFileHandle Folder { get; }

    public static SafeFileHandle Open(SafeFileHandle state)
    {
        var error = Posix.MakeFolder(state, FolderName);
        if (error is not (0 or Posix.Exists))
            throw new IOException($"The folder for cookies cannot be made: {System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(error)}.");
        return Posix.OpenFolder(state, FolderName, out error)
            ?? throw new IOException($"The folder for cookies cannot be opened: {System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(error)}.");
    }

    /// <summary>Waits until all events from before this call have been heard.</summary>
    /// <returns>False if that cannot be said.</returns>
    public async Task<bool> BarrierAsync(CancellationToken ct)
    {
        var heard = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        string name;
        lock (gate)
        {
            if (over)
                return false;
            name = string.Create(CultureInfo.InvariantCulture, $"{Own}{++number}");
            waiting[name] = heard;
        }
        try
        {
            using var file = Posix.CreateFile(Folder, name, out _);
            return file is not null && await heard.Task.WaitAsync(patience, clock, ct);
        }
        catch (TimeoutException)
        {
            return false;
        }
        finally
        {
            Posix.RemoveFile(Folder, name);
            lock (gate)
                waiting.Remove(name);
        }
    }

    /// <summary>An event told of this name.</summary>
    public void Hear(string name)
    {
        lock (gate)
        {
            if (waiting.TryGetValue(name, out var heard))
                heard.TrySetResult(true);
            else if (!name.StartsWith(Own, StringComparison.Ordinal))
                notes.Add(name);
        }
    }

    /// <summary>No event will be told any more.</summary>
    public void GiveUp()
    {
        lock (gate)
        {
            over = true;
            foreach (var heard in waiting.Values)
                heard.TrySetResult(false);
        }
    }

    public bool HasNotes
    {
        get
        {
            lock (gate)
                return notes.Count > 0;
        }
    }

    /// <summary>The notes that came since the last call.</summary>
    public IReadOnlyList<string> TakeNotes()
    {
        lock (gate)
        {
            string[] taken = [.. notes];
            notes.Clear();
            return taken;
        }
    }

    public void Dispose() => Folder.Dispose();
}
