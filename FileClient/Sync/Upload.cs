using System.Buffers;
using System.Threading.Channels;
using FileClient.Api;
using FileClient.Sync.Core;
using FileClient.Sync.Disk;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Protocol.Packs;

namespace FileClient.Sync;

/// <summary>A file on its way up: its chunks, and how many packs still have to be safe before it may be committed.</summary>
sealed class OutgoingFile(Step step, IReadOnlyList<ChunkRef> chunks)
{
    public Step Step => step;

    public IReadOnlyList<ChunkRef> Chunks => chunks;

    public int PacksLeft;

    public bool Failed;
}

/// <summary>A pack in the making or under way, with the files that wait for it.</summary>
sealed class OutgoingPack(SpaceId space, PackId id, DateTimeOffset now)
{
    readonly Lock gate = new();
    readonly List<OutgoingFile> files = [];
    bool safe;

    public OutgoingPack(SpaceId space, DateTimeOffset now)
        : this(space, PackId.New(), now)
    {
    }

    public PackId Id => id;

    public PackBuilder Builder { get; } = new(new PackHeader(space, id, now));

    /// <summary>The file may be committed only when this pack is safe on the server.</summary>
    public void Join(OutgoingFile file)
    {
        lock (gate)
        {
            if (safe || (files.Count > 0 && files[^1] == file))
                return;
            files.Add(file);
            Interlocked.Increment(ref file.PacksLeft);
        }
    }

    /// <summary>The pack is safe; these files waited for it.</summary>
    public List<OutgoingFile> Close()
    {
        lock (gate)
        {
            safe = true;
            return files;
        }
    }
}

/// <summary>
/// Sends new bytes: asks which chunks the space lacks, packs hundreds of small files into one request, and commits files as soon as
/// their packs are safe on the server while the next packs are still under way.
/// </summary>
sealed class Upload(ApiClient api, Workspace work, SyncLink link, Committer committer, SyncReport report, IReadOnlyDictionary<Digest, IReadOnlyList<ChunkRef>> fresh, TimeProvider clock) : IDisposable
{
    const int AskBatch = 4096, PackBytes = 16 * 1024 * 1024, PacksInFlight = 3, CommitFrom = 500;

    readonly Channel<OutgoingFile> ready = Channel.CreateUnbounded<OutgoingFile>();
    readonly SemaphoreSlim slots = new(PacksInFlight);
    readonly List<Task> sending = [];
    readonly Dictionary<Digest, OutgoingPack> packOf = [];

    OutgoingPack? open;

    public async Task RunAsync(IReadOnlyList<Step> steps, CancellationToken ct)
    {
        var first = steps.TakeWhile(static step => step.Kind != StepKind.RemotePut).ToList();
        var puts = steps.Where(static step => step.Kind == StepKind.RemotePut).ToList();
        var rest = steps.Skip(first.Count).Where(static step => step.Kind != StepKind.RemotePut).ToList();
        var files = puts.Select(Prepare).OfType<OutgoingFile>().ToList();
        // What fits into one changeset is one, so that others see all of it or nothing.
        var whole = steps.Count <= Committer.MaxOperations && files.Sum(static file => file.Step.Goal.Size) <= 2 * PackBytes;
        if (!whole)
            await committer.SendAsync([.. first.Select(static step => (step, (IReadOnlyList<ChunkRef>?)null))], ct);
        var safe = new List<OutgoingFile>();
        var commits = CommitAsync(whole ? safe : null, ct);
        try
        {
            await SendBytesAsync(files, ct);
        }
        finally
        {
            open?.Builder.Dispose();
            ready.Writer.TryComplete();
            await commits;
        }
        var last = rest.Select(static step => (step, (IReadOnlyList<ChunkRef>?)null));
        if (whole)
            last = [.. first.Select(static step => (step, (IReadOnlyList<ChunkRef>?)null)), .. safe.OrderBy(static file => file.Step.Id.Value).Select(static file => (file.Step, (IReadOnlyList<ChunkRef>?)file.Chunks)), .. last];
        await committer.SendAsync([.. last], ct);
    }

    OutgoingFile? Prepare(Step step)
    {
        var content = step.Goal.Content!.Value;
        if (content == ContentId.Empty)
            return new OutgoingFile(step, []);
        var chunks = fresh.GetValueOrDefault(content) ?? work.State.Chunks(content);
        // A file with one chunk whose name was not kept from the scan of an earlier run.
        chunks ??= FileHasher.Hash(work.Folder.Root, work.PathOf(step.Id), out _, CancellationToken.None) is { } again && again.Content == content ? again.Chunks : null;
        return chunks is null ? null : new OutgoingFile(step, chunks);
    }

