using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace FileServer.Storage;

/// <summary>
/// The one place that makes bytes and names survive a crash. .NET 10 reports success when fsync fails on Linux and cannot
/// sync a folder, so the calls are made here, and each error comes out as a <see cref="DurableException"/>.
/// </summary>
/// <remarks>
/// A failed sync is never tried again: the kernel marks the pages clean and reports success the second time. The
/// caller gives the file up and writes the bytes to another one.
/// </remarks>
sealed class Durable(INativeCalls native)
{
    // Values of Linux on x86-64 and arm64 alike, except where two are named.
    const int ReadWrite = 2, Create = 0x40, Exclusive = 0x80, CloseOnExec = 0x80000;
    const int OwnerOnlyFile = 0x180, OwnerOnlyFolder = 0x1C0;

    static readonly int NoFollow = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x8000 : 0x20000;
    static readonly int Folder = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x4000 : 0x10000;

    readonly ConcurrentDictionary<string, bool> knownFolders = new(StringComparer.Ordinal);

    /// <summary>Makes a new file for reading and writing, for the owner only; never follows a link, never opens what is there.</summary>
    public SafeFileHandle CreateFile(string path) => Open("create", path, ReadWrite | Create | Exclusive | NoFollow | CloseOnExec);

    /// <summary>Opens a file for reading and writing; never follows a link.</summary>
    public SafeFileHandle OpenFile(string path) => Open("open", path, ReadWrite | NoFollow | CloseOnExec);

    /// <summary>Opens a file for reading; never follows a link.</summary>
    public SafeFileHandle OpenForReading(string path) => Open("open", path, NoFollow | CloseOnExec);

    /// <summary>Writes all bytes at this offset.</summary>
    public void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset)
    {
        using var fd = new Descriptor(file);
        while (bytes.Length > 0)
        {
            var written = native.Write(fd.Value, bytes, offset);
            if (written == -Errno.Interrupted)
                continue;
            if (written < 0)
                throw new DurableException("write", "", (int)-written);
            // A write of nothing is no error to the kernel; to us it would be an endless loop.
            if (written == 0)
                throw new DurableException("write", "", Errno.NoSpace);
            bytes = bytes[(int)written..];
            offset += written;
        }
    }

    public void Truncate(SafeFileHandle file, long length) => OnFile("truncate", file, fd => native.Truncate(fd, length));

    /// <summary>Gives a range's disk space back; it reads as zeros then. File systems that cannot do it keep the bytes, which nothing reads.</summary>
    public void PunchHole(SafeFileHandle file, long offset, long length)
    {
        using var fd = new Descriptor(file);
        var result = Retried(() => native.PunchHole(fd.Value, offset, length));
        if (result < 0 && -result is not (Errno.NotSupported or Errno.NotImplemented))
            throw new DurableException("punch a hole into", "", -result);
    }

    /// <summary>After it, the file's bytes and length survive a crash.</summary>
    public void SyncData(SafeFileHandle file) => OnFile("sync", file, native.SyncData);

    /// <summary>After it, all of the file survives a crash, except its name: see <see cref="SyncFolder"/>.</summary>
    public void Sync(SafeFileHandle file) => OnFile("sync", file, native.Sync);

    /// <summary>Asks the kernel to begin writing, so that the sync that follows is short. Promises nothing, and takes no error away from the sync.</summary>
    public void StartWriteback(SafeFileHandle file, long offset, long length)
    {
        using var fd = new Descriptor(file);
        _ = native.StartWriteback(fd.Value, offset, length);
    }

    /// <summary>After it, the names in this folder survive a crash.</summary>
    public void SyncFolder(string path)
    {
        using var folder = Open("open", path, Folder | CloseOnExec);
        OnFile("sync", folder, native.Sync, path);
    }

    /// <summary>Makes a folder and its name durable, and all that are missing above it down from the root, which must exist.</summary>
    public void EnsureFolder(string root, string path)
    {
        if (path.Length <= root.Length || knownFolders.ContainsKey(path))
            return;
        var parent = Path.GetDirectoryName(path)!;
        EnsureFolder(root, parent);
        var result = Retried(() => native.MakeFolder(path, OwnerOnlyFolder));
        if (result < 0 && -result != Errno.Exists)
            throw new DurableException("make the folder", path, -result);
        // Also when it was there: whoever made it may have died before the sync.
        SyncFolder(parent);
        knownFolders[path] = true;
    }

    /// <summary>Gives a synced file its final name, which nothing has yet, and makes that durable.</summary>
    public void Publish(string from, string to)
    {
        var result = Retried(() => native.RenameNoReplace(from, to));
        if (result < 0)
            throw new DurableException("rename", from, -result);
        SyncFolder(Path.GetDirectoryName(to)!);
        SyncFolder(Path.GetDirectoryName(from)!);
    }

    /// <summary>Puts a synced file in another one's place and makes that durable.</summary>
    public void Replace(string from, string to)
    {
        var result = Retried(() => native.Rename(from, to));
        if (result < 0)
            throw new DurableException("rename", from, -result);
        SyncFolder(Path.GetDirectoryName(to)!);
        SyncFolder(Path.GetDirectoryName(from)!);
    }

    /// <summary>Removes a name. That it is gone already is no error; that it comes back after a crash is none either.</summary>
    public void Remove(string path)
    {
        var result = Retried(() => native.Unlink(path));
        if (result < 0 && -result != Errno.NotFound)
            throw new DurableException("remove", path, -result);
    }

    SafeFileHandle Open(string what, string path, int flags)
    {
        var fd = Retried(() => native.Open(path, flags, OwnerOnlyFile));
        return fd >= 0 ? new SafeFileHandle(fd, ownsHandle: true) : throw new DurableException(what, path, -fd);
    }

    static void OnFile(string what, SafeFileHandle file, Func<int, int> call, string path = "")
    {
        using var fd = new Descriptor(file);
        var result = Retried(() => call(fd.Value));
        if (result < 0)
            throw new DurableException(what, path, -result);
    }

    static int Retried(Func<int> call)
    {
        int result;
        do
            result = call();
        while (result == -Errno.Interrupted);
        return result;
    }

    /// <summary>Keeps a handle's number valid while native code uses it.</summary>
    readonly struct Descriptor : IDisposable
    {
        readonly SafeFileHandle handle;

        public Descriptor(SafeFileHandle handle)
        {
            var added = false;
            handle.DangerousAddRef(ref added);
            this.handle = handle;
        }

        public int Value => (int)handle.DangerousGetHandle();

        public void Dispose() => handle.DangerousRelease();
    }
}

/// <summary>Error numbers that mean something to us.</summary>
static class Errno
{
    public const int NotFound = 2, Interrupted = 4, IO = 5, Exists = 17, CrossDevice = 18, NoSpace = 28, ReadOnly = 30, NotImplemented = 38, Loop = 40,
        NotSupported = 95, QuotaExceeded = 122;
}

/// <summary>A system call on a file failed, with its error number.</summary>
sealed class DurableException(string what, string path, int errno)
    : IOException($"Could not {what} {(path.Length == 0 ? "a file" : path)}: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno}).")
{
    public int ErrorNumber => errno;

    public bool IsDiskFull => errno is Errno.NoSpace or Errno.QuotaExceeded;
}
