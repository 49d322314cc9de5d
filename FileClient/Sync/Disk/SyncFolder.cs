using System.Runtime.InteropServices;
using FileClient.Sync.Core;
using FileClient.Terminal;
using Microsoft.Win32.SafeHandles;

namespace FileClient.Sync.Disk;

/// <summary>A linked folder on this machine: its open root, its state folder, and the lock that keeps a second run out.</summary>
sealed class SyncFolder : IDisposable
{
    readonly SafeFileHandle? guard;

    SyncFolder(string path, SafeFileHandle root, SafeFileHandle state, SafeFileHandle staging, SafeFileHandle? guard)
    {
        FullPath = path;
        Root = root;
        State = state;
        Staging = staging;
        this.guard = guard;
    }

    public string FullPath { get; }

    public SafeFileHandle Root { get; }

    public SafeFileHandle State { get; }

    public SafeFileHandle Staging { get; }

    public string DatabasePath => Path.Combine(FullPath, IgnoreRules.StateFolder, "state.db");

    public string MarkerPath => Path.Combine(FullPath, IgnoreRules.StateFolder, "link.json");

    /// <summary>Opens a folder that is linked, or makes its state folder.</summary>
    /// <param name="beside">Only to look, while another process may be at work.</param>
    /// <exception cref="Failure">It is not there, not linked (exit 10: its disk may not be mounted), or another run holds it.</exception>
    public static SyncFolder Open(string path, bool create, bool beside = false)
    {
        if (!OperatingSystem.IsLinux())
            throw new Failure(ExitCode.Failure, "Sync folders are supported on Linux only, so far.");
        var full = Path.GetFullPath(path);
        var root = Posix.OpenRoot(full, out var error)
            ?? throw new Failure(create ? ExitCode.NotFound : ExitCode.Brake, $"The folder {full} cannot be opened: {Marshal.GetPInvokeErrorMessage(error)}. Nothing was touched.")
            {
                Hint = create ? null : "If it lies on another disk, mount that first.",
            };
        try
        {
            if (create)
                MakeFolder(root, IgnoreRules.StateFolder);
            var state = Posix.OpenFolder(root, IgnoreRules.StateFolder, out _)
                ?? throw new Failure(ExitCode.Brake, $"{full} is not linked to a space, or its disk is not mounted. Nothing was touched.")
                {
                    Hint = $"To link it: fileshare sync init {path} SPACE",
                };
            MakeFolder(state, "staging");
            MakeFolder(state, "trash");
            var guard = beside ? null : Lock(state, full);
            return new SyncFolder(full, root, state, Posix.OpenFolder(state, "staging", out error) ?? throw Broken("staging", error), guard);
        }
        catch
        {
            root.Dispose();
            throw;
        }
    }

    static SafeFileHandle Lock(SafeFileHandle state, string path)
    {
        var file = Posix.OpenForWriting(state, "lock", out var error) ?? Posix.CreateFile(state, "lock", out error) ?? throw Broken("lock", error);
        if (Posix.TryLock(file))
            return file;
        file.Dispose();
        if (Watch.WatchStatus.Of(path) is { } watching)
            throw new Failure(ExitCode.Temporary, $"{path} is kept in sync by a watching client (process {watching.Process}, {watching.State}), which does all there is to do.")
            {
                Hint = $"To wait until everything is synced: fileshare sync status {path} --wait",
            };
        throw new Failure(ExitCode.Locked, $"Another sync of {path} is running.");
    }

    static void MakeFolder(SafeFileHandle parent, string name)
    {
        var error = Posix.MakeFolder(parent, name);
        if (error is not (0 or Posix.Exists))
            throw Broken(name, error);
    }

    static Failure Broken(string name, int error) =>
        new(ExitCode.Failure, $"{IgnoreRules.StateFolder}/{name} cannot be used: {Marshal.GetPInvokeErrorMessage(error)}.");

    public void Dispose()
    {
        Staging.Dispose();
        State.Dispose();
        Root.Dispose();
        guard?.Dispose();
    }
}
