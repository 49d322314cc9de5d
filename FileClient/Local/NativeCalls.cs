using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace FileClient.Local;

/// <summary>Calls of the C library that the class library lacks, or makes without telling their errors.</summary>
static partial class NativeCalls
{
    /// <summary>Brings a file's bytes to the disk. .NET's own flush reports success when this fails.</summary>
    public static void Sync(SafeFileHandle file)
    {
        if (!OperatingSystem.IsWindows() && FSync(file) != 0)
            throw new IOException($"The disk did not take the bytes: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}.");
    }

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static unsafe partial int Statx(SafeFileHandle folder, string path, int flags, uint mask, FileIdentity.Statx* result);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static unsafe partial int StatxAt(int folder, string path, int flags, uint mask, FileIdentity.Statx* result);
}
