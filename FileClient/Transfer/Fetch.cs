using FileClient.Api;
using FileClient.Terminal;
using FileServer.Protocol.Contracts;

namespace FileClient.Transfer;

/// <summary>Brings the bytes of one version in order, however often the connection breaks.</summary>
sealed class Fetch(ApiClient api, TimeProvider clock)
{
    const int BlockSize = 1024 * 1024;
    const int SmallestBlock = 64 * 1024;

    /// <param name="from">Offset of the first byte that is wanted.</param>
    /// <param name="take">Takes each block, one after the other; while it works, the next one arrives.</param>
    public async Task RunAsync(string space, Node node, long from, Action<ReadOnlyMemory<byte>> take, IFileWatch progress, CancellationToken ct)
    {
        var failures = 0;
        while (from < node.Size)
        {
            var start = from;
            try
            {
                // A version's content never changes, unless the server was restored from a backup: then everything would come from the start.
                using var content = await api.ContentAsync(space, node.Id, node.Version, from, null, from > 0 ? $"\"{node.ContentId}\"" : null, ct);
                if (content.Size != node.Size || content.From != from)
                    throw Failure.Integrity($"The content of {node.Name} on the server is no longer the one that was begun.");
                await CopyAsync(content.Body, block =>
                {
                    take(block);
                    from += block.Length;
                }, progress, ct);
                if (from < node.Size)
                    throw ApiException.Unreachable(api.Server, new EndOfStreamException("The answer ended too early."));
            }
            catch (ApiException failure) when (failure.IsTemporary)
            {
                failures = from > start ? 1 : failures + 1;
                if (api.Patience.PauseAfter(failures, failure.RetryAfter) is not { } pause)
                    throw;
                await Task.Delay(pause, clock, ct);
            }
        }
    }

    static async Task CopyAsync(Stream body, Action<ReadOnlyMemory<byte>> take, IFileWatch progress, CancellationToken ct)
    {
        byte[] filling = new byte[BlockSize], emptying = new byte[BlockSize];
        var taking = Task.CompletedTask;
        try
        {
            for (int read; (read = await body.ReadAtLeastAsync(filling, SmallestBlock, throwOnEndOfStream: false, ct)) > 0;)
            {
                await taking;
                (filling, emptying) = (emptying, filling);
                var block = emptying.AsMemory(0, read);
                taking = Task.Run(() => take(block), CancellationToken.None);
                progress.Moved(read);
            }
        }
        finally
        {
            // What has arrived is kept, also when the connection broke: the next attempt goes on behind it.
            await taking;
        }
    }
}
