using FileServer.Settings;

namespace FileServer.Database;

/// <summary>
/// The folder that holds everything of one server. It has one owner at a time: a second server on it would append to the
/// same packs and start a second PostgreSQL on the same files.
/// </summary>
sealed class DataFolder : IDisposable
{
    const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    const string LockName = "owner.lock";
    // Not in the locked file itself: even reading that would ask for the lock.
    const string HolderName = "owner.pid";

    readonly FileStream? claim;

    DataFolder(string path, FileStream? claim)
    {
        Path = path;
        this.claim = claim;
    }

    public string Path { get; }

    /// <summary>Whether this process owns the folder, or only looks into one that a running server owns.</summary>
    public bool IsOwned => claim is not null;

    /// <summary>The folder that is used when none is named: the user's data folder + /fileshare.</summary>
    public static string Default
    {
        get
        {
            var data = Environment.GetEnvironmentVariable("XDG_DATA_HOME");
            if (string.IsNullOrEmpty(data) || !System.IO.Path.IsPathRooted(data))
                data = System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify), ".local", "share");
            return System.IO.Path.Combine(data, "fileshare");
        }
    }

    /// <summary>Makes the folder if need be and takes it, until disposed or the process ends, however it ends.</summary>
    /// <exception cref="StartRefused">Another process has it, or it cannot be used.</exception>
    public static DataFolder Own(string path)
    {
        path = Make(path);
        var lockPath = System.IO.Path.Combine(path, LockName);
        try
        {
            // FileShare.None is flock(LOCK_EX | LOCK_NB) on Unix: the kernel lets go of it even after a kill -9.
            var claim = new FileStream(lockPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
            File.WriteAllText(System.IO.Path.Combine(path, HolderName), $"{Environment.ProcessId}\n");
            return new DataFolder(path, claim);
        }
        catch (IOException taken)
        {
            throw new StartRefused(
                $"The data folder '{path}' belongs to a running server{Holder(path)}. Stop that one first, or set FILESHARE_DATA to another folder.", taken);
        }
        catch (UnauthorizedAccessException denied)
        {
            throw new StartRefused($"The data folder '{path}' cannot be written: {denied.Message}", denied);
        }
    }

    /// <summary>Takes the folder, or joins the server that has it, for commands that only read or change rows.</summary>
    public static DataFolder OwnOrJoin(string path)
    {
        try
        {
            return Own(path);
        }
        catch (StartRefused refused) when (refused.InnerException is IOException)
        {
            return new DataFolder(System.IO.Path.GetFullPath(path), claim: null);
        }
    }

    public void Dispose() => claim?.Dispose();

    static string Make(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        try
        {
            if (OperatingSystem.IsWindows())
                Directory.CreateDirectory(path);
            else
                Directory.CreateDirectory(path, Private);
            return path;
        }
        catch (Exception denied) when (denied is IOException or UnauthorizedAccessException)
        {
            throw new StartRefused($"The data folder '{path}' cannot be made: {denied.Message} Set FILESHARE_DATA to a folder that this user may write.", denied);
        }
    }

    static string Holder(string path)
    {
        try
        {
            return File.ReadAllText(System.IO.Path.Combine(path, HolderName)).Trim() is { Length: > 0 } pid ? $" (process {pid})" : "";
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
