using System.Runtime.InteropServices;

namespace FileServer.Storage;

/// <summary>
/// The system calls that change files. They return zero or a count, or the negated error number, and are neither
/// retried nor interpreted here: that is <see cref="Durable"/>'s work. Tests put twins in their place that fail the
/// N-th call, or lose at a simulated crash what was not synced.
/// </summary>
interface INativeCalls
{
    int Open(string path, int flags, int mode);

    nint Write(int fd, ReadOnlySpan<byte> bytes, long offset);

    int Truncate(int fd, long length);

    int PunchHole(int fd, long offset, long length);

    int Sync(int fd);

    int SyncData(int fd);

    int StartWriteback(int fd, long offset, long length);

    int MakeFolder(string path, int mode);

    int Rename(string from, string to);

    int RenameNoReplace(string from, string to);

    int Unlink(string path);
}

/// <summary>The calls as the C library has them (Linux).</summary>
sealed unsafe partial class LibC : INativeCalls
{
    const int CurrentFolder = -100;
    const uint NoReplace = 1;
    const int KeepSizeAndPunchHole = 0x01 | 0x02;
    const uint StartWrite = 2;

    public int Open(string path, int flags, int mode) => Result(open(path, flags, mode));

    public nint Write(int fd, ReadOnlySpan<byte> bytes, long offset)
    {
        fixed (byte* start = bytes)
        {
            var written = pwrite(fd, start, (nuint)bytes.Length, offset);
            return written < 0 ? -Marshal.GetLastPInvokeError() : written;
        }
    }

    public int Truncate(int fd, long length) => Result(ftruncate(fd, length));

    public int PunchHole(int fd, long offset, long length) => Result(fallocate(fd, KeepSizeAndPunchHole, offset, length));

    public int Sync(int fd) => Result(fsync(fd));

    public int SyncData(int fd) => Result(fdatasync(fd));

    public int StartWriteback(int fd, long offset, long length) => Result(sync_file_range(fd, offset, length, StartWrite));

    public int MakeFolder(string path, int mode) => Result(mkdir(path, mode));

    public int Rename(string from, string to) => Result(rename(from, to));

    public int RenameNoReplace(string from, string to) => Result(renameat2(CurrentFolder, from, CurrentFolder, to, NoReplace));

    public int Unlink(string path) => Result(unlink(path));

    static int Result(int returned) => returned < 0 ? -Marshal.GetLastPInvokeError() : returned;

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags, int mode);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint pwrite(int fd, byte* bytes, nuint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ftruncate(int fd, long length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fallocate(int fd, int mode, long offset, long length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fsync(int fd);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fdatasync(int fd);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sync_file_range(int fd, long offset, long length, uint flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mkdir(string path, int mode);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rename(string from, string to);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int renameat2(int fromFolder, string from, int toFolder, string to, uint flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int unlink(string path);
}
