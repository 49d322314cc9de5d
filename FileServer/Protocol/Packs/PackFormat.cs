using System.Buffers.Binary;
using System.Numerics;

namespace FileServer.Protocol.Packs;

/// <summary>The fixed numbers of the pack format. FileServer/Storage/FORMAT.md says what they mean and is normative.</summary>
public static class PackFormat
{
    public const int HeaderSize = 64;

    public const int EntrySize = 36;

    public const int TrailerSize = 64;

    public const int BatchHeaderSize = 32;

    /// <summary>No chunk is longer; longer entries are gaps.</summary>
    public const int MaxChunkSize = 4 * 1024 * 1024;

    /// <summary>A pack made by a client is not longer, footer included.</summary>
    public const int MaxClientPackSize = 32 * 1024 * 1024;

    /// <summary>Bit of an entry's length: the chunk belongs to the content, but its bytes stand in another pack.</summary>
    internal const uint ElsewhereBit = 0x8000_0000;

    internal static ReadOnlySpan<byte> HeaderMagic => "FSPACK1\0"u8;

    internal static ReadOnlySpan<byte> BatchMagic => "FSBATCH1"u8;

    internal static ReadOnlySpan<byte> TrailerMagic => "FSPKEND1"u8;

    /// <summary>CRC-32C (Castagnoli), as RFC 3720 appendix B.4 has it.</summary>
    internal static uint Crc32C(ReadOnlySpan<byte> data, uint previous = 0)
    {
        var crc = ~previous;
        for (; data.Length >= 8; data = data[8..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(data));
        foreach (var value in data)
            crc = BitOperations.Crc32C(crc, value);
        return ~crc;
    }
}

/// <summary>A pack's bytes are not what the format demands: damaged, cut off, or something else altogether.</summary>
public sealed class PackDamagedException(string what) : Exception(what);
