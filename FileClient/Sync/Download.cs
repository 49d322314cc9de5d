using System.Buffers;
using FileClient.Api;
using FileClient.Sync.Core;
using FileClient.Sync.Disk;
using FileClient.Sync.State;
using FileClient.Terminal;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Win32.SafeHandles;

namespace FileClient.Sync;

/// <summary>
/// Fetches new bytes into the staging folder, checks them against their content id, makes a whole batch durable with one call, and only then puts the
/// files at their places. Small files come many in one stream; of large ones only the chunks that this machine has nowhere.
/// </summary>
sealed class Download(ApiClient api, Workspace work, SyncLink link, Transition transition, SyncReport report)
{
    const int SmallFile = 1024 * 1024, BatchFiles = 1000, Streams = 2;
    const long BatchBytes = 16 * 1024 * 1024;

    readonly Lock gate = new();
    List<StagedFile> staged = [];

    public async Task RunAsync(IReadOnlyList<Step> steps, CancellationToken ct)
    {
        var byContent = work.State.Known.Values.Where(static known => known is { Kind: NodeKind.File, Content: not null }).DistinctBy(static known => known.Content).ToDictionary(static known => known.Content!.Value);
        var small = new List<Step>();
        var large = new List<Step>();
        foreach (var step in steps)
        {
            if (step.Goal.Content == ContentId.Empty)
                Stage(step, []);
            else if (step.Goal.Size >= SmallFile)
                large.Add(step);
            else if (!(byContent.TryGetValue(step.Goal.Content!.Value, out var twin) && StageCopy(step, twin)))
                small.Add(step);
        }
        PlaceAll();
        await SmallAsync(small, ct);
        foreach (var step in large)
        {
            await LargeAsync(step, ct);
            PlaceAll();
        }
        work.State.Save();
    }

    // While one round is made durable and placed, the next one is on its way. A broken run keeps what it had placed.
    async Task SmallAsync(List<Step> steps, CancellationToken ct)
    {
        var placing = Task.CompletedTask;
        foreach (var round in Batches(steps).Chunk(2 * Streams))
        {
            await Parallel.ForEachAsync(
                round,
                new ParallelOptions { MaxDegreeOfParallelism = Streams, CancellationToken = ct },
                async (batch, token) => await BatchAsync(batch, token));
            await placing;
            var done = TakeStaged();
            placing = Task.Run(() => Place(done), CancellationToken.None);
        }
        await placing;
    }

    List<StagedFile> TakeStaged()
    {
        lock (gate)
        {
            var taken = staged;
            staged = [];
            return taken;
        }
    }

    static IEnumerable<List<Step>> Batches(List<Step> steps)
    {
        List<Step> batch = [];
        long bytes = 0;
        foreach (var step in steps)
        {
            if (batch.Count >= BatchFiles || bytes >= BatchBytes)
            {
                yield return batch;
                (batch, bytes) = ([], 0);
            }
            batch.Add(step);
            bytes += step.Goal.Size;
        }
        if (batch.Count > 0)
            yield return batch;
    }

