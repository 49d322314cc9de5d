using System.Collections.Concurrent;
using FileClient.Api;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Transfer;

/// <summary>Fetches a folder: small files by the hundred in one answer, large ones one by one.</summary>
sealed class FolderDownload(ApiClient api, TimeProvider clock, ITransferWatch watch)
{
    const long SmallBytes = 1024 * 1024;
    const int BatchFiles = 500;
    const long BatchBytes = 32 * 1024 * 1024;
    const int BatchesAtOnce = 2;

    readonly ConcurrentBag<Skipped> skipped = [];
    int transferred;

    public async Task<FolderResult> RunAsync(string space, Node top, string target, CancellationToken ct)
    {
        var small = new List<(string Path, Node Node)>();
        var large = new List<(string Path, Node Node)>();
        Directory.CreateDirectory(target);
        foreach (var (path, node) in await RemoteTree.BelowAsync(api, space, top, ct))
        {
            var local = Path.Combine(target, path);
            if (WhyNot(path, node) is { } reason)
                skipped.Add(new Skipped(path, reason));
            else if (node.Kind == NodeKind.Folder)
                MakeFolder(path, local);
            else if (node.Size <= SmallBytes)
                small.Add((local, node));
            else
                large.Add((local, node));
        }
        var options = new ParallelOptions { MaxDegreeOfParallelism = BatchesAtOnce, CancellationToken = ct };
        await Parallel.ForEachAsync(Batches(small), options, async (batch, token) => await BatchAsync(space, batch, token));
        foreach (var (path, node) in large)
            await OneAsync(space, node, path, ct);
        return new FolderResult(transferred, 0, [.. skipped.OrderBy(item => item.Path, StringComparer.Ordinal)]);
    }

    static string? WhyNot(string path, Node node) => node.Kind == NodeKind.Symlink
        ? "it is a symbolic link"
        : !OperatingSystem.IsWindows() || NameRules.IsPortable(RemoteFolders.NameOf(path), out var reason) ? null : reason;

    void MakeFolder(string path, string local)
    {
        if (File.Exists(local))
            skipped.Add(new Skipped(path, "here a file has this name"));
        else
            Directory.CreateDirectory(local);
    }

    static IEnumerable<IReadOnlyList<(string Path, Node Node)>> Batches(IEnumerable<(string Path, Node Node)> files)
    {
        var batch = new List<(string, Node)>();
        long bytes = 0;
        foreach (var (path, node) in files)
        {
            if (batch.Count == BatchFiles || (batch.Count > 0 && bytes + node.Size > BatchBytes))
            {
                yield return batch;
                batch = [];
                bytes = 0;
            }
            batch.Add((path, node));
            bytes += node.Size;
        }
        if (batch.Count > 0)
            yield return batch;
    }

    /// <summary>One stream of many contents. What did not arrive in it whole and right is fetched on its own.</summary>
    async Task BatchAsync(string space, IReadOnlyList<(string Path, Node Node)> batch, CancellationToken ct)
    {
        var waiting = batch.ToDictionary(item => (item.Node.Id, item.Node.Version));
        using var progress = watch.Begin($"{batch.Count} small files", batch.Sum(item => item.Node.Size));
        try
        {
            using var reader = await api.ContentsAsync(space, [.. batch.Select(item => new ContentsItem(item.Node.Id, item.Node.Version))], ct);
            while (await reader.NextAsync(ct) is { } frame)
            {
                if (frame.Status != ContentFrameStatus.Ok || !waiting.TryGetValue((frame.NodeId, frame.Version), out var item) || frame.Length != item.Node.Size)
                    continue;
                var bytes = new byte[frame.Length];
                for (var done = 0; done < bytes.Length;)
                    done += await reader.ReadAsync(bytes.AsMemory(done), ct);
                if (ContentId.Of(bytes.Length, [.. ChunkSplitter.Split(bytes)]) == item.Node.ContentId && Store(item.Path, item.Node, bytes))
                    waiting.Remove((frame.NodeId, frame.Version));
                progress.Moved(bytes.Length);
            }
        }
        catch (ApiException broken) when (broken.IsTemporary)
        {
            // The rest follows one by one, each with its own patience.
        }
        foreach (var (path, node) in waiting.Values)
            await OneAsync(space, node, path, ct);
    }

    bool Store(string path, Node node, byte[] bytes)
    {
        var part = Download.PartName(path, node);
        try
        {
            File.WriteAllBytes(part, bytes);
            Download.Finish(part, path, node);
            Interlocked.Increment(ref transferred);
            return true;
        }
        catch (Exception fault) when (FolderUpload.CanSkip(fault))
        {
            skipped.Add(new Skipped(path, fault.Message));
            File.Delete(part);
            return true;
        }
    }

    async Task OneAsync(string space, Node node, string path, CancellationToken ct)
    {
        try
        {
            await new Download(api, clock, watch).RunAsync(space, node, path, ct);
            Interlocked.Increment(ref transferred);
        }
        catch (Exception fault) when (FolderUpload.CanSkip(fault))
        {
            skipped.Add(new Skipped(path, fault.Message));
        }
    }
}
