using System.Buffers;
using System.Runtime.InteropServices;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Win32.SafeHandles;

namespace FileClient.Sync.Disk;

/// <summary>A file's content as it was read, with the signature of exactly these bytes.</summary>
sealed record HashedFile(Digest Content, IReadOnlyList<ChunkRef> Chunks, Stat Stat);

/// <summary>Reads a file, cuts and hashes it. What changes while it is read is not known.</summary>
static class FileHasher
{
    const int BufferSize = 1024 * 1024;

    /// <summary>null with the reason when the file cannot be read, or does not hold still.</summary>
    public static HashedFile? Hash(SafeFileHandle root, string path, out string? reason, CancellationToken ct)
    {
        for (var attempt = 0; attempt < 3; attempt++)
        {
            using var file = Posix.OpenFile(root, path, out var error);
            if (file is null)
            {
                reason = $"It cannot be read: {Marshal.GetPInvokeErrorMessage(error)}.";
                return null;
            }
            var before = Stat.Of(file);
            if (!before.IsFile)
            {
                reason = "It is no file any more.";
                return null;
            }
            List<ChunkRef> chunks = [];
            if (Read(file, before.Signature.Size, chunks, ct) is { } problem)
            {
                reason = problem;
                return null;
            }
            // The times from before the reading: what was written during it must show as a change later.
            if (Stat.Of(file) == before)
            {
                reason = null;
                return new HashedFile(ContentId.Of(before.Signature.Size, chunks), chunks, before);
            }
        }
        reason = "It keeps changing while it is read.";
        return null;
    }

    static string? Read(SafeFileHandle file, long size, List<ChunkRef> chunks, CancellationToken ct)
    {
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(Math.Max(size, 1), BufferSize));
        try
        {
            using var splitter = size > FastCdc.MinSize ? new ChunkSplitter() : null;
            long offset = 0;
            while (offset < size)
            {
                ct.ThrowIfCancellationRequested();
                var read = RandomAccess.Read(file, buffer.AsSpan(0, (int)Math.Min(buffer.Length, size - offset)), offset);
                if (read == 0)
                    return "It became shorter while it was read.";
                offset += read;
                if (splitter is not null)
                    splitter.Append(buffer.AsSpan(0, read), chunks);
                else if (read == size)
                    chunks.Add(new ChunkRef(Digest.Of(buffer.AsSpan(0, read)), read));
                else
                    return ReadSmall(file, size, chunks);
            }
            if (splitter?.Complete() is { } last)
                chunks.Add(last);
            return null;
        }
        catch (IOException fault)
        {
            return fault.Message;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // A file system that gives less than was asked for.
    static string? ReadSmall(SafeFileHandle file, long size, List<ChunkRef> chunks)
    {
        using var splitter = new ChunkSplitter();
        var buffer = new byte[size];
        for (var offset = 0; offset < size;)
        {
            var read = RandomAccess.Read(file, buffer.AsSpan(offset), offset);
            if (read == 0)
                return "It became shorter while it was read.";
            offset += read;
        }
        splitter.Append(buffer, chunks);
        if (splitter.Complete() is { } last)
            chunks.Add(last);
        return null;
    }
}