    async Task SendBytesAsync(List<OutgoingFile> files, CancellationToken ct)
    {
        for (var from = 0; from < files.Count;)
        {
            List<OutgoingFile> batch = [];
            HashSet<Digest> ask = [];
            for (; from < files.Count && (batch.Count == 0 || ask.Count + files[from].Chunks.Count <= AskBatch); from++)
            {
                batch.Add(files[from]);
                ask.UnionWith(files[from].Chunks.Select(static chunk => chunk.Hash));
            }
            var missing = await MissingAsync(ask, ct);
            missing.ExceptWith(packOf.Keys);
            foreach (var file in batch)
                await AddAsync(file, missing, ct);
        }
        await FlushAsync(ct);
        await Task.WhenAll(sending);
    }

    async Task<HashSet<Digest>> MissingAsync(HashSet<Digest> ask, CancellationToken ct)
    {
        HashSet<Digest> missing = [];
        foreach (var part in ask.Chunk(AskBatch))
            missing.UnionWith(await api.MissingChunksAsync(link.Space.ToString(), part, ct));
        return missing;
    }

    // A file counts each pack once, however many of its chunks are in it; one more count holds it until it is read to its end.
    async Task AddAsync(OutgoingFile file, HashSet<Digest> missing, CancellationToken ct)
    {
        file.PacksLeft = 1;
        foreach (var chunk in file.Chunks)
            if (packOf.TryGetValue(chunk.Hash, out var pack))
                pack.Join(file);
        if (file.Chunks.Any(chunk => missing.Contains(chunk.Hash)))
            await ReadAsync(file, missing, ct);
        Release(file);
    }

    async Task ReadAsync(OutgoingFile file, HashSet<Digest> missing, CancellationToken ct)
    {
        using var handle = Posix.OpenFile(work.Folder.Root, work.PathOf(file.Step.Id), out _);
        if (handle is null || Stat.Of(handle).Signature != work.State.Known[file.Step.Id].Signature)
        {
            file.Failed = true;
            return;
        }
        long offset = 0;
        foreach (var chunk in file.Chunks)
        {
            if (missing.Remove(chunk.Hash))
            {
                if (open?.Builder.Fits(chunk.Size) == false || open?.Builder.Length >= PackBytes)
                    await FlushAsync(ct);
                open ??= new OutgoingPack(link.Space, clock.GetUtcNow());
                open.Join(file);
                if (!Read(handle, offset, chunk))
                {
                    // It still has to be sent if another file has the same bytes.
                    missing.Add(chunk.Hash);
                    file.Failed = true;
                    return;
                }
                packOf[chunk.Hash] = open;
            }
            offset += chunk.Size;
        }
        file.Failed = Stat.Of(handle).Signature != work.State.Known[file.Step.Id].Signature;
    }

    bool Read(Microsoft.Win32.SafeHandles.SafeFileHandle handle, long offset, ChunkRef chunk)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(chunk.Size);
        try
        {
            for (var done = 0; done < chunk.Size;)
            {
                var read = RandomAccess.Read(handle, buffer.AsSpan(done, chunk.Size - done), offset + done);
                if (read == 0)
                    return false;
                done += read;
            }
            // Somebody may be writing to it just now; a pack with other bytes would be refused as a whole.
            if (Digest.Of(buffer.AsSpan(0, chunk.Size)) != chunk.Hash)
                return false;
            open!.Builder.Add(chunk.Hash, buffer.AsSpan(0, chunk.Size));
            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    async Task FlushAsync(CancellationToken ct)
    {
        if (open is not { } pack)
            return;
        open = null;
        await slots.WaitAsync(ct);
        if (sending.Find(static task => task.IsFaulted) is { } failed)
            await failed;
        sending.Add(SendAsync(pack, ct));
    }

    async Task SendAsync(OutgoingPack pack, CancellationToken ct)
    {
        try
        {
            if (pack.Builder.Count > 0)
            {
                var bytes = pack.Builder.Finish();
                await Task.Run(() => api.UploadPackAsync(link.Space.ToString(), pack.Id, bytes, ct), ct);
                lock (report)
                    report.BytesUp += pack.Builder.ContentLength;
            }
            pack.Close().ForEach(Release);
        }
        finally
        {
            pack.Builder.Dispose();
            slots.Release();
        }
    }

    void Release(OutgoingFile file)
    {
        if (Interlocked.Decrement(ref file.PacksLeft) == 0 && !file.Failed)
            ready.Writer.TryWrite(file);
    }

    async Task CommitAsync(List<OutgoingFile>? keep, CancellationToken ct)
    {
        List<(Step, IReadOnlyList<ChunkRef>?)> batch = [];
        while (await ready.Reader.WaitToReadAsync(ct))
        {
            while (batch.Count < Committer.MaxOperations && ready.Reader.TryRead(out var file))
            {
                if (keep is not null)
                    keep.Add(file);
                else
                    batch.Add((file.Step, file.Chunks));
            }
            if (batch.Count < CommitFrom)
                continue;
            await committer.SendAsync(batch, ct);
            batch = [];
        }
        await committer.SendAsync(batch, ct);
    }

    public void Dispose() => slots.Dispose();
}
