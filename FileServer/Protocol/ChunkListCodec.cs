using System.Buffers.Binary;
using FileServer.Protocol.Contracts;

namespace FileServer.Protocol;

/// <summary>
/// The bytes of a version's chunk list. First byte 1: the entries follow, 36 bytes a chunk. First byte 2: the ids of segments follow, 32 bytes
/// each, and the entries stand there. A short list is never put into segments, a long one always.
/// </summary>
public static class ChunkListCodec
{
    /// <summary>Bytes of one entry: SHA-256, length (uint32, little endian).</summary>
    public const int EntrySize = Digest.Size + sizeof(uint);

    /// <summary>A longer list refers to segments.</summary>
    public const int MaxInlineChunks = 128;

    const byte InlineTag = 1;
    const byte SegmentTag = 2;

    /// <summary>The list, and the segments it refers to: none for a short one.</summary>
    public static (byte[] List, IReadOnlyList<Segment> Segments) Encode(IReadOnlyList<ChunkRef> chunks)
    {
        if (chunks.Count <= MaxInlineChunks)
            return ([InlineTag, .. EncodeEntries(chunks)], []);
        var segments = ContentId.Segments(chunks);
        var list = new byte[1 + segments.Count * Digest.Size];
        list[0] = SegmentTag;
        for (var i = 0; i < segments.Count; i++)
            segments[i].Id.CopyTo(list.AsSpan(1 + i * Digest.Size));
        return (list, segments);
    }

    /// <summary>The segments whose entries have to be had before <see cref="Decode"/>; none for a short list.</summary>
    /// <exception cref="FormatException">These bytes are no chunk list.</exception>
    public static IReadOnlyList<Digest> SegmentIds(ReadOnlySpan<byte> list)
    {
        if (list.Length > 0 && list[0] == InlineTag && (list.Length - 1) % EntrySize == 0)
            return [];
        if (list.Length == 0 || list[0] != SegmentTag || (list.Length - 1) % Digest.Size != 0)
            throw new FormatException("These bytes are no chunk list.");
        var ids = new Digest[(list.Length - 1) / Digest.Size];
        for (var i = 0; i < ids.Length; i++)
            ids[i] = new Digest(list.Slice(1 + i * Digest.Size, Digest.Size));
        return ids;
    }

    /// <summary>The chunks of a list; <paramref name="entriesOf"/> gives the entries of each segment in <see cref="SegmentIds"/>.</summary>
    /// <exception cref="FormatException">These bytes are no chunk list, or a segment's entries are none.</exception>
    public static IReadOnlyList<ChunkRef> Decode(ReadOnlySpan<byte> list, Func<Digest, ReadOnlyMemory<byte>> entriesOf)
    {
        var ids = SegmentIds(list);
        if (ids.Count == 0)
            return DecodeEntries(list[1..]);
        var chunks = new List<ChunkRef>();
        foreach (var id in ids)
            chunks.AddRange(DecodeEntries(entriesOf(id).Span));
        return chunks;
    }

    public static byte[] EncodeEntries(IReadOnlyList<ChunkRef> chunks)
    {
        var entries = new byte[chunks.Count * EntrySize];
        for (var i = 0; i < chunks.Count; i++)
        {
            var entry = entries.AsSpan(i * EntrySize, EntrySize);
            chunks[i].Hash.CopyTo(entry);
            BinaryPrimitives.WriteInt32LittleEndian(entry[Digest.Size..], chunks[i].Size);
        }
        return entries;
    }

    /// <exception cref="FormatException">The bytes are not whole entries of possible chunks.</exception>
    public static ChunkRef[] DecodeEntries(ReadOnlySpan<byte> entries)
    {
        if (entries.Length % EntrySize != 0)
            throw new FormatException($"Chunk entries have {EntrySize} bytes each; these are {entries.Length}.");
        var chunks = new ChunkRef[entries.Length / EntrySize];
        for (var i = 0; i < chunks.Length; i++)
        {
            var entry = entries.Slice(i * EntrySize, EntrySize);
            var size = BinaryPrimitives.ReadInt32LittleEndian(entry[Digest.Size..]);
            if (size is < 1 or > FastCdc.MaxSize)
                throw new FormatException($"No chunk has {size} bytes.");
            chunks[i] = new ChunkRef(new Digest(entry[..Digest.Size]), size);
        }
        return chunks;
    }
}
