using System.Buffers.Binary;

namespace FileServer.Protocol.Packs;

/// <summary>
/// What one group commit appends to an open pack: a header that lists the chunks, then their bytes. It lets the pack be
/// read forwards while it has no footer yet; in the footer the header is a gap.
/// </summary>
public sealed record PackBatch(IReadOnlyList<PackEntry> Chunks)
{
    public int HeaderLength => PackFormat.BatchHeaderSize + Chunks.Count * PackFormat.EntrySize;

    public long BodyLength => Chunks.Sum(chunk => (long)chunk.Length);

    /// <summary>The header of a batch that will stand at this offset of this pack.</summary>
    public byte[] EncodeHeader(PackId pack, long offset)
    {
        var bytes = new byte[HeaderLength];
        var header = bytes.AsSpan();
        PackFormat.BatchMagic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], (uint)Chunks.Count);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], (uint)BodyLength);
        BinaryPrimitives.WriteInt64LittleEndian(header[16..], offset);
        for (var i = 0; i < Chunks.Count; i++)
            Chunks[i].CopyTo(header[(PackFormat.BatchHeaderSize + i * PackFormat.EntrySize)..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[24..], Checksum(header, pack));
        return bytes;
    }

    /// <summary>How long the header is that begins with these 32 bytes; zero if no batch begins here.</summary>
    public static int AnnouncedHeaderLength(ReadOnlySpan<byte> start)
    {
        if (start.Length < PackFormat.BatchHeaderSize || !start.StartsWith(PackFormat.BatchMagic))
            return 0;
        var count = BinaryPrimitives.ReadUInt32LittleEndian(start[8..]);
        return count is 0 or > 1_000_000 ? 0 : PackFormat.BatchHeaderSize + (int)count * PackFormat.EntrySize;
    }

    /// <summary>Reads a header that was written for this offset of this pack; null if it is not one.</summary>
    public static PackBatch? TryDecodeHeader(ReadOnlySpan<byte> header, PackId pack, long offset)
    {
        if (header.Length == 0 || header.Length != AnnouncedHeaderLength(header)
            || BinaryPrimitives.ReadInt64LittleEndian(header[16..]) != offset
            || BinaryPrimitives.ReadUInt32LittleEndian(header[24..]) != Checksum(header, pack))
            return null;
        var chunks = new List<PackEntry>();
        for (var rest = header[PackFormat.BatchHeaderSize..]; rest.Length > 0; rest = rest[PackFormat.EntrySize..])
            chunks.Add(PackEntry.Read(rest[..PackFormat.EntrySize]));
        var batch = new PackBatch(chunks);
        return batch.BodyLength == BinaryPrimitives.ReadUInt32LittleEndian(header[12..]) ? batch : null;
    }

    static uint Checksum(ReadOnlySpan<byte> header, PackId pack)
    {
        Span<byte> id = stackalloc byte[16];
        pack.Value.TryWriteBytes(id, bigEndian: true, out _);
        return PackFormat.Crc32C(header[PackFormat.BatchHeaderSize..], PackFormat.Crc32C(id, PackFormat.Crc32C(header[..24])));
    }
}
