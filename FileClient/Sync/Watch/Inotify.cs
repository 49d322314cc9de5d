using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace FileClient.Sync.Watch;

/// <summary>What happened, as the kernel's bits have it.</summary>
[Flags]
enum InotifyMask : uint
{
    None = 0,
    Modify = 0x2,
    Attrib = 0x4,
    CloseWrite = 0x8,
    MovedFrom = 0x40,
    MovedTo = 0x80,
    Create = 0x100,
    Delete = 0x200,
    DeleteSelf = 0x400,
    MoveSelf = 0x800,
    Unmount = 0x2000,
    Overflow = 0x4000,
    Ignored = 0x8000,
    OnlyFolder = 0x1000000,
    ExcludeUnlinked = 0x4000000,
    IsFolder = 0x40000000,
}

/// <summary>One event of the kernel.</summary>
/// <param name="Name">The entry of the watched folder; null: the folder itself, or a name that is not UTF-8.</param>
readonly record struct InotifyEvent(int Descriptor, InotifyMask Mask, string? Name)
{
    public bool Has(InotifyMask bit) => (Mask & bit) != InotifyMask.None;
}

/// <summary>The kernel's queue of file events.</summary>
sealed unsafe partial class Inotify : IDisposable
{
    const int NonBlocking = 0x800, CloseOnExec = 0x80000, TryAgain = 11, Interrupted = 4, HeaderSize = 16;
    const short Readable = 1;

    public const int NoSpace = 28;

    const InotifyMask Wanted = InotifyMask.Create | InotifyMask.Delete | InotifyMask.MovedFrom | InotifyMask.MovedTo | InotifyMask.CloseWrite | InotifyMask.Modify
        | InotifyMask.Attrib | InotifyMask.DeleteSelf | InotifyMask.MoveSelf | InotifyMask.OnlyFolder | InotifyMask.ExcludeUnlinked;

    readonly SafeFileHandle queue;
    readonly SafeFileHandle stop;
    readonly byte[] buffer = new byte[64 * 1024];

    Inotify(SafeFileHandle queue, SafeFileHandle stop) => (this.queue, this.stop) = (queue, stop);

    /// <summary>Opens a queue; null with the error when the system has none left for this user.</summary>
    public static Inotify? Open(out int error)
    {
        var queue = new SafeFileHandle(Init(NonBlocking | CloseOnExec), ownsHandle: true);
        error = queue.IsInvalid ? Marshal.GetLastPInvokeError() : 0;
        if (error != 0)
            return null;
        var stop = new SafeFileHandle(EventFd(0, CloseOnExec), ownsHandle: true);
        error = stop.IsInvalid ? Marshal.GetLastPInvokeError() : 0;
        if (error == 0)
            return new Inotify(queue, stop);
        queue.Dispose();
        return null;
    }

    /// <summary>Watches an open folder: whatever its path is by now, it is this very folder.</summary>
    /// <returns>The number of the watch, the same for the same folder; -1 with the error.</returns>
    public int Watch(SafeFileHandle folder, out int error)
    {
        var descriptor = AddWatch(queue, $"/proc/self/fd/{folder.DangerousGetHandle()}", (uint)Wanted);
        error = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        return descriptor;
    }

    /// <summary>Ends a watch; one that has ended by itself is none.</summary>
    public void Unwatch(int descriptor) => _ = RemoveWatch(queue, descriptor);

    /// <summary>Waits for events and reads them.</summary>
    /// <param name="patienceMs">How long to wait; -1: for ever.</param>
    /// <returns>The events, none when the time is over; null when the queue is being closed.</returns>
    public List<InotifyEvent>? Read(int patienceMs)
    {
        var polled = stackalloc PollFd[2];
        polled[0] = new PollFd((int)queue.DangerousGetHandle(), Readable, 0);
        polled[1] = new PollFd((int)stop.DangerousGetHandle(), Readable, 0);
        if (Poll(polled, 2, patienceMs) < 0)
            return Marshal.GetLastPInvokeError() == Interrupted ? [] : throw Broken();
        if (polled[1].Returned != 0)
            return null;
        if (polled[0].Returned == 0)
            return [];
        fixed (byte* bytes = buffer)
        {
            var length = (int)ReadBytes(queue, bytes, (nuint)buffer.Length);
            if (length < 0)
                return Marshal.GetLastPInvokeError() is TryAgain or Interrupted ? [] : throw Broken();
            return Parse(buffer.AsSpan(0, length));
        }
    }

    static List<InotifyEvent> Parse(ReadOnlySpan<byte> bytes)
    {
        List<InotifyEvent> events = [];
        while (bytes.Length >= HeaderSize)
        {
            var length = (int)MemoryMarshal.Read<uint>(bytes[12..]);
            var name = bytes.Slice(HeaderSize, length);
            name = name.IndexOf((byte)0) is var end and >= 0 ? name[..end] : name;
            events.Add(new InotifyEvent(
                MemoryMarshal.Read<int>(bytes), (InotifyMask)MemoryMarshal.Read<uint>(bytes[4..]),
                name.Length > 0 && System.Text.Unicode.Utf8.IsValid(name) ? Encoding.UTF8.GetString(name) : null));
            bytes = bytes[(HeaderSize + length)..];
        }
        return events;
    }

    static IOException Broken() => new($"File events cannot be read: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}.");

    /// <summary>Ends a wait in <see cref="Read"/>.</summary>
    public void Stop()
    {
        ulong one = 1;
        _ = WriteBytes(stop, &one, sizeof(ulong));
    }

    public void Dispose()
    {
        queue.Dispose();
        stop.Dispose();
    }

    /// <summary>One file descriptor to wait for.</summary>
    struct PollFd(int descriptor, short wanted, short returned)
    {
        public int Descriptor = descriptor;
        public short Wanted = wanted;
        public short Returned = returned;
    }

    [LibraryImport("libc", EntryPoint = "inotify_init1", SetLastError = true)]
    private static partial int Init(int flags);

    [LibraryImport("libc", EntryPoint = "inotify_add_watch", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int AddWatch(SafeFileHandle queue, string path, uint mask);

    [LibraryImport("libc", EntryPoint = "inotify_rm_watch", SetLastError = true)]
    private static partial int RemoveWatch(SafeFileHandle queue, int descriptor);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int EventFd(uint value, int flags);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(PollFd* descriptors, nuint count, int patienceMs);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint ReadBytes(SafeFileHandle file, byte* into, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteBytes(SafeFileHandle file, void* from, nuint count);
}
