using FileClient.Api;
using FileClient.Local;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Protocol.Packs;

namespace FileClient.Transfer;

/// <summary>Sends many small files at once: their missing chunks as one pack, their versions as one changeset.</summary>
/// <param name="folders">Nodes of the folders by path.</param>
/// <param name="there">What stands on the server already, by path.</param>
sealed class SmallFiles(ApiClient api, TimeProvider clock, SpaceId spaceId, IReadOnlyDictionary<string, NodeId> folders, IReadOnlyDictionary<string, Node> there, ITransferWatch watch)
{
    readonly string space = spaceId.ToString();

    /// <summary>A file that was read, and the operation that makes it a version.</summary>
    sealed record Ready(LocalFile File, byte[] Bytes, IReadOnlyList<ChunkRef> Chunks, Operation Op);

    public async Task<FolderResult> SendAsync(IReadOnlyList<LocalFile> files, CancellationToken ct)
    {
        var skipped = new List<Skipped>();
        var ready = new List<Ready>();
        var unchanged = 0;
        using var progress = watch.Begin($"{files.Count} small files", files.Sum(file => file.Size));
        foreach (var file in files)
        {
            try
            {
                if (await ReadAsync(file, ct) is { } one)
                    ready.Add(one);
                else
                    unchanged++;
            }
            catch (Exception fault) when (FolderUpload.CanSkip(fault))
            {
                skipped.Add(new Skipped(file.Path, fault.Message));
            }
        }
        await SendBytesAsync(ready, ct);
        var committed = await CommitAsync(ready, skipped, ct);
        progress.Moved(files.Sum(file => file.Size));
        return new FolderResult(committed, unchanged, skipped);
    }

    /// <summary>Reads a file and makes its operation; null when the server has this very content.</summary>
    async Task<Ready?> ReadAsync(LocalFile file, CancellationToken ct)
    {
        using var handle = File.OpenHandle(file.FullPath, FileMode.Open, FileAccess.Read, System.IO.FileShare.ReadWrite | System.IO.FileShare.Delete, FileOptions.Asynchronous);
        var identity = FileIdentity.Of(handle);
        if (identity.Size != file.Size)
            throw new IOException("It was changed while the folder was read.");
        var bytes = new byte[identity.Size];
        for (var done = 0; done < bytes.Length;)
        {
            var read = await RandomAccess.ReadAsync(handle, bytes.AsMemory(done), done, ct);
            done += read > 0 ? read : throw new IOException("It became shorter while it was read.");
        }
        if (FileIdentity.Of(handle) != identity)
            throw new IOException("It was changed while it was read.");
        var chunks = ChunkSplitter.Split(bytes).ToArray();
        var present = there.GetValueOrDefault(file.Path);
        if (present is { Kind: not NodeKind.File })
            throw new IOException("On the server a folder has this name.");
        if (present is not null && present.ContentId == ContentId.Of(identity.Size, chunks) && present.Executable == identity.Executable)
            return null;
        return new Ready(file, bytes, chunks, new Operation
        {
            Op = OperationKind.PutFile,
            NodeId = present?.Id ?? NodeId.New(),
            ParentId = folders[RemoteFolders.ParentOf(file.Path)],
            Name = RemoteFolders.NameOf(file.Path),
            BaseVersion = present?.Version,
            Chunks = chunks,
            ModifiedAt = identity.ModifiedAt,
            Executable = identity.Executable,
        });
    }

    async Task SendBytesAsync(List<Ready> ready, CancellationToken ct)
    {
        var all = ready.SelectMany(one => one.Chunks).Select(chunk => chunk.Hash).Distinct().ToList();
        if (all.Count == 0)
            return;
        var missing = (await api.MissingChunksAsync(space, all, ct)).ToHashSet();
        await SendPackAsync(ready, missing, ct);
    }

    async Task SendPackAsync(List<Ready> ready, HashSet<Digest> missing, CancellationToken ct)
    {
        if (missing.Count == 0)
            return;
        var id = PackId.New();
        using var pack = new PackBuilder(new PackHeader(spaceId, id, clock.GetUtcNow()));
        foreach (var one in ready)
        {
            var offset = 0;
            foreach (var chunk in one.Chunks)
            {
                if (missing.Remove(chunk.Hash))
                    pack.Add(chunk.Hash, one.Bytes.AsSpan(offset, chunk.Size));
                offset += chunk.Size;
            }
        }
        await api.UploadPackAsync(space, id, pack.Finish(), ct);
    }

    /// <summary>Commits what can be; what stands in a conflict is left out and named, and the rest sent again.</summary>
    async Task<int> CommitAsync(List<Ready> ready, List<Skipped> skipped, CancellationToken ct)
    {
        var waiting = ready;
        while (waiting.Count > 0)
        {
            try
            {
                await api.CommitAsync(space, new Changeset(ChangesetId.New(), [.. waiting.Select(one => one.Op)], Environment.MachineName), ct);
                return waiting.Count;
            }
            catch (ApiException refused) when (refused.Conflicts.Count > 0)
            {
                var lost = refused.Conflicts.SelectMany(conflict => conflict.MissingChunks ?? []).ToHashSet();
                var hopeless = refused.Conflicts.Where(conflict => conflict.Code != "missing-chunks").ToDictionary(conflict => conflict.Index, conflict => conflict.Detail);
                skipped.AddRange(hopeless.Select(pair => new Skipped(waiting[pair.Key].File.Path, pair.Value)));
                if (hopeless.Count == 0 && lost.Count == 0)
                    throw;
                waiting = [.. waiting.Where((_, index) => !hopeless.ContainsKey(index))];
                await SendPackAsync(waiting, lost, ct);
            }
        }
        return 0;
    }
}
