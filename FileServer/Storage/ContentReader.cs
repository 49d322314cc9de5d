using System.Buffers;
using System.IO.Pipelines;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Protocol.Packs;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Storage;

/// <summary>Reads versions from packs.</summary>
sealed class ContentReader(PackHandles handles, ChunkIndex index, NpgsqlDataSource db, IOptions<StorageOptions> options)
{
    const int BlockSize = 256 * 1024;

    /// <summary>Finds the bytes of a version by its stored chunk list.</summary>
    /// <exception cref="Refusal">A chunk is missing or known to be damaged.</exception>
    public async Task<ContentMap> MapAsync(NpgsqlDataSource source, SpaceId space, byte[] chunkList, CancellationToken ct) =>
        (await MapManyAsync(source, space, [chunkList], ct))[0] ?? throw Damaged();

    /// <summary>The same for many versions with a fixed number of statements; null where the bytes are missing or damaged.</summary>
    public async Task<IReadOnlyList<ContentMap?>> MapManyAsync(
        NpgsqlDataSource source, SpaceId space, IReadOnlyList<byte[]> chunkLists, CancellationToken ct)
    {
        await using var connection = await source.OpenConnectionAsync(ct);
        var lists = await DecodeAsync(connection, space, chunkLists, ct);
        var asked = new HashSet<Digest>(lists.SelectMany(list => list ?? []).Select(chunk => chunk.Hash));
        var found = await index.FindAsync(connection, space, asked, ct);
        return [.. lists.Select(list => list is null ? null : Map(space, list, found))];
    }

    /// <summary>Writes a range of the content, for a response body: <c>context.Response.BodyWriter</c>.</summary>
    public Task CopyToAsync(ContentMap map, long offset, long count, PipeWriter body, CancellationToken ct) =>
        options.Value.VerifyReads ? CopyVerifiedAsync(map, offset, count, body, mayRemap: true, ct) : CopyRangesAsync(map, offset, count, body, ct);

    /// <summary>Writes a range of the content, for background work.</summary>
    public async Task CopyToAsync(ContentMap map, long offset, long count, Stream stream, CancellationToken ct)
    {
        var writer = PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true));
        await CopyToAsync(map, offset, count, writer, ct);
        await writer.CompleteAsync();
    }

    async Task CopyRangesAsync(ContentMap map, long offset, long count, PipeWriter body, CancellationToken ct)
    {
        var current = map;
        var remapped = false;
        while (count > 0)
        {
            var range = current.Ranges(offset, count).First();
            using var lease = handles.Rent(map.Space, range.Pack);
            if (lease is null)
            {
                // The pack was rewritten since the map was made: its chunks stand elsewhere now.
                if (remapped)
                    throw Damaged();
                (current, remapped) = (await RemapAsync(map, ct), true);
                continue;
            }
            remapped = false;
            var read = range.Offset;
            for (var left = range.Length; left > 0;)
            {
                var length = (int)Math.Min(BlockSize, left);
                var memory = body.GetMemory(length)[..length];
                Read(lease.Value, read, memory.Span);
                body.Advance(length);
                (read, left, offset, count) = (read + length, left - length, offset + length, count - length);
                if (await EndedAsync(body, ct))
                    return;
            }
        }
        await body.FlushAsync(ct);
    }

    async Task CopyVerifiedAsync(ContentMap map, long offset, long count, PipeWriter body, bool mayRemap, CancellationToken ct)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(PackFormat.MaxChunkSize);
        try
        {
            foreach (var (chunk, place, from, length) in map.Pieces(offset, count))
            {
                var bytes = buffer.AsMemory(0, chunk.Size);
                using (var lease = handles.Rent(map.Space, place.Pack))
                {
                    if (lease is null)
                    {
                        var moved = mayRemap ? await RemapAsync(map, ct) : throw Damaged();
                        await CopyVerifiedAsync(moved, offset, count, body, mayRemap: false, ct);
                        return;
                    }
                    Read(lease.Value, place.Offset, bytes.Span);
                }
                if (Digest.Of(bytes.Span) != chunk.Hash)
                {
                    await index.MarkDamagedAsync(db, map.Space, chunk.Hash, place, CancellationToken.None);
                    throw Damaged();
                }
                bytes.Slice(from, length).CopyTo(body.GetMemory(length));
                body.Advance(length);
                (offset, count) = (offset + length, count - length);
                if (await EndedAsync(body, ct))
                    return;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    static void Read(PackHandles.Lease lease, long offset, Span<byte> bytes)
    {
        try
        {
            PackFiles.ReadExactly(lease.File, offset, bytes);
        }
        catch (PackDamagedException e)
        {
            throw Damaged(e);
        }
    }

    /// <summary>Whether whoever reads the body has gone.</summary>
    static async ValueTask<bool> EndedAsync(PipeWriter body, CancellationToken ct)
    {
        var flushed = await body.FlushAsync(ct);
        return flushed.IsCompleted || flushed.IsCanceled;
    }

    async Task<ContentMap> RemapAsync(ContentMap map, CancellationToken ct)
    {
        var found = await index.FindAsync(db, map.Space, map.Chunks.Select(chunk => chunk.Hash).ToHashSet(), ct);
        return Map(map.Space, map.Chunks, found) ?? throw Damaged();
    }

    static ContentMap? Map(SpaceId space, IReadOnlyList<ChunkRef> chunks, Dictionary<Digest, IndexedChunk> found)
    {
        var places = new ChunkPlace[chunks.Count];
        for (var i = 0; i < chunks.Count; i++)
        {
            if (!found.TryGetValue(chunks[i].Hash, out var chunk) || chunk.Place.Length != chunks[i].Size)
                return null;
            places[i] = chunk.Place;
        }
        return new ContentMap(space, chunks, places);
    }

    static async Task<IReadOnlyList<ChunkRef>?[]> DecodeAsync(
        NpgsqlConnection connection, SpaceId space, IReadOnlyList<byte[]> chunkLists, CancellationToken ct)
    {
        var ids = chunkLists.SelectMany(list => ChunkListCodec.SegmentIds(list)).ToHashSet();
        var segments = await Segments.LoadAsync(connection, space, ids, ct);
        return [.. chunkLists.Select(list =>
            ChunkListCodec.SegmentIds(list).All(segments.ContainsKey) ? ChunkListCodec.Decode(list, id => segments[id]) : null)];
    }

    static Refusal Damaged(Exception? cause = null) =>
        new(RefusalKind.Damaged, "Some bytes of this version are missing or damaged on the server; they are not served. An administrator should look at 'verify'.", cause);
}
