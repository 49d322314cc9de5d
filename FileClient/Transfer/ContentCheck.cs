using System.Security.Cryptography;
using FileClient.Api;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Transfer;

/// <summary>
/// Proves while bytes pass by in order that they are the content they should be: by the SHA-256 of the whole where the server
/// knows it, else chunk by chunk against the version's chunk list, whose root is the content id.
/// </summary>
sealed class ContentCheck : IDisposable
{
    readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    readonly Digest? whole;
    readonly IReadOnlyList<ChunkRef> chunks;
    readonly long size;
    long seen;
    int chunk;
    int inChunk;
    string? wrong;

    ContentCheck(long size, Digest? whole, IReadOnlyList<ChunkRef> chunks)
    {
        this.size = size;
        this.whole = whole;
        this.chunks = chunks;
    }

    public static async Task<ContentCheck> ForAsync(ApiClient api, string space, Node node, CancellationToken ct)
    {
        if (node.Sha256 is { } sha256)
            return new ContentCheck(node.Size, sha256, []);
        if (node.Size == 0)
            return new ContentCheck(0, Digest.Of([]), []);
        var list = await api.ChunksAsync(space, node.Id, node.Version, ct);
        if (list.Size != node.Size || list.Chunks.Sum(static part => (long)part.Size) != node.Size || ContentId.Of(list.Size, list.Chunks) != node.ContentId)
            throw new Terminal.Failure(Terminal.ExitCode.Integrity, $"The chunk list of {node.Name} does not add up to its content id.");
        return new ContentCheck(node.Size, null, list.Chunks);
    }

    public void Append(ReadOnlySpan<byte> bytes)
    {
        seen += bytes.Length;
        if (whole is not null)
        {
            hash.AppendData(bytes);
            return;
        }
        while (!bytes.IsEmpty && chunk < chunks.Count)
        {
            var part = bytes[..Math.Min(bytes.Length, chunks[chunk].Size - inChunk)];
            hash.AppendData(part);
            bytes = bytes[part.Length..];
            inChunk += part.Length;
            if (inChunk == chunks[chunk].Size)
                EndChunk();
        }
    }

    void EndChunk()
    {
        Span<byte> value = stackalloc byte[Digest.Size];
        hash.GetHashAndReset(value);
        if (new Digest(value) != chunks[chunk].Hash)
            wrong ??= $"chunk {chunk} of {chunks.Count} has another SHA-256 than the version names.";
        chunk++;
        inChunk = 0;
    }

    /// <summary>After the last byte: what does not fit, or null.</summary>
    public string? WhatIsWrong()
    {
        if (seen != size)
            return $"{seen} bytes arrived instead of {size}.";
        if (whole is not { } expected)
            return wrong;
        var actual = new Digest(hash.GetHashAndReset());
        return actual == expected ? null : $"the bytes that arrived have the SHA-256 {actual}, not {expected}.";
    }

    public void Dispose() => hash.Dispose();
}
