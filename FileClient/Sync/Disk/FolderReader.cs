using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace FileClient.Sync.Disk;

/// <summary>One name in a folder, with what the disk says about it.</summary>
/// <param name="Name">null when the bytes are not UTF-8; <paramref name="Shown"/> then stands for it.</param>
/// <param name="Error">Why it could not be looked at; 0 when it could.</param>
readonly record struct FolderEntry(string? Name, string Shown, Stat Stat, int Error);

/// <summary>Lists a folder and looks at each of its entries, relative to the open folder, so that nothing can be swapped on the way.</summary>
static unsafe partial class FolderReader
{
    const byte TypeUnknown = 0, TypeFolder = 4;

    /// <summary>Calls back for each entry, in no order. Entries that vanish in between are left out.</summary>
    /// <returns>0, or why the folder could not be listed to its end.</returns>
    public static int Read(SafeFileHandle folder, Action<FolderEntry> found) => Read(folder, (stream, descriptor) => ReadAll(stream, descriptor, found));

    /// <summary>Calls back with the name of each entry and whether it is a folder, without a look at the entry where the file system tells that by itself.</summary>
    public static int ReadNames(SafeFileHandle folder, Action<string, bool> found) => Read(folder, (stream, descriptor) => ReadNames(stream, descriptor, found));

    static int Read(SafeFileHandle folder, Func<nint, int, int> read)
    {
        var held = false;
        folder.DangerousAddRef(ref held);
        try
        {
            // closedir closes the descriptor that it was given, so it gets its own.
            var descriptor = Duplicate((int)folder.DangerousGetHandle());
            var stream = descriptor < 0 ? 0 : OpenStream(descriptor);
            if (stream == 0)
                return Marshal.GetLastPInvokeError();
            Rewind(stream);
            try
            {
                return read(stream, descriptor);
            }
            finally
            {
                _ = CloseStream(stream);
            }
        }
        finally
        {
            if (held)
                folder.DangerousRelease();
        }
    }

    static int ReadAll(nint stream, int descriptor, Action<FolderEntry> found)
    {
        while (true)
        {
            Marshal.SetLastSystemError(0);
            var entry = ReadStream(stream);
            if (entry == null)
                return Marshal.GetLastPInvokeError();
            // struct dirent of 64-bit Linux: inode 8, offset 8, length 2, type 1, then the name.
            var name = entry + 19;
            var bytes = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name);
            if (bytes is [(byte)'.'] or [(byte)'.', (byte)'.'])
                continue;
            var stat = Stat.Of(descriptor, name, out var error);
            if (error == Posix.NoEntry)
                continue;
            var text = Utf8.Decode(bytes);
            found(new FolderEntry(text, text ?? Utf8.Show(bytes), stat.GetValueOrDefault(), error));
        }
    }

    static int ReadNames(nint stream, int descriptor, Action<string, bool> found)
    {
        while (true)
        {
            Marshal.SetLastSystemError(0);
            var entry = ReadStream(stream);
            if (entry == null)
                return Marshal.GetLastPInvokeError();
            var bytes = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(entry + 19);
            if (bytes is [(byte)'.'] or [(byte)'.', (byte)'.'] || Utf8.Decode(bytes) is not { } name)
                continue;
            var type = entry[18];
            found(name, type == TypeFolder || (type == TypeUnknown && Stat.Of(descriptor, entry + 19, out _) is { IsFolder: true }));
        }
    }

    [LibraryImport("libc", EntryPoint = "dup", SetLastError = true)]
    private static partial int Duplicate(int descriptor);

    [LibraryImport("libc", EntryPoint = "fdopendir", SetLastError = true)]
    private static partial nint OpenStream(int descriptor);

    [LibraryImport("libc", EntryPoint = "rewinddir")]
    private static partial void Rewind(nint stream);

    [LibraryImport("libc", EntryPoint = "readdir", SetLastError = true)]
    private static partial byte* ReadStream(nint stream);

    [LibraryImport("libc", EntryPoint = "closedir")]
    private static partial int CloseStream(nint stream);
}
