using System.Security.Cryptography;
using FileServer.Protocol.Contracts;

namespace FileServer.Protocol;

/// <summary>
/// Cuts and hashes bytes into chunks while they arrive, in pieces of any size. It keeps no bytes: whoever feeds it knows where they are,
/// since chunks follow each other without a gap.
/// </summary>
public sealed class ChunkSplitter : IDisposable
{
    readonly IncrementalHash sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    ulong gear;

    /// <summary>Bytes of the chunk that has not ended yet.</summary>
    public int OpenBytes { get; private set; }

    /// <summary>Bytes taken so far, the open chunk included.</summary>
    public long Length { get; private set; }

    /// <summary>
    /// Takes bytes up to the end of the open chunk and moves <paramref name="data"/> past them. True: a chunk has ended, and there may be
    /// another in the rest. False: everything was taken.
    /// </summary>
    public bool TryTake(ref ReadOnlySpan<byte> data, out ChunkRef chunk)
    {
        var cut = FastCdc.Scan(data, OpenBytes, ref gear);
        var taken = data[..(cut ?? data.Length)];
        sha.AppendData(taken);
        OpenBytes += taken.Length;
        Length += taken.Length;
        data = data[taken.Length..];
        chunk = default;
        if (cut is null)
            return false;
        chunk = End();
        return true;
    }

    /// <summary>Takes all of these bytes and adds the chunks that ended in them.</summary>
    public void Append(ReadOnlySpan<byte> data, ICollection<ChunkRef> chunks)
    {
        while (TryTake(ref data, out var chunk))
            chunks.Add(chunk);
    }

    /// <summary>The last chunk of the file, which ends where the file ends; null if the file ended with the previous chunk, or is empty.</summary>
    public ChunkRef? Complete() => OpenBytes == 0 ? null : End();

    /// <summary>The chunks of bytes that are all there.</summary>
    public static IEnumerable<ChunkRef> Split(ReadOnlyMemory<byte> data)
    {
        while (data.Length > 0)
        {
            var cut = FastCdc.FindCut(data.Span);
            yield return new ChunkRef(Digest.Of(data.Span[..cut]), cut);
            data = data[cut..];
        }
    }

    ChunkRef End()
    {
        Span<byte> hash = stackalloc byte[Digest.Size];
        sha.GetHashAndReset(hash);
        var chunk = new ChunkRef(new Digest(hash), OpenBytes);
        OpenBytes = 0;
        gear = 0;
        return chunk;
    }

    public void Dispose() => sha.Dispose();
}
