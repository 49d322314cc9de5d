using System.Buffers;
using System.IO.Pipelines;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Packs;
using Microsoft.Win32.SafeHandles;

namespace FileServer.Storage;

/// <summary>
/// One whole-file upload: bytes in, hashed and cut into chunks while they arrive, staged on disk. While one block is
/// written and hashed, the next is received. For one caller at a time.
/// </summary>
/// <remarks>
/// 1. What <see cref="SyncAsync"/> returned survives a crash. 2. After an error the writer refuses everything; the upload
/// goes on from the last durable offset with a new one. 3. Bytes that nobody was told of are gone when it is disposed.
/// </remarks>
sealed class ContentWriter : IAsyncDisposable
{
    const int FirstBlock = 32 * 1024;
    internal const int FullBlock = 2 * 1024 * 1024;

    readonly ContentStore store;
    readonly ContentCutter cutter = new();
    SafeFileHandle? file;
    byte[] block = [];
    int filled;
    Task pending = Task.CompletedTask;
    long handedOver;
    long durable;
    bool acknowledged;
    bool ended;
    Refusal? broken;
    StoredContent? stored;

    internal ContentWriter(ContentStore store, SpaceId space, PackId pack, StoredContent? stored = null)
    {
        this.store = store;
        this.stored = stored;
        Space = space;
        Pack = pack;
        IsComplete = acknowledged = stored is not null;
        Length = handedOver = durable = stored?.Size ?? 0;
    }

    public SpaceId Space { get; }

    public PackId Pack { get; }

    /// <summary>Bytes taken so far, durable or not.</summary>
    public long Length { get; private set; }

