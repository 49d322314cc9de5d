using System.Runtime.InteropServices;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileServer.Storage;

/// <summary>A stretch of one pack.</summary>
[StructLayout(LayoutKind.Auto)]
readonly record struct PackRange(PackId Pack, long Offset, long Length);

/// <summary>Where the bytes of one version stand, chunk by chunk, in the order of the content.</summary>
sealed class ContentMap
{
    readonly IReadOnlyList<ChunkRef> chunks;
    readonly ChunkPlace[] places;
    readonly long[] starts;

    internal ContentMap(SpaceId space, IReadOnlyList<ChunkRef> chunks, ChunkPlace[] places)
    {
        Space = space;
        this.chunks = chunks;
        this.places = places;
        starts = new long[chunks.Count];
        for (var i = 0; i < chunks.Count; i++)
        {
            starts[i] = Size;
            Size += chunks[i].Size;
        }
    }

    public SpaceId Space { get; }

    public long Size { get; }

    public IReadOnlyList<ChunkRef> Chunks => chunks;

    /// <summary>Number of contiguous runs: 1 for a version that was uploaded whole.</summary>
    public int Runs => Ranges(0, Size).Count();

    /// <summary>The stretches of packs that make up this part of the content.</summary>
    public IEnumerable<PackRange> Ranges(long offset, long count)
    {
        var run = default(PackRange);
        foreach (var (_, place, from, length) in Pieces(offset, count))
        {
            var start = place.Offset + from;
            if (run.Length > 0 && run.Pack == place.Pack && run.Offset + run.Length == start)
            {
                run = run with { Length = run.Length + length };
                continue;
            }
            if (run.Length > 0)
                yield return run;
            run = new PackRange(place.Pack, start, length);
        }
        if (run.Length > 0)
            yield return run;
    }

    /// <summary>The chunks that overlap this part of the content, each with the stretch of it that belongs to the part.</summary>
    public IEnumerable<(ChunkRef Chunk, ChunkPlace Place, int From, int Length)> Pieces(long offset, long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Size - offset);
        var end = offset + count;
        var index = Array.BinarySearch(starts, offset);
        for (var i = index < 0 ? ~index - 1 : index; i >= 0 && i < chunks.Count && starts[i] < end; i++)
        {
            var from = (int)Math.Max(0, offset - starts[i]);
            var to = (int)Math.Min(chunks[i].Size, end - starts[i]);
            yield return (chunks[i], places[i], from, to - from);
        }
    }
}
