using System.Buffers.Binary;
using System.Runtime.InteropServices;
using FileClient.Sync.Core;
using Microsoft.Win32.SafeHandles;

namespace FileClient.Sync.Disk;

/// <summary>What <c>statx</c> tells about an entry.</summary>
readonly record struct Stat(Signature Signature, int Mode, int Links)
{
    const int TypeMask = 0xf000, Folder = 0x4000, File = 0x8000, Symlink = 0xa000;

    public bool IsFolder => (Mode & TypeMask) == Folder;

    public bool IsFile => (Mode & TypeMask) == File;

    public bool IsSymlink => (Mode & TypeMask) == Symlink;

    /// <summary>Whether its owner may run it.</summary>
    public bool IsExecutable => (Mode & 0x40) != 0;

    /// <summary>Modification time in microseconds, as the server keeps it.</summary>
    public long Modified => FloorMicroseconds(Signature.Modified);

    public static long FloorMicroseconds(long nanoseconds) => nanoseconds >= 0 ? nanoseconds / 1000 : -((-nanoseconds + 999) / 1000);

    /// <summary>Looks at an entry of a folder without following a symlink; null with <paramref name="error"/> if that fails.</summary>
    public static Stat? Of(SafeFileHandle folder, string name, out int error) => StatNative.Read(folder, name, 0x100, out error);

    public static unsafe Stat? Of(int folder, byte* name, out int error) => StatNative.Read(folder, name, out error);

    /// <summary>Looks at an open file.</summary>
    public static Stat Of(SafeFileHandle file) =>
        StatNative.Read(file, "", 0x1000, out var error) ?? throw new IOException($"The file cannot be looked at: {Marshal.GetPInvokeErrorMessage(error)}.");
}

/// <summary>The call behind <see cref="Stat"/> and the layout of its answer, which is the same on all processors.</summary>
static unsafe partial class StatNative
{
    // STATX_BASIC_STATS | STATX_BTIME
    const uint Wanted = 0xfff;
    const int Length = 256;

    public static Stat? Read(SafeFileHandle folder, string name, int flags, out int error)
    {
        var buffer = stackalloc byte[Length];
        error = StatxHandle(folder, name, flags, Wanted, buffer) == 0 ? 0 : Marshal.GetLastPInvokeError();
        return error == 0 ? Parse(new ReadOnlySpan<byte>(buffer, Length)) : null;
    }

    public static Stat? Read(int folder, byte* name, out int error)
    {
        var buffer = stackalloc byte[Length];
        error = Statx(folder, name, 0x100, Wanted, buffer) == 0 ? 0 : Marshal.GetLastPInvokeError();
        return error == 0 ? Parse(new ReadOnlySpan<byte>(buffer, Length)) : null;
    }

    static Stat Parse(ReadOnlySpan<byte> stat)
    {
        var device = (ulong)U32(stat, 136) << 32 | U32(stat, 140);
        var born = (U32(stat, 0) & 0x800) != 0 ? Time(stat, 80) : 0;
        var signature = new Signature(device, BinaryPrimitives.ReadUInt64LittleEndian(stat[32..]), born, BinaryPrimitives.ReadInt64LittleEndian(stat[40..]), Time(stat, 112), Time(stat, 96));
        return new Stat(signature, BinaryPrimitives.ReadUInt16LittleEndian(stat[28..]), (int)U32(stat, 16));
    }

    static uint U32(ReadOnlySpan<byte> stat, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(stat[offset..]);

    static long Time(ReadOnlySpan<byte> stat, int offset) => BinaryPrimitives.ReadInt64LittleEndian(stat[offset..]) * 1_000_000_000 + U32(stat, offset + 8);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatxHandle(SafeFileHandle folder, string name, int flags, uint mask, byte* buffer);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static partial int Statx(int folder, byte* name, int flags, uint mask, byte* buffer);
}
