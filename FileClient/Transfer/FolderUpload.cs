using System.Collections.Concurrent;
using FileClient.Api;
using FileClient.Local;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Transfer;

/// <summary>What a folder's transfer did.</summary>
sealed record FolderResult(int Transferred, int Unchanged, IReadOnlyList<Skipped> Skipped);

/// <summary>Sends a local folder: its folders first, then small files by the hundred, large ones one by one.</summary>
sealed class FolderUpload(ApiClient api, ConfigFolder config, TimeProvider clock, ITransferWatch watch)
{
    /// <summary>Files above this go on their own, so that they can be resumed.</summary>
    const long SmallBytes = 1024 * 1024;

    const int BatchFiles = 500;
    const long BatchBytes = 24 * 1024 * 1024;
    const int FoldersAtOnce = 2000;
    const int BatchesAtOnce = 2;

    readonly ConcurrentBag<Skipped> skipped = [];
    int transferred;
    int unchanged;

    public async Task<FolderResult> RunAsync(string localFolder, RemotePath remote, CancellationToken ct)
    {
        var local = LocalTree.Read(localFolder, ct);
        foreach (var item in local.Skipped)
            skipped.Add(item);
        var space = await api.SpaceAsync(remote.Space, ct);
        var top = await RemoteFolders.EnsureAsync(api, space, remote, ct);
        var there = (await RemoteTree.BelowAsync(api, space.Id.ToString(), top, ct)).ToDictionary(item => item.Path, item => item.Node, StringComparer.Ordinal);
        var folders = await CreateFoldersAsync(space, top, local.Folders, there, ct);

        var small = new SmallFiles(api, clock, space.Id, folders, there, watch);
        var options = new ParallelOptions { MaxDegreeOfParallelism = BatchesAtOnce, CancellationToken = ct };
        await Parallel.ForEachAsync(Batches(local.Files.Where(file => file.Size <= SmallBytes && Placed(file.Path, folders))), options, async (batch, token) =>
        {
            var result = await small.SendAsync(batch, token);
            Interlocked.Add(ref transferred, result.Transferred);
            Interlocked.Add(ref unchanged, result.Unchanged);
            foreach (var item in result.Skipped)
                skipped.Add(item);
        });
        foreach (var file in local.Files.Where(file => file.Size > SmallBytes && Placed(file.Path, folders)))
            await LargeAsync(file, remote, ct);
        return new FolderResult(transferred, unchanged, [.. skipped.OrderBy(item => item.Path, StringComparer.Ordinal)]);
    }

    bool Placed(string path, Dictionary<string, NodeId> folders)
    {
        if (folders.ContainsKey(RemoteFolders.ParentOf(path)))
            return true;
        skipped.Add(new Skipped(path, "its folder could not be created"));
        return false;
    }

    async Task LargeAsync(LocalFile file, RemotePath remote, CancellationToken ct)
    {
        try
        {
            var target = file.Path.Split('/').Aggregate(remote, static (path, name) => path.Child(name));
            await new Upload(api, config, clock, watch).RunAsync(file.FullPath, target, ct);
            transferred++;
        }
        catch (Exception fault) when (CanSkip(fault))
        {
            skipped.Add(new Skipped(file.Path, fault.Message));
        }
    }

    /// <summary>Whether a failure concerns one file only, so that the others can go on.</summary>
    public static bool CanSkip(Exception fault) => fault switch
    {
        ApiException refused => refused.Status is 400 or 403 or 404 or 409 or 412 or 413 or 423,
        Terminal.Failure failure => failure.Exit != Terminal.ExitCode.Integrity,
        _ => fault is IOException or UnauthorizedAccessException,
    };

    static IEnumerable<IReadOnlyList<LocalFile>> Batches(IEnumerable<LocalFile> files)
    {
        var batch = new List<LocalFile>();
        long bytes = 0;
        foreach (var file in files)
        {
            if (batch.Count == BatchFiles || (batch.Count > 0 && bytes + file.Size > BatchBytes))
            {
                yield return batch;
                batch = [];
                bytes = 0;
            }
            batch.Add(file);
            bytes += file.Size;
        }
        if (batch.Count > 0)
            yield return batch;
    }

    /// <summary>Makes the folders that are missing; gives the node of each by its path, the top's under the empty one.</summary>
    async Task<Dictionary<string, NodeId>> CreateFoldersAsync(Space space, Node top, IReadOnlyList<string> paths, Dictionary<string, Node> there, CancellationToken ct)
    {
        var folders = new Dictionary<string, NodeId>(StringComparer.Ordinal) { [""] = top.Id };
        var missing = new List<(string Path, Operation Op)>();
        foreach (var path in paths.OrderBy(path => path, StringComparer.Ordinal))
        {
            if (!folders.TryGetValue(RemoteFolders.ParentOf(path), out var parent))
                continue;
            if (there.TryGetValue(path, out var node))
            {
                if (node.Kind == NodeKind.Folder)
                    folders[path] = node.Id;
                else
                    skipped.Add(new Skipped(path, "on the server a file has this name"));
                continue;
            }
            var made = NodeId.New();
            folders[path] = made;
            missing.Add((path, new Operation { Op = OperationKind.CreateFolder, NodeId = made, ParentId = parent, Name = RemoteFolders.NameOf(path) }));
        }
        foreach (var part in missing.Chunk(FoldersAtOnce))
            await api.CommitAsync(space.Id.ToString(), new Changeset(ChangesetId.New(), [.. part.Select(item => item.Op)], Environment.MachineName), ct);
        return folders;
    }
}
