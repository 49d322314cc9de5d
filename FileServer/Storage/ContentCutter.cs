using System.Buffers;
using System.Security.Cryptography;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileServer.Storage;

/// <summary>Cuts a content into chunks and hashes them while it arrives. The cuts do not depend on how the bytes are split into calls.</summary>
sealed class ContentCutter : IDisposable
{
    readonly IncrementalHash whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    readonly List<ChunkRef> chunks = [];
    byte[] buffer = [];
    int count;

    /// <summary>Chunks found so far; all of them after <see cref="FinishChunks"/>.</summary>
    public IReadOnlyList<ChunkRef> Chunks => chunks;

    /// <summary>Takes the next bytes for the chunks. May run beside <see cref="AddToWhole"/>.</summary>
    public void AddToChunks(ReadOnlySpan<byte> bytes)
    {
        Reserve(bytes.Length);
        bytes.CopyTo(buffer.AsSpan(count));
        count += bytes.Length;
        var start = 0;
        while (true)
        {
            var rest = buffer.AsSpan(start, count - start);
            // Where the data ends says nothing of the content, unless no chunk can be longer.
            var cut = rest.Length > FastCdc.MinSize ? FastCdc.FindCut(rest) : rest.Length;
            if (cut == rest.Length && cut < FastCdc.MaxSize)
                break;
            Add(rest[..cut]);
            start += cut;
        }
        buffer.AsSpan(start, count - start).CopyTo(buffer);
        count -= start;
    }

    /// <summary>Takes the next bytes for the SHA-256 of the whole.</summary>
    public void AddToWhole(ReadOnlySpan<byte> bytes) => whole.AppendData(bytes);

    /// <summary>The content has ended: what is left makes the last chunks.</summary>
    public void FinishChunks()
    {
        for (var rest = buffer.AsSpan(0, count); rest.Length > 0;)
        {
            var cut = FastCdc.FindCut(rest);
            Add(rest[..cut]);
            rest = rest[cut..];
        }
        count = 0;
    }

    /// <summary>SHA-256 of all bytes given to <see cref="AddToWhole"/>.</summary>
    public Digest Whole()
    {
        Span<byte> hash = stackalloc byte[Digest.Size];
        whole.GetCurrentHash(hash);
        return new Digest(hash);
    }

    public void Dispose()
    {
        whole.Dispose();
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
        buffer = [];
    }

    void Add(ReadOnlySpan<byte> chunk) => chunks.Add(new ChunkRef(Digest.Of(chunk), chunk.Length));

    void Reserve(int more)
    {
        if (count + more <= buffer.Length)
            return;
        var larger = ArrayPool<byte>.Shared.Rent(count + more);
        buffer.AsSpan(0, count).CopyTo(larger);
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
        buffer = larger;
    }
}
