using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace FileClient.Sync.Disk;

/// <summary>The calls of Linux that a sync folder needs and .NET does not have: times in nanoseconds, renames that never replace, paths that never leave the folder.</summary>
static unsafe partial class Posix
{
    public const int NoEntry = 2, AccessDenied = 13, Exists = 17, CrossDevice = 18, NotDirectory = 20, IsDirectory = 21, Invalid = 22, NoSpace = 28,
        NameTooLong = 36, NotEmpty = 39, TooManyLinks = 40, Unsupported = 95, PathTooLong = 36;

    const int ReadOnly = 0, WriteOnly = 1, ReadWrite = 2, Create = 0x40, Exclusive = 0x80, NonBlocking = 0x800, CloseOnExec = 0x80000, PathOnly = 0x200000;
    const int AtSymlinkNoFollow = 0x100, AtRemoveDirectory = 0x200, AtEmptyPath = 0x1000;
    const uint RenameNoReplace = 1, RenameExchange = 2;
    const ulong ResolveBeneath = 8, ResolveNoSymlinks = 4, ResolveNoMagicLinks = 2;

    // O_DIRECTORY, O_NOFOLLOW and O_NOATIME differ between the processors' families.
    static readonly bool isArm = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm;
    static readonly int directory = isArm ? 0x4000 : 0x10000;
    static readonly int noFollow = isArm ? 0x8000 : 0x20000;

    /// <summary>Opens a folder below another one; no part of the path may be a symlink, and none may lead out.</summary>
    public static SafeFileHandle? OpenFolder(SafeFileHandle root, string path, out int error) => OpenBeneath(root, path, directory | CloseOnExec, 0, out error);

    /// <summary>Opens a file for reading; never a symlink, a pipe or a device that would block.</summary>
    public static SafeFileHandle? OpenFile(SafeFileHandle root, string path, out int error) => OpenBeneath(root, path, ReadOnly | noFollow | NonBlocking | CloseOnExec, 0, out error);

    /// <summary>Makes a file that does not exist yet.</summary>
    public static SafeFileHandle? CreateFile(SafeFileHandle folder, string name, out int error) =>
        OpenBeneath(folder, name, ReadWrite | Create | Exclusive | noFollow | CloseOnExec, 0x180, out error);

    public static SafeFileHandle? OpenForWriting(SafeFileHandle folder, string name, out int error) =>
        OpenBeneath(folder, name, ReadWrite | noFollow | CloseOnExec, 0, out error);

    static SafeFileHandle? OpenBeneath(SafeFileHandle root, string path, int flags, int mode, out int error)
    {
        var how = stackalloc ulong[3];
        how[0] = (uint)flags;
        how[1] = (uint)mode;
        how[2] = ResolveBeneath | ResolveNoSymlinks | ResolveNoMagicLinks;
        // 437: openat2 has no wrapper in the C library; the number is the same on all processors.
        var descriptor = OpenAt2(437, root, path.Length == 0 ? "." : path, how, 3 * sizeof(ulong));
        error = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        return descriptor < 0 ? null : new SafeFileHandle((nint)descriptor, ownsHandle: true);
    }

    /// <summary>Opens a folder by its path as the user wrote it; symlinks above it are the user's own.</summary>
    public static SafeFileHandle? OpenRoot(string path, out int error)
    {
        var descriptor = Open(path, directory | CloseOnExec);
        error = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        return descriptor < 0 ? null : new SafeFileHandle((nint)descriptor, ownsHandle: true);
    }

    public static int RenameNew(SafeFileHandle fromFolder, string from, SafeFileHandle toFolder, string to) =>
        RenameAt2(fromFolder, from, toFolder, to, RenameNoReplace) == 0 ? 0 : Marshal.GetLastPInvokeError();

    public static int RenameSwap(SafeFileHandle fromFolder, string from, SafeFileHandle toFolder, string to) =>
        RenameAt2(fromFolder, from, toFolder, to, RenameExchange) == 0 ? 0 : Marshal.GetLastPInvokeError();

    public static int MakeFolder(SafeFileHandle folder, string name) => MkdirAt(folder, name, 0x1ff) == 0 ? 0 : Marshal.GetLastPInvokeError();

    public static int RemoveFolder(SafeFileHandle folder, string name) => UnlinkAt(folder, name, AtRemoveDirectory) == 0 ? 0 : Marshal.GetLastPInvokeError();

    public static int RemoveFile(SafeFileHandle folder, string name) => UnlinkAt(folder, name, 0) == 0 ? 0 : Marshal.GetLastPInvokeError();

    public static int MakeLink(SafeFileHandle folder, string name, string target) => SymlinkAt(target, folder, name) == 0 ? 0 : Marshal.GetLastPInvokeError();

    public static int SyncFileSystem(SafeFileHandle any) => SyncFs(any) == 0 ? 0 : Marshal.GetLastPInvokeError();

    public static int SetMode(SafeFileHandle file, int mode) => FChmod(file, mode) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Sets the modification time; the access time stays.</summary>
    public static int SetModified(SafeFileHandle file, long microseconds)
    {
        var times = stackalloc long[4];
        times[0] = 0;
        times[1] = 0x3ffffffe;
        times[2] = Math.DivRem(microseconds, 1_000_000, out var rest) - (rest < 0 ? 1 : 0);
        times[3] = (rest < 0 ? rest + 1_000_000 : rest) * 1000;
        return FUtimens(file, times) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    public static string? ReadLink(SafeFileHandle folder, string name)
    {
        Span<byte> buffer = stackalloc byte[4096];
        fixed (byte* target = buffer)
        {
            var length = (int)ReadLinkAt(folder, name, target, (nuint)buffer.Length);
            return length < 0 || length == buffer.Length ? null : Utf8.Decode(buffer[..length]);
        }
    }

    /// <summary>Lets only one process at a time pass; held until the handle is closed.</summary>
    public static bool TryLock(SafeFileHandle file) => FLock(file, 2 | 4) == 0;

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenAt2(long number, SafeFileHandle folder, string path, ulong* how, long size);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt2(SafeFileHandle fromFolder, string from, SafeFileHandle toFolder, string to, uint flags);

    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MkdirAt(SafeFileHandle folder, string name, uint mode);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnlinkAt(SafeFileHandle folder, string name, int flags);

    [LibraryImport("libc", EntryPoint = "symlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SymlinkAt(string target, SafeFileHandle folder, string name);

    [LibraryImport("libc", EntryPoint = "readlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint ReadLinkAt(SafeFileHandle folder, string name, byte* buffer, nuint size);

    [LibraryImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    private static partial int SyncFs(SafeFileHandle any);

    [LibraryImport("libc", EntryPoint = "fchmod", SetLastError = true)]
    private static partial int FChmod(SafeFileHandle file, int mode);

    [LibraryImport("libc", EntryPoint = "futimens", SetLastError = true)]
    private static partial int FUtimens(SafeFileHandle file, long* times);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int FLock(SafeFileHandle file, int operation);
}
