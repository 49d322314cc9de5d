using System.Buffers;
using System.IO.Pipelines;
using FileServer.Http;
using FileServer.Protocol;
using Microsoft.Win32.SafeHandles;

namespace FileServer.Storage;

/// <summary>Bytes on their way in that are no content yet: a part of a concatenation, or a client's pack. One file each below <c>staging</c>, named by the pack that it may become.</summary>
sealed class Staging(PackFiles files)
{
    /// <summary>Begins staged bytes.</summary>
    public Task<StagedFile> CreateAsync(PackId pack, CancellationToken ct) => GuardedAsync(
        () =>
        {
            files.RequireSpace(0);
            return new StagedFile(files, pack, files.CreateStaged(pack), 0);
        },
        ct);

    /// <summary>Opens staged bytes at their durable offset; what lies beyond is cut off.</summary>
    public Task<StagedFile> OpenAsync(PackId pack, long durableOffset, CancellationToken ct) => GuardedAsync(
        () =>
        {
            var file = files.Durable.OpenFile(files.StagingPath(pack));
            if (RandomAccess.GetLength(file) < durableOffset)
            {
                file.Dispose();
                throw Lost();
            }
            files.Durable.Truncate(file, durableOffset);
            return new StagedFile(files, pack, file, durableOffset);
        },
        ct);

    /// <summary>Removes staged bytes. Harmless when there are none.</summary>
    public void Drop(PackId pack) => files.RemoveStaged(pack);

    static async Task<StagedFile> GuardedAsync(Func<StagedFile> open, CancellationToken ct)
    {
        try
        {
            return await Task.Run(open, ct);
        }
        catch (DurableException e) when (e.ErrorNumber == Errno.NotFound)
        {
            throw Lost();
        }
        catch (DurableException e)
        {
            throw StagedFile.ToRefusal(e);
        }
    }

    static Refusal Lost() => new(RefusalKind.Gone, "The bytes of this upload are no longer here; begin it anew.");
}

/// <summary>A staged file that grows at its end. For one caller at a time.</summary>
sealed class StagedFile : IAsyncDisposable
{
    const int BlockSize = 256 * 1024;

    readonly PackFiles files;
    readonly SafeFileHandle file;
    readonly byte[] block = ArrayPool<byte>.Shared.Rent(BlockSize);
    int filled;
    long durable;
    bool nameIsDurable;
    bool disposed;

    internal StagedFile(PackFiles files, PackId pack, SafeFileHandle file, long length)
    {
        this.files = files;
        this.file = file;
        Pack = pack;
        Length = durable = length;
        nameIsDurable = length > 0;
    }

    public PackId Pack { get; }

    public long Length { get; private set; }

    /// <summary>Takes bytes until the reader ends or so many were taken.</summary>
    /// <returns>The number of bytes taken.</returns>
    public Task<long> WriteAsync(PipeReader reader, long atMost, CancellationToken ct) => reader.PumpAsync(WriteAsync, atMost, ct);

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        while (bytes.Length > 0)
        {
            ct.ThrowIfCancellationRequested();
            if (filled == BlockSize)
                await FlushAsync();
            var part = bytes[..Math.Min(bytes.Length, BlockSize - filled)];
            part.CopyTo(block.AsMemory(filled));
            filled += part.Length;
            Length += part.Length;
            bytes = bytes[part.Length..];
        }
    }

    /// <summary>Hands what was taken to the kernel, so that other readers of the file see it. Promises nothing about a crash.</summary>
    public Task FlushAsync() => GuardedAsync(Flush);

    /// <returns>The offset that would survive a crash now.</returns>
    public async Task<long> SyncAsync(CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (durable == Length && nameIsDurable)
            return durable;
        await GuardedAsync(() =>
        {
            Flush();
            files.Durable.SyncData(file);
            if (!nameIsDurable)
                files.Durable.SyncFolder(files.StagingFolder);
            nameIsDurable = true;
        });
        return durable = Length;
    }

    /// <summary>Feeds these bytes, in order, to an upload that joins several parts.</summary>
    public async Task CopyToAsync(ContentWriter writer, CancellationToken ct)
    {
        await FlushAsync();
        var buffer = ArrayPool<byte>.Shared.Rent(ContentWriter.FullBlock);
        try
        {
            for (long offset = 0; offset < Length;)
            {
                var count = (int)Math.Min(ContentWriter.FullBlock, Length - offset);
                PackFiles.ReadExactly(file, offset, buffer.AsSpan(0, count));
                await writer.WriteAsync(buffer.AsMemory(0, count), ct);
                offset += count;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public ValueTask DisposeAsync()
    {
        file.Dispose();
        // Once only: a block returned twice would serve two uploads at the same time.
        if (!Interlocked.Exchange(ref disposed, true))
            ArrayPool<byte>.Shared.Return(block);
        return ValueTask.CompletedTask;
    }

    internal static Refusal ToRefusal(DurableException e) => e.IsDiskFull
        ? Refusal.StorageFull(e)
        : Refusal.Unavailable("The bytes could not be made safe on disk. Go on from the offset that the server names.", 1, e);

    void Flush()
    {
        if (filled == 0)
            return;
        files.RequireSpace(filled);
        files.Durable.Write(file, block.AsSpan(0, filled), Length - filled);
        filled = 0;
    }

    /// <summary>After an error only what is durable counts; the rest is cut off so that a full disk does not stay full of halves.</summary>
    async Task GuardedAsync(Action action)
    {
        try
        {
            await Task.Run(action, CancellationToken.None);
        }
        catch (Exception e) when (e is DurableException or Refusal)
        {
            Length = durable;
            filled = 0;
            try
            {
                files.Durable.Truncate(file, durable);
            }
            catch (DurableException)
            {
                // The caller is told of the first error; opening the file again cuts it off.
            }
            throw e is DurableException cause ? ToRefusal(cause) : e;
        }
    }
}
