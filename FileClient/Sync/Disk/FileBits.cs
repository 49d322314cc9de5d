using System.Runtime.InteropServices;

namespace FileClient.Sync.Disk;

/// <summary>The permission bits of files that sync makes: those of the user's umask, and never more than read, write and execute.</summary>
static partial class FileBits
{
    static readonly int umask = ReadMask();

    public static int For(bool executable) => (executable ? 0x1ff : 0x1b6) & ~umask;

    // The mask can only be read by setting it.
    static int ReadMask()
    {
        var mask = SetMask(0x3f);
        _ = SetMask(mask);
        return mask;
    }

    [LibraryImport("libc", EntryPoint = "umask")]
    private static partial int SetMask(int mask);
}
