using FileClient.Api;
using FileClient.Local;
using FileClient.Terminal;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Transfer;

/// <summary>Sends one file to the server as a new version: small ones in one request, large ones so that they can be resumed.</summary>
sealed class Upload(ApiClient api, ConfigFolder folder, TimeProvider clock, ITransferWatch watch)
{
    /// <summary>Up to this size one request carries everything, and losing it costs less than asking how far it got.</summary>
    public const long OneRequestBytes = 8 * 1024 * 1024;

    /// <summary>Uploads the file to this very path, creating missing folders, and proves that the server has its bytes.</summary>
    /// <returns>null if the caller may put files there but not see them.</returns>
    public async Task<Node?> RunAsync(string localPath, RemotePath remote, CancellationToken ct)
    {
        var handle = File.OpenHandle(localPath, FileMode.Open, FileAccess.Read, System.IO.FileShare.ReadWrite | System.IO.FileShare.Delete, FileOptions.Asynchronous | FileOptions.SequentialScan);
        using var source = new HashingSource(handle);
        var identity = FileIdentity.Of(handle);
        using var progress = watch.Begin(remote.ToString(), identity.Size);
        var node = identity.Size <= OneRequestBytes
            ? await api.PutAsync(remote, identity.Size, identity.ModifiedAt, Body(source, 0, identity.Size, progress), ct)
            : await ResumableAsync(Path.GetFullPath(localPath), remote, source, identity, progress, ct);
        var sha256 = await source.FinishAsync(identity.Size, ct);
        if (FileIdentity.Of(handle) != identity)
            throw new Failure(ExitCode.Failure, $"{localPath} was changed while it was sent: the new version may hold parts of both states.") { Hint = "Put it again." };
        if (node is null)
            return null;
        if (node.Size != identity.Size || (node.Sha256 is { } theirs && theirs != sha256))
            throw Failure.Integrity($"{remote} does not hold what was sent: SHA-256 here {sha256}, there {node.Sha256}.");
        return node.Executable == identity.Executable ? node : await MarkAsync(remote.Space, node, identity.Executable, ct);
    }

    // Neither door for whole files carries this bit.
    async Task<Node> MarkAsync(string space, Node node, bool executable, CancellationToken ct)
    {
        var operation = new Operation { Op = OperationKind.SetMetadata, NodeId = node.Id, Executable = executable };
        await api.CommitAsync(space, new Changeset(ChangesetId.New(), [operation], Environment.MachineName), ct);
        return node with { Executable = executable };
    }

    static Func<Watchdog, HttpContent> Body(HashingSource source, long offset, long count, IFileWatch progress)
    {
        long told = 0;
        return watchdog =>
        {
            // Sent again: what was counted before counts no longer.
            progress.Moved(-told);
            told = 0;
            return new UploadContent(source, offset, count, watchdog, bytes =>
            {
                told += bytes;
                progress.Moved(bytes);
            });
        };
    }

    async Task<Node?> ResumableAsync(string localPath, RemotePath remote, HashingSource source, FileIdentity identity, IFileWatch progress, CancellationToken ct)
    {
        using var memory = await UploadMemory.OpenAsync(folder, api.Server, remote, localPath, clock, ct);
        var begun = memory.Find(api.Server, remote, localPath, identity);
        var state = begun is null ? null : await FindAsync(begun.Url, ct);
        if (state is null || state.Length != identity.Size)
        {
            state = await api.CreateUploadAsync(identity.Size, Metadata(remote, identity), null, ct);
            memory.Save(api.Server, remote, localPath, identity, state.Url);
        }
        await source.CatchUpAsync(state.Offset, ct);
        progress.Moved(state.Offset);
        state = await SendRestAsync(state, source, identity.Size, progress, ct);
        memory.Forget();
        return await CommittedAsync(state, remote, ct);
    }

    async Task<UploadState> SendRestAsync(UploadState state, HashingSource source, long size, IFileWatch progress, CancellationToken ct)
    {
        var failures = 0;
        // An upload whose bytes are all there but which names no version was cut off between the two: an empty request finishes it.
        while (state.Offset < size || state.Location is null)
        {
            var from = state.Offset;
            long told = 0;
            void Told(long bytes)
            {
                told += bytes;
                progress.Moved(bytes);
            }

            try
            {
                state = await api.AppendUploadAsync(state.Url, from, watchdog => new UploadContent(source, from, size - from, watchdog, Told), ct);
                if (state.Offset >= size)
                    break;
            }
            catch (ApiException failure) when (failure.IsTemporary || failure.Code == "offset-mismatch")
            {
                var pause = api.Patience.PauseAfter(++failures, failure.RetryAfter) ?? throw Untiring(failure);
                await Task.Delay(pause, clock, ct);
                state = await api.UploadStateAsync(state.Url, ct);
            }
            progress.Moved(state.Offset - from - told);
            if (state.Offset > from)
                failures = 0;
        }
        return state;

        static ApiException Untiring(ApiException failure) =>
            new(failure.Exit, failure.Code, failure.Message, failure) { Status = failure.Status, Problem = failure.Problem, Hint = "Run the same command again: the upload goes on where it stopped." };
    }

    async Task<UploadState?> FindAsync(string url, CancellationToken ct)
    {
        try
        {
            return await api.UploadStateAsync(url, ct);
        }
        catch (ApiException gone) when (gone.Status is 403 or 404 or 410)
        {
            return null;
        }
    }

    async Task<Node?> CommittedAsync(UploadState state, RemotePath remote, CancellationToken ct)
    {
        try
        {
            return state.Location is { } location && NodeIn(location) is { } id ? await api.NodeAsync(remote.Space, id, null, ct) : await api.NodeAtAsync(remote, null, ct);
        }
        catch (ApiException unseen) when (unseen.Status is 403 or 404)
        {
            return null;
        }
    }

    /// <summary>The node that an address of the form <c>…/nodes/ID…</c> names.</summary>
    static NodeId? NodeIn(string location)
    {
        var parts = location.Split('/', '?');
        var at = Array.IndexOf(parts, "nodes");
        return at >= 0 && at + 1 < parts.Length && Guid.TryParse(parts[at + 1], out var id) ? new NodeId(id) : null;
    }

    static List<(string, string)> Metadata(RemotePath remote, FileIdentity identity) =>
        [
            ("space", remote.Space),
            ("filename", remote.Name),
            ("folder", "/"),
            ("relativePath", string.Join('/', remote.Names)),
            ("modifiedAt", identity.ModifiedAt.ToString("O")),
            ("device", Environment.MachineName),
        ];
}
