using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace FileServer.Database.Embedded;

/// <summary>The few calls to the operating system that running a child database needs and .NET does not offer.</summary>
[UnsupportedOSPlatform("windows")]
static partial class SystemCalls
{
    public const int Interrupt = 2;
    public const int Quit = 3;

    const int ReadOnly = 0;
    const int DirectoryOnly = 0x10000;
    const int CloseOnExec = 0x80000;

    public static bool Signal(int pid, int signal) => kill(pid, signal) == 0;

    /// <summary>Whether the process runs. One that ended but was not reaped yet does not.</summary>
    public static bool IsRunning(int pid)
    {
        if (!OperatingSystem.IsLinux())
            return kill(pid, 0) == 0;
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            var state = stat[stat.LastIndexOf(')') + 2];
            return state is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>A descriptor of a folder; through /proc/self/fd it leads there without touching the folders above.</summary>
    [SupportedOSPlatform("linux")]
    public static SafeFileHandle OpenFolder(string path, bool inheritable)
    {
        // The flags' values differ between architectures: arm has its own.
        var directoryOnly = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? 0x4000 : DirectoryOnly;
        var descriptor = open(path, ReadOnly | directoryOnly | (inheritable ? 0 : CloseOnExec));
        if (descriptor < 0)
            throw new IOException($"The folder '{path}' cannot be opened: {Marshal.GetLastPInvokeErrorMessage()}");
        return new SafeFileHandle(descriptor, ownsHandle: true);
    }

    public static void ChangeOwner(string path, uint user, uint group)
    {
        if (lchown(path, user, group) != 0)
            throw new IOException($"The owner of '{path}' cannot be changed: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int pid, int signal);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int lchown(string path, uint user, uint group);
}
