using System.Buffers;
using FileServer.Protocol;
using FileServer.Protocol.Packs;
using Microsoft.Win32.SafeHandles;

namespace FileServer.Storage;

/// <summary>Reads a pack that has no footer, batch by batch, as far as each byte proves itself.</summary>
static class UnsealedPack
{
    /// <summary>
    /// What the pack holds, up to the last batch that is whole. A batch counts when its header is the one written for this
    /// pack and place and every chunk has the bytes that its name says; what follows was never acknowledged.
    /// </summary>
    /// <param name="hash">Whether the chunks' bytes are read too, or the headers only.</param>
    public static PackFooter Scan(SafeFileHandle file, PackId pack, long length, bool hash)
    {
        var entries = new List<PackEntry>();
        long offset = PackFormat.HeaderSize;
        while (TryReadBatch(file, pack, offset, length, hash) is { } batch)
        {
            entries.Add(PackEntry.Gap(batch.HeaderLength));
            entries.AddRange(batch.Chunks);
            offset += batch.HeaderLength + batch.BodyLength;
        }
        return new PackFooter(entries);
    }

    static PackBatch? TryReadBatch(SafeFileHandle file, PackId pack, long offset, long length, bool hash)
    {
        if (length - offset < PackFormat.BatchHeaderSize)
            return null;
        var headerLength = PackBatch.AnnouncedHeaderLength(PackFiles.ReadExactly(file, offset, PackFormat.BatchHeaderSize));
        if (headerLength == 0 || length - offset < headerLength)
            return null;
        var batch = PackBatch.TryDecodeHeader(PackFiles.ReadExactly(file, offset, headerLength), pack, offset);
        if (batch is null || length - offset - headerLength < batch.BodyLength)
            return null;
        return !hash || ChunksAreWhole(file, batch, offset + headerLength) ? batch : null;
    }

    static bool ChunksAreWhole(SafeFileHandle file, PackBatch batch, long place)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(PackFormat.MaxChunkSize);
        try
        {
            foreach (var chunk in batch.Chunks)
            {
                var bytes = buffer.AsSpan(0, chunk.Length);
                PackFiles.ReadExactly(file, place, bytes);
                if (Digest.Of(bytes) != chunk.Hash)
                    return false;
                place += chunk.Length;
            }
            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
