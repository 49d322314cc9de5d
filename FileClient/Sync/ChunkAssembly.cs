using System.Buffers;
using FileClient.Api;
using FileClient.Sync.Core;
using FileClient.Sync.Disk;
using FileClient.Terminal;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Win32.SafeHandles;

namespace FileClient.Sync;

/// <summary>Builds a large file from chunks that files on this machine have, and fetches only the stretches between.</summary>
sealed class ChunkAssembly(ApiClient api, Workspace work, SyncLink link, Step step, IReadOnlyList<ChunkRef> chunks, SyncReport report)
{
    const long LargestRange = 64 * 1024 * 1024;

    public async Task FillAsync(SafeFileHandle target, CancellationToken ct)
    {
        var missing = CopyLocal(target, ct);
        foreach (var (first, count) in Runs(missing))
            await FetchAsync(target, first, count, ct);
    }

    /// <summary>Copies what is here, each chunk checked by its hash; says which chunks are not.</summary>
    List<int> CopyLocal(SafeFileHandle target, CancellationToken ct)
    {
        var wanted = chunks.Select(static chunk => chunk.Hash).ToHashSet();
        var sources = new Dictionary<Digest, (NodeId Node, long Offset)>();
        var nodes = work.State.Known.Values.Where(static known => known.Content is not null).DistinctBy(static known => known.Content).ToDictionary(static known => known.Content!.Value, static known => known.Id);
        foreach (var (content, list) in work.State.AllChunks())
        {
            if (!nodes.TryGetValue(content, out var node))
                continue;
            long offset = 0;
            foreach (var chunk in list)
            {
                if (wanted.Contains(chunk.Hash))
                    sources.TryAdd(chunk.Hash, (node, offset));
                offset += chunk.Size;
            }
        }
        var missing = new List<int>();
        var open = new Dictionary<NodeId, SafeFileHandle?>();
        var buffer = ArrayPool<byte>.Shared.Rent(FastCdc.MaxSize);
        try
        {
            long at = 0;
            for (var i = 0; i < chunks.Count; at += chunks[i].Size, i++)
            {
                ct.ThrowIfCancellationRequested();
                if (!(sources.TryGetValue(chunks[i].Hash, out var source) && Copy(open, source, chunks[i], buffer, target, at)))
                    missing.Add(i);
            }
            return missing;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            foreach (var handle in open.Values)
                handle?.Dispose();
        }
    }

    bool Copy(Dictionary<NodeId, SafeFileHandle?> open, (NodeId Node, long Offset) source, ChunkRef chunk, byte[] buffer, SafeFileHandle target, long at)
    {
        if (!open.TryGetValue(source.Node, out var file))
            open[source.Node] = file = Posix.OpenFile(work.Folder.Root, work.PathOf(source.Node), out _);
        if (file is null || chunk.Size > buffer.Length)
            return false;
        var bytes = buffer.AsSpan(0, chunk.Size);
        for (var done = 0; done < bytes.Length;)
        {
            var read = RandomAccess.Read(file, bytes[done..], source.Offset + done);
            if (read == 0)
                return false;
            done += read;
        }
        if (Digest.Of(bytes) != chunk.Hash)
            return false;
        RandomAccess.Write(target, bytes, at);
        return true;
    }

    // Neighbours travel in one request.
    IEnumerable<(int First, int Count)> Runs(List<int> missing)
    {
        for (var i = 0; i < missing.Count;)
        {
            var first = missing[i];
            var count = 0;
            for (long bytes = 0; i < missing.Count && missing[i] == first + count && bytes < LargestRange; i++, count++)
                bytes += chunks[missing[i]].Size;
            yield return (first, count);
        }
    }

    async Task FetchAsync(SafeFileHandle target, int first, int count, CancellationToken ct)
    {
        var from = chunks.Take(first).Sum(static chunk => (long)chunk.Size);
        var length = chunks.Skip(first).Take(count).Sum(static chunk => (long)chunk.Size);
        using var content = await api.ContentAsync(link.Space.ToString(), step.Id, step.Goal.Version, from, from + length - 1, null, ct);
        if (content.From != from)
            throw ApiException.Protocol("The server sent another range than was asked for.");
        var buffer = ArrayPool<byte>.Shared.Rent(FastCdc.MaxSize);
        try
        {
            for (var i = first; i < first + count; i++)
            {
                var bytes = buffer.AsMemory(0, chunks[i].Size);
                await content.Body.ReadExactlyAsync(bytes, ct);
                if (Digest.Of(bytes.Span) != chunks[i].Hash)
                    throw new ApiException(ExitCode.Integrity, "damaged", "The bytes that arrived are not those that the server promised.");
                RandomAccess.Write(target, bytes.Span, from);
                from += chunks[i].Size;
                report.BytesDown += bytes.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