    async Task BatchAsync(List<Step> batch, CancellationToken ct)
    {
        using var contents = await api.ContentsAsync(link.Space.ToString(), [.. batch.Select(static step => new ContentsItem(step.Id, step.Goal.Version))], ct);
        var buffer = ArrayPool<byte>.Shared.Rent(SmallFile);
        try
        {
            foreach (var step in batch)
            {
                var header = await contents.NextAsync(ct) ?? throw ApiException.Protocol("The contents stream ended early.");
                if (header.NodeId != step.Id)
                    throw ApiException.Protocol("The contents stream is out of order.");
                if (header.Status != ContentFrameStatus.Ok || header.Length != step.Goal.Size)
                {
                    Fail(step, header.Status == ContentFrameStatus.Unavailable ? "damaged" : "changed-meanwhile", "The server cannot send this version now.");
                    continue;
                }
                var bytes = buffer.AsMemory(0, (int)header.Length);
                for (var done = 0; done < bytes.Length;)
                    done += await contents.ReadAsync(bytes[done..], ct);
                lock (gate)
                    report.BytesDown += bytes.Length;
                if (Matches(bytes, step.Goal))
                    Stage(step, bytes.Span);
                else
                    Fail(step, "damaged", "The bytes that arrived are not those that the server promised.");
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    static bool Matches(ReadOnlyMemory<byte> bytes, Entry goal) => ContentId.Of(bytes.Length, [.. ChunkSplitter.Split(bytes)]) == goal.Content;

    void Fail(Step step, string code, string reason)
    {
        lock (report)
            report.Problems.Add(new SyncProblem(step.Goal.Name, code, reason));
    }

    // Row 17: the same bytes are on this disk already.
    bool StageCopy(Step step, KnownEntry twin)
    {
        if (twin.Signature.Size != step.Goal.Size)
            return false;
        using var file = Posix.OpenFile(work.Folder.Root, work.PathOf(twin.Id), out _);
        if (file is null)
            return false;
        var bytes = new byte[step.Goal.Size];
        if (RandomAccess.Read(file, bytes, 0) != bytes.Length || !Matches(bytes, step.Goal))
            return false;
        Stage(step, bytes);
        return true;
    }

    void Stage(Step step, ReadOnlySpan<byte> bytes)
    {
        var (name, file) = Create();
        StagedFile made;
        using (file)
        {
            RandomAccess.Write(file, bytes, 0);
            Failpoint.Pass(Failpoint.DownloadPartial);
            made = Finish(file, step, name);
        }
        lock (gate)
            staged.Add(made);
    }

    (string Name, SafeFileHandle File) Create()
    {
        var name = Staged.New();
        var file = Posix.CreateFile(work.Folder.Staging, name, out var error);
        return (name, file ?? throw new IOException($"No file can be made in the staging folder: {System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(error)}.", error));
    }

    static StagedFile Finish(SafeFileHandle file, Step step, string name)
    {
        Posix.SetMode(file, FileBits.For(step.Goal.Executable));
        Posix.SetModified(file, step.Goal.Modified);
        return new StagedFile(step, name, Stat.Of(file).Signature.Inode);
    }

    void PlaceAll() => Place(TakeStaged());

    /// <summary>One call makes all these files durable; then they get their places.</summary>
    void Place(List<StagedFile> files)
    {
        if (files.Count == 0)
            return;
        if (Posix.SyncFileSystem(work.Folder.Staging) is not 0 and var error)
            throw new IOException($"The disk did not take the bytes: {System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(error)}.");
        Failpoint.Pass(Failpoint.DownloadDurable);
        var intents = files.ConvertAll(IntentOf);
        work.State.AddIntents(intents);
        Failpoint.Pass(Failpoint.DownloadIntent);
        foreach (var (file, intent) in files.Zip(intents))
            transition.Try(file.Step, intent, _ => transition.Place(file.Step, file.Name, intent));
        // What could not be placed bears its first name still: the bytes are the server's and can be had again.
        foreach (var file in files)
            Posix.RemoveFile(work.Folder.Staging, file.Name);
        work.Agree(files.Select(static file => file.Step.Id));
        work.State.Save();
    }

    Intent IntentOf(StagedFile file)
    {
        var (id, goal) = (file.Step.Id, file.Step.Goal);
        return file.Step.Kind == StepKind.LocalPlace
            ? new Intent(IntentKind.Place, id, "", goal.Name, file.Inode, goal.Parent, New: goal.Content)
            : new Intent(IntentKind.Replace, id, work.PathOf(id), Staged.ForExchange(file.Name), file.Inode, work.ParentOf(id), work.State.Known[id].Content, goal.Content);
    }

    async Task LargeAsync(Step step, CancellationToken ct)
    {
        try
        {
            var list = await api.ChunksAsync(link.Space.ToString(), step.Id, step.Goal.Version, ct);
            if (ContentId.Of(list.Size, list.Chunks) != step.Goal.Content || list.Size != step.Goal.Size || list.Chunks.Sum(static chunk => (long)chunk.Size) != list.Size)
            {
                Fail(step, "damaged", "The chunk list that arrived is not the one that the server promised.");
                return;
            }
            var (name, file) = Create();
            using (file)
            {
                await new ChunkAssembly(api, work, link, step, list.Chunks, report).FillAsync(file, ct);
                staged.Add(Finish(file, step, name));
            }
            work.State.SetChunks([(list.ContentId, list.Chunks)]);
        }
        catch (ApiException gone) when (gone.Exit is ExitCode.NotFound or ExitCode.Integrity)
        {
            Fail(step, "changed-meanwhile", gone.Message);
        }
    }
}

/// <summary>A downloaded file that waits for its place.</summary>
sealed record StagedFile(Step Step, string Name, ulong Inode);
