using FileServer.Storage;

namespace Tests.Storage;

/// <summary>Native calls of which the N-th fails with an error number, once or from then on.</summary>
sealed class FailingCalls(INativeCalls inner, int failAt, int errno, bool persistent) : INativeCalls
{
    int calls;

    /// <summary>Whether the call that was to fail has come.</summary>
    public bool HasFailed => Volatile.Read(ref calls) >= failAt;

    public int Open(string path, int flags, int mode) => Fails() ? -errno : inner.Open(path, flags, mode);

    public nint Write(int fd, ReadOnlySpan<byte> bytes, long offset)
    {
        if (!Fails())
            return inner.Write(fd, bytes, offset);
        // As a real disk does: part of it arrives.
        inner.Write(fd, bytes[..(bytes.Length / 2)], offset);
        return -errno;
    }

    public int Truncate(int fd, long length) => Fails() ? -errno : inner.Truncate(fd, length);

    public int PunchHole(int fd, long offset, long length) => Fails() ? -errno : inner.PunchHole(fd, offset, length);

    public int Sync(int fd) => Fails() ? -errno : inner.Sync(fd);

    public int SyncData(int fd) => Fails() ? -errno : inner.SyncData(fd);

    public int StartWriteback(int fd, long offset, long length) => Fails() ? -errno : inner.StartWriteback(fd, offset, length);

    public int MakeFolder(string path, int mode) => Fails() ? -errno : inner.MakeFolder(path, mode);

    public int Rename(string from, string to) => Fails() ? -errno : inner.Rename(from, to);

    public int RenameNoReplace(string from, string to) => Fails() ? -errno : inner.RenameNoReplace(from, to);

    public int Unlink(string path) => Fails() ? -errno : inner.Unlink(path);

    bool Fails()
    {
        var call = Interlocked.Increment(ref calls);
        return call == failAt || (persistent && call > failAt);
    }
}

/// <summary>The process has died in the middle of a call.</summary>
sealed class SimulatedCrashException : Exception;

/// <summary>
/// A disk that keeps only what was synced: at the N-th call the process dies, and what the disk then holds is each file as
/// of its last sync and each folder as of its own. For one thread at a time.
/// </summary>
sealed class CrashingDisk(int crashAt) : INativeCalls
{
    const int Create = 0x40, Directory = 0x10000;

    readonly LibC inner = new();
    readonly Lock gate = new();
    readonly Dictionary<int, string> open = [];
    readonly Dictionary<string, byte[]> synced = new(StringComparer.Ordinal);
    readonly List<(string Folder, Action Undo)> names = [];
    int calls;

    public bool HasCrashed => calls >= crashAt;

    public int Open(string path, int flags, int mode) => Call(() =>
    {
        var fd = inner.Open(path, flags, mode);
        if (fd < 0)
            return fd;
        open[fd] = path;
        if ((flags & Create) != 0)
        {
            synced[path] = [];
            names.Add((Folder(path), () => File.Delete(path)));
        }
        return fd;
    });

    public nint Write(int fd, ReadOnlySpan<byte> bytes, long offset)
    {
        lock (gate)
        {
            if (++calls >= crashAt)
                throw new SimulatedCrashException();
            return inner.Write(fd, bytes, offset);
        }
    }

    public int Truncate(int fd, long length) => Call(() => inner.Truncate(fd, length));

    public int PunchHole(int fd, long offset, long length) => Call(() => inner.PunchHole(fd, offset, length));

    public int Sync(int fd) => Call(() => Synced(fd));

    public int SyncData(int fd) => Call(() => Synced(fd));

    public int StartWriteback(int fd, long offset, long length) => Call(() => 0);

    public int MakeFolder(string path, int mode) => Call(() =>
    {
        var result = inner.MakeFolder(path, mode);
        if (result == 0)
            names.Add((Folder(path), () => System.IO.Directory.Delete(path, recursive: true)));
        return result;
    });

    public int Rename(string from, string to) => Call(() =>
    {
        var replaced = File.Exists(to) ? File.ReadAllBytes(to) : null;
        return Renamed(from, to, inner.Rename(from, to), replaced);
    });

    public int RenameNoReplace(string from, string to) => Call(() => Renamed(from, to, inner.RenameNoReplace(from, to), null));

    public int Unlink(string path) => Call(() => inner.Unlink(path));

    /// <summary>Turns the folder into what the disk would hold after the power came back.</summary>
    public void LoseWhatWasNotSynced()
    {
        foreach (var (path, bytes) in synced.Where(file => File.Exists(file.Key)))
            File.WriteAllBytes(path, bytes);
        foreach (var (_, undo) in Enumerable.Reverse(names))
            undo();
    }

    int Synced(int fd)
    {
        var path = open[fd];
        if (System.IO.Directory.Exists(path))
            names.RemoveAll(name => name.Folder == path);
        else if (File.Exists(path))
            synced[path] = File.ReadAllBytes(path);
        return 0;
    }

    int Renamed(string from, string to, int result, byte[]? replaced)
    {
        if (result != 0)
            return result;
        var content = synced.GetValueOrDefault(from, []);
        synced.Remove(from);
        synced[to] = content;
        foreach (var fd in open.Where(file => file.Value == from).Select(file => file.Key).ToArray())
            open[fd] = to;
        // A rename is one step of the journal: it is there or not with the folder of the new name.
        names.Add((Folder(to), () =>
        {
            if (!File.Exists(to))
                return;
            File.Move(to, from);
            if (replaced is not null)
                File.WriteAllBytes(to, replaced);
        }
        ));
        return result;
    }

    int Call(Func<int> call)
    {
        lock (gate)
        {
            if (++calls >= crashAt)
                throw new SimulatedCrashException();
            return call();
        }
    }

    static string Folder(string path) => Path.GetDirectoryName(path)!;
}
