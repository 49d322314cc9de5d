using System.Buffers.Binary;
using System.Security.Cryptography;
using FileServer.Protocol.Contracts;

namespace FileServer.Protocol;

/// <summary>A run of a long chunk list, stored once and shared by all versions that contain it. <paramref name="Id"/> is the SHA-256 of <paramref name="Entries"/>.</summary>
/// <param name="Entries">36 bytes a chunk: SHA-256, length (uint32, little endian).</param>
public sealed record Segment(Digest Id, ReadOnlyMemory<byte> Entries);

/// <summary>
/// Names a version's content: the root over its chunk list. Equal ids mean equal bytes; it is the strong ETag, and can be verified without
/// reading the whole.
/// </summary>
public static class ContentId
{
    /// <summary>A segment ends at an entry that asks for it, but not before this many entries.</summary>
    public const int MinSegmentEntries = 256;

    /// <summary>A segment ends here at the latest.</summary>
    public const int MaxSegmentEntries = 4096;

    // One entry in 768 asks for an end, which makes 1024 entries the average.
    const uint SegmentDivisor = 768;

    /// <summary>The content of an empty file: no chunks.</summary>
    public static Digest Empty { get; } = OfSegments(0, []);

    /// <summary>SHA-256 of "fileshare content v1", NUL, the size (uint64, little endian) and the ids of the list's segments.</summary>
    public static Digest Of(long size, IReadOnlyList<ChunkRef> chunks) => OfSegments(size, Segments(chunks).Select(segment => segment.Id));

    /// <summary>The same, where the segments are known already.</summary>
    public static Digest OfSegments(long size, IEnumerable<Digest> segmentIds)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> word = stackalloc byte[Digest.Size];
        sha.AppendData("fileshare content v1\0"u8);
        BinaryPrimitives.WriteInt64LittleEndian(word, size);
        sha.AppendData(word[..8]);
        foreach (var id in segmentIds)
        {
            id.CopyTo(word);
            sha.AppendData(word);
        }
        sha.GetHashAndReset(word);
        return new Digest(word);
    }

    /// <summary>Cuts a chunk list by its content, so that a change in one place leaves the other segments as they were.</summary>
    public static IReadOnlyList<Segment> Segments(IReadOnlyList<ChunkRef> chunks)
    {
        var entries = ChunkListCodec.EncodeEntries(chunks);
        var segments = new List<Segment>();
        for (int start = 0, end = 1; end <= chunks.Count; end++)
        {
            var count = end - start;
            if (end < chunks.Count && count < MaxSegmentEntries && !(count >= MinSegmentEntries && AsksForEnd(entries, end - 1)))
                continue;
            var run = entries.AsMemory(start * ChunkListCodec.EntrySize, count * ChunkListCodec.EntrySize);
            segments.Add(new Segment(Digest.Of(run.Span), run));
            start = end;
        }
        return segments;
    }

    static bool AsksForEnd(byte[] entries, int index) =>
        BinaryPrimitives.ReadUInt32LittleEndian(entries.AsSpan(index * ChunkListCodec.EntrySize)) % SegmentDivisor == 0;
}
