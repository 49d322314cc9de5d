using FileServer.Http;
using FileServer.Protocol;
using Microsoft.Extensions.Options;

namespace FileServer.Storage;

/// <summary>
/// The one writer of a space's open pack. Whoever arrives while a sync runs waits for the next one, which serves all of
/// them: under load one sync per batch, alone no wait at all.
/// </summary>
/// <remarks>Waiters are released only after their bytes' sync returned without error.</remarks>
sealed partial class PackAppender(SpaceId space, PackFiles files, PackRows rows, IOptions<StorageOptions> options, TimeProvider clock, ILogger<OpenPacks> logger)
{
    readonly Lock gate = new();
    Queue<Request> waiting = new();
    bool running;
    OpenPack? pack;
    DateTimeOffset lastUsed;

    /// <returns>Where each chunk stands, in the order given.</returns>
    /// <exception cref="Refusal">The bytes could not be made durable.</exception>
    public Task<ChunkPlace[]> AppendAsync(IReadOnlyList<FreshChunk> chunks) => Enqueue(new Request(chunks, Seal: false));

    /// <summary>Seals the open pack, if there is one, after everything that was appended before.</summary>
    public Task SealAsync() => Enqueue(new Request([], Seal: true));

    /// <summary>Whether nothing was appended for so long that the pack may as well be sealed.</summary>
    public bool IsIdle()
    {
        lock (gate)
            return !running && pack is not null && clock.GetUtcNow() - lastUsed > TimeSpan.FromSeconds(options.Value.OpenPackIdleSeconds);
    }

    Task<ChunkPlace[]> Enqueue(Request request)
    {
        lock (gate)
        {
            waiting.Enqueue(request);
            if (running)
                return request.Done.Task;
            running = true;
        }
        _ = Task.Run(RunAsync, CancellationToken.None);
        return request.Done.Task;
    }

    async Task RunAsync()
    {
        while (true)
        {
            List<Request> batch = [];
            lock (gate)
            {
                lastUsed = clock.GetUtcNow();
                if (waiting.Count == 0)
                {
                    running = false;
                    return;
                }
                long bytes = 0;
                do
                {
                    var next = waiting.Dequeue();
                    bytes += next.Bytes;
                    batch.Add(next);
                }
                while (!batch[^1].Seal && waiting.TryPeek(out var peeked) && bytes + peeked.Bytes <= options.Value.GroupCommitBytes);
            }
            await CommitAsync(batch);
        }
    }

    async Task CommitAsync(List<Request> batch)
    {
        try
        {
            var chunks = batch.SelectMany(request => request.Chunks).ToArray();
            var places = chunks.Length == 0 ? [] : await AppendAsync(chunks);
            var start = 0;
            foreach (var request in batch.Where(request => !request.Seal))
            {
                request.Done.SetResult(places[start..(start + request.Chunks.Count)]);
                start += request.Chunks.Count;
            }
            if (pack is not null && (batch[^1].Seal || pack.Length >= options.Value.OpenPackBytes))
                await SealNowAsync();
            if (batch[^1].Seal)
                batch[^1].Done.SetResult([]);
        }
        catch (Exception e)
        {
            var refusal = e switch
            {
                Refusal same => same,
                DurableException { IsDiskFull: true } => Refusal.StorageFull(e),
                SuspectPackException suspect => suspect.ToRefusal(),
                _ => Refusal.Unavailable("The bytes could not be stored; nothing of this request was kept. Send them again.", 1, e),
            };
            if (refusal.Kind != RefusalKind.StorageFull)
                Log.AppendFailed(logger, space, e);
            foreach (var request in batch)
                request.Done.TrySetException(refusal);
        }
    }

    async Task<ChunkPlace[]> AppendAsync(FreshChunk[] chunks)
    {
        files.RequireSpace(chunks.Sum(chunk => (long)chunk.Bytes.Length));
        pack ??= await CreateAsync();
        try
        {
            var offsets = pack.Append(chunks);
            return [.. chunks.Zip(offsets, (chunk, offset) => new ChunkPlace(pack.Id, offset, chunk.Bytes.Length))];
        }
        catch (SuspectPackException)
        {
            await AbandonAsync();
            throw;
        }
    }

    async Task<OpenPack> CreateAsync()
    {
        var id = PackId.New();
        await rows.AddAsync(space, id, PackState.Open, 0, CancellationToken.None);
        try
        {
            return OpenPack.Create(files, space, id, clock.GetUtcNow());
        }
        catch (DurableException)
        {
            files.RemovePack(space, id);
            await rows.RemoveAsync(id, CancellationToken.None);
            throw;
        }
    }

    /// <summary>A pack that cannot be sealed for lack of space stays open; the next occasion tries again.</summary>
    async Task SealNowAsync()
    {
        try
        {
            var length = pack!.Seal();
            var id = pack.Id;
            pack.Dispose();
            pack = null;
            await rows.SealAsync(id, length, CancellationToken.None);
        }
        catch (DurableException e) when (e.IsDiskFull)
        {
            Log.NoSpaceToSeal(logger, space);
        }
        catch (SuspectPackException)
        {
            await AbandonAsync();
        }
    }

    /// <summary>The pack is never written again. Its acknowledged chunks stay readable; the next start saves them into a sealed file.</summary>
    async Task AbandonAsync()
    {
        var id = pack!.Id;
        pack.Dispose();
        pack = null;
        Log.Suspect(logger, space, id);
        await rows.SuspectAsync(id, CancellationToken.None);
    }

    sealed record Request(IReadOnlyList<FreshChunk> Chunks, bool Seal)
    {
        public TaskCompletionSource<ChunkPlace[]> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public long Bytes { get; } = Chunks.Sum(chunk => (long)chunk.Bytes.Length);
    }

    static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Critical, Message = "A sync of pack {Pack} of space {Space} failed: it is suspect and is not written any more")]
        public static partial void Suspect(ILogger logger, SpaceId space, PackId pack);

        [LoggerMessage(Level = LogLevel.Error, Message = "Appending to the open pack of space {Space} failed")]
        public static partial void AppendFailed(ILogger logger, SpaceId space, Exception exception);

        [LoggerMessage(Level = LogLevel.Warning, Message = "No space to seal the open pack of space {Space}; it stays open")]
        public static partial void NoSpaceToSeal(ILogger logger, SpaceId space);
    }
}
