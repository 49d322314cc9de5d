using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace FileClient.Local;

/// <summary>What tells one state of a local file from another without reading it.</summary>
/// <param name="Inode">0 where the system does not tell.</param>
sealed record FileIdentity(long Size, long ModifiedNs, ulong Device, ulong Inode, bool Executable)
{
    const long NsPerSecond = 1_000_000_000;

    /// <summary>The modification time as it travels: in microseconds.</summary>
    public DateTimeOffset ModifiedAt
    {
        get
        {
            var us = Math.DivRem(ModifiedNs, 1000, out var rest) - (rest < 0 ? 1 : 0);
            return DateTimeOffset.UnixEpoch.AddMicroseconds(us);
        }
    }

    public static FileIdentity Of(SafeFileHandle file)
    {
        if (OperatingSystem.IsLinux())
            return OfLinux(file);
        var modified = File.GetLastWriteTimeUtc(file) - DateTime.UnixEpoch;
        return new FileIdentity(RandomAccess.GetLength(file), modified.Ticks * 100, 0, 0, false);
    }

    /// <summary>The mode of what a path names, a link not followed; null when it names nothing.</summary>
    internal static unsafe ushort? ModeOf(string path)
    {
        const int CurrentFolder = -100;
        const int NoFollow = 0x100;
        const uint Type = 1;
        Statx stat;
        return NativeCalls.StatxAt(CurrentFolder, path, NoFollow, Type, &stat) == 0 ? stat.Mode : null;
    }

    static unsafe FileIdentity OfLinux(SafeFileHandle file)
    {
        const int EmptyPath = 0x1000;
        const uint BasicStats = 0x7ff;
        Statx stat;
        if (NativeCalls.Statx(file, "", EmptyPath, BasicStats, &stat) != 0)
            throw new IOException($"The file's state cannot be read: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}.");
        return new FileIdentity(
            (long)stat.Size,
            stat.Modified.Seconds * NsPerSecond + stat.Modified.Nanoseconds,
            ((ulong)stat.DeviceMajor << 32) | stat.DeviceMinor,
            stat.Inode,
            (stat.Mode & 0b001_000_000) != 0);
    }

    /// <summary>The kernel's <c>struct statx</c>, the same on all architectures.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    internal struct Statx
    {
        [FieldOffset(28)]
        public ushort Mode;

        [FieldOffset(32)]
        public ulong Inode;

        [FieldOffset(40)]
        public ulong Size;

        [FieldOffset(112)]
        public Time Modified;

        [FieldOffset(136)]
        public uint DeviceMajor;

        [FieldOffset(140)]
        public uint DeviceMinor;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Time
    {
        public long Seconds;
        public uint Nanoseconds;
        public int Reserved;
    }
}