    /// <summary>The upload had been completed before this writer was resumed: go straight to <see cref="CompleteAsync"/>.</summary>
    public bool IsComplete { get; }

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        while (bytes.Length > 0)
        {
            ct.ThrowIfCancellationRequested();
            if (filled == block.Length)
                await MakeRoomAsync();
            var part = bytes[..Math.Min(bytes.Length, block.Length - filled)];
            part.CopyTo(block.AsMemory(filled));
            filled += part.Length;
            Length += part.Length;
            bytes = bytes[part.Length..];
        }
    }

    /// <summary>Takes bytes until the reader ends or so many were taken. What was taken before an exception stays taken.</summary>
    /// <returns>The number of bytes taken.</returns>
    public Task<long> WriteAsync(PipeReader reader, long atMost, CancellationToken ct) => reader.PumpAsync(WriteAsync, atMost, ct);

    /// <summary>Makes what was taken durable. Do not call it when the upload is about to be completed: small ones then need no file of their own.</summary>
    /// <returns>The offset that would survive a crash now.</returns>
    public async Task<long> SyncAsync(CancellationToken ct)
    {
        if (durable == Length)
            return durable;
        await FlushAsync();
        ct.ThrowIfCancellationRequested();
        await GuardedAsync(() => store.Files.Durable.SyncData(file!));
        if (!acknowledged)
            await GuardedAsync(() => store.Files.Durable.SyncFolder(store.Files.StagingFolder));
        acknowledged = true;
        return durable = handedOver;
    }

    /// <summary>
    /// Makes the whole content durable and says where it stands. Staged bytes are kept until <see cref="DropAsync"/>, so
    /// that a crash before the answer is recorded only makes the caller ask again.
    /// </summary>
    public async Task<StoredContent> CompleteAsync(CancellationToken ct)
    {
        if (stored is not null)
            return stored;
        RequireSound();
        if (file is null && Length < store.Options.SmallUploadBytes)
            return stored = await store.CompleteSmallAsync(Space, block.AsMemory(0, filled), ct);
        if (!ended)
        {
            await FlushAsync();
            await Task.Run(cutter.FinishChunks, CancellationToken.None);
            ended = true;
        }
        var staged = new StagedContent(Space, Pack, file!, Length, cutter.Whole(), cutter.Chunks);
        try
        {
            return stored = await store.CompleteStagedAsync(staged, ct);
        }
        catch (SuspectPackException e)
        {
            // The file is gone: its bytes go to a new pack, from the first one on.
            durable = 0;
            throw Broken(e.ToRefusal());
        }
    }

    /// <summary>Removes staged bytes: the upload was given up, or its outcome is recorded. Harmless when there are none.</summary>
    public async Task DropAsync()
    {
        await pending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        store.Files.RemoveStaged(Pack);
        broken ??= Refusal.Unavailable("The upload was given up.", 1);
    }

    /// <summary>Closes the files. Staged bytes stay if anybody was told a durable offset, to be resumed; else they go.</summary>
    public async ValueTask DisposeAsync()
    {
        // Whoever waited for this block has been told of its failure; nobody else needs to be.
        await pending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (file is not null && !acknowledged)
            store.Files.RemoveStaged(Pack);
        file?.Dispose();
        cutter.Dispose();
        if (block.Length > 0)
            ArrayPool<byte>.Shared.Return(block);
        block = [];
        filled = 0;
    }

    /// <summary>Takes the staged bytes up to the durable offset again, and cuts off what lies beyond.</summary>
    internal async Task RestoreAsync(SafeFileHandle staged, long offset, CancellationToken ct)
    {
        file = staged;
        acknowledged = true;
        await GuardedAsync(() => store.Files.Durable.Truncate(staged, PackFormat.HeaderSize + offset));
        var buffer = ArrayPool<byte>.Shared.Rent(FullBlock);
        try
        {
            while (handedOver < offset)
            {
                ct.ThrowIfCancellationRequested();
                var bytes = buffer.AsMemory(0, (int)Math.Min(FullBlock, offset - handedOver));
                PackFiles.ReadExactly(staged, PackFormat.HeaderSize + handedOver, bytes.Span);
                var cutting = Task.Run(() => cutter.AddToChunks(bytes.Span), CancellationToken.None);
                cutter.AddToWhole(bytes.Span);
                await cutting;
                handedOver += bytes.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        durable = Length = handedOver;
    }

    async Task MakeRoomAsync()
    {
        RequireSound();
        if (block.Length >= FullBlock)
            await HandOverAsync();
        var larger = ArrayPool<byte>.Shared.Rent(Math.Clamp(block.Length * 2, FirstBlock, FullBlock));
        if (block.Length > 0)
        {
            block.AsSpan(0, filled).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(block);
        }
        block = larger;
    }

    async Task FlushAsync()
    {
        RequireSound();
        if (filled > 0)
            await HandOverAsync();
        await AwaitPendingAsync();
    }

    /// <summary>Gives the block to be written and hashed in the background, after the one before it.</summary>
    async Task HandOverAsync()
    {
        await AwaitPendingAsync();
        if (file is null)
        {
            await GuardedAsync(() =>
            {
                store.Files.RequireSpace(filled);
                file = store.Files.CreateStaged(Pack);
                store.Files.Durable.Write(file, new PackHeader(Space, Pack, store.Clock.GetUtcNow()).ToArray(), 0);
            });
        }
        var (bytes, count, offset) = (block, filled, handedOver);
        (block, filled) = ([], 0);
        handedOver += count;
        pending = Task.Run(() => ProcessAsync(bytes, count, offset), CancellationToken.None);
    }

    async Task ProcessAsync(byte[] bytes, int count, long offset)
    {
        try
        {
            var cutting = Task.Run(() => cutter.AddToChunks(bytes.AsSpan(0, count)), CancellationToken.None);
            try
            {
                store.Files.RequireSpace(count);
                store.Files.Durable.Write(file!, bytes.AsSpan(0, count), PackFormat.HeaderSize + offset);
                store.Files.Durable.StartWriteback(file!, PackFormat.HeaderSize + offset, count);
                cutter.AddToWhole(bytes.AsSpan(0, count));
            }
            finally
            {
                await cutting;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    async Task AwaitPendingAsync()
    {
        try
        {
            await pending;
        }
        catch (Exception e) when (e is DurableException or Refusal)
        {
            throw Broken(e);
        }
    }

    async Task GuardedAsync(Action action)
    {
        try
        {
            await Task.Run(action, CancellationToken.None);
        }
        catch (Exception e) when (e is DurableException or Refusal)
        {
            throw Broken(e);
        }
    }

    void RequireSound()
    {
        if (broken is not null)
            throw broken;
    }

    /// <summary>Gives back the space of everything that is not durable, so that a full disk does not stay full of halves.</summary>
    Refusal Broken(Exception cause)
    {
        broken = cause switch
        {
            Refusal refusal => refusal,
            DurableException { IsDiskFull: true } => Refusal.StorageFull(cause),
            _ => Refusal.Unavailable("The bytes could not be made safe on disk. Go on from the offset that the server names.", 1, cause),
        };
        Length = handedOver = durable;
        try
        {
            if (durable == 0)
                store.Files.RemoveStaged(Pack);
            if (file is not null)
                store.Files.Durable.Truncate(file, durable == 0 ? 0 : PackFormat.HeaderSize + durable);
        }
        catch (DurableException)
        {
            // The disk is in trouble and the caller is told of its first error; the sweep finds what stays behind.
        }
        return broken;
    }
}
