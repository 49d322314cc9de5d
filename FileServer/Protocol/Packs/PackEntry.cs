using System.Buffers.Binary;

namespace FileServer.Protocol.Packs;

/// <summary>What a run of a pack's body is.</summary>
public enum PackEntryKind
{
    /// <summary>The bytes of a chunk.</summary>
    Chunk,

    /// <summary>The place of a chunk of the uploaded content whose bytes stand in another pack; here they may be a hole.</summary>
    Elsewhere,

    /// <summary>Bytes that are no chunk: the header of a batch, or what a failed append left.</summary>
    Gap,
}

/// <summary>One line of a pack's footer: the next run of the body, named by its SHA-256 unless it is a gap.</summary>
public readonly record struct PackEntry(PackEntryKind Kind, Digest Hash, int Length)
{
    public static PackEntry Chunk(Digest hash, int length) => new(PackEntryKind.Chunk, hash, length);

    public static PackEntry Elsewhere(Digest hash, int length) => new(PackEntryKind.Elsewhere, hash, length);

    public static PackEntry Gap(int length) => new(PackEntryKind.Gap, default, length);

    internal void CopyTo(Span<byte> destination)
    {
        Hash.CopyTo(destination);
        var length = (uint)Length | (Kind == PackEntryKind.Elsewhere ? PackFormat.ElsewhereBit : 0);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[Digest.Size..], length);
    }

    /// <exception cref="PackDamagedException">No such entry can exist.</exception>
    internal static PackEntry Read(ReadOnlySpan<byte> bytes)
    {
        var hash = new Digest(bytes[..Digest.Size]);
        var raw = BinaryPrimitives.ReadUInt32LittleEndian(bytes[Digest.Size..]);
        var length = (int)(raw & ~PackFormat.ElsewhereBit);
        var elsewhere = (raw & PackFormat.ElsewhereBit) != 0;
        var kind = hash == default ? PackEntryKind.Gap : elsewhere ? PackEntryKind.Elsewhere : PackEntryKind.Chunk;
        if (length == 0 || (kind == PackEntryKind.Gap ? elsewhere : length > PackFormat.MaxChunkSize))
            throw new PackDamagedException($"The pack's footer holds an entry of {length} bytes that cannot exist.");
        return new PackEntry(kind, hash, length);
    }
}
