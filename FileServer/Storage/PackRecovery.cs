using System.Buffers;
using FileServer.Protocol;
using FileServer.Protocol.Packs;
using Microsoft.Win32.SafeHandles;

namespace FileServer.Storage;

/// <summary>
/// At the start, before anything is written: seals what open and suspect packs hold. A pack that was open when its
/// process ended is never appended to again; its whole batches are copied into a new file, which takes its place.
/// </summary>
/// <remarks>
/// Copied rather than given a footer in place: after a failed sync the kernel may hold pages that the disk never got, and
/// only bytes that were read, compared with their names, written anew and synced are known to be there.
/// </remarks>
sealed partial class PackRecovery(PackFiles files, PackRows rows, ILogger<PackRecovery> logger)
{
    public async Task RunAsync(CancellationToken ct)
    {
        foreach (var pack in await rows.UnsealedAsync(ct))
        {
            try
            {
                await RecoverAsync(pack, ct);
            }
            catch (Exception e) when (e is DurableException or PackDamagedException)
            {
                // The server can serve everything else; readers of this pack are told when they meet it.
                Log.NotRecovered(logger, pack.Id, pack.SpaceId, e);
            }
        }
    }

    async Task RecoverAsync(PackRow pack, CancellationToken ct)
    {
        var committed = await rows.CommittedLengthAsync(pack.Id, ct);
        using var file = files.OpenPack(pack.SpaceId, pack.Id);
        if (file is null || (committed == 0 && RandomAccess.GetLength(file) <= PackFormat.HeaderSize))
        {
            if (committed > 0)
                throw new PackDamagedException("The file is gone, but the index names chunks in it.");
            files.RemovePack(pack.SpaceId, pack.Id);
            await rows.RemoveAsync(pack.Id, ct);
            return;
        }
        var (header, footer, isSealed) = PackFiles.ReadContents(file);
        if (PackFormat.HeaderSize + footer.BodyLength < committed)
            throw new PackDamagedException($"The index names chunks up to byte {committed}, but only {PackFormat.HeaderSize + footer.BodyLength} prove themselves.");
        if (isSealed && pack.State == PackState.Open)
            files.Settle(pack.SpaceId, pack.Id, file);
        else
            Rewrite(file, header, footer);
        await rows.SealAsync(pack.Id, footer.FileLength, ct);
        Log.Recovered(logger, pack.Id, pack.SpaceId, footer.FileLength);
    }

    void Rewrite(SafeFileHandle from, PackHeader header, PackFooter footer)
    {
        files.RemoveStaged(header.Pack);
        using var copy = files.CreateStaged(header.Pack);
        files.Durable.Write(copy, header.ToArray(), 0);
        var buffer = ArrayPool<byte>.Shared.Rent(PackFormat.MaxChunkSize);
        try
        {
            foreach (var (entry, start) in footer.Places())
            {
                var (offset, end) = (start, start + entry.Length);
                while (offset < end)
                {
                    var bytes = buffer.AsSpan(0, (int)Math.Min(end - offset, PackFormat.MaxChunkSize));
                    PackFiles.ReadExactly(from, offset, bytes);
                    if (entry.Kind == PackEntryKind.Chunk && Digest.Of(bytes) != entry.Hash)
                        throw new PackDamagedException($"The chunk {entry.Hash} at offset {offset} has other bytes than its name says.");
                    files.Durable.Write(copy, bytes, offset);
                    offset += bytes.Length;
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        files.Durable.Write(copy, footer.Encode(), PackFormat.HeaderSize + footer.BodyLength);
        files.Durable.Sync(copy);
        files.Replace(header.Space, header.Pack);
    }

    static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Information, Message = "Pack {Pack} of space {Space} was open when the server ended; sealed with {Length} bytes")]
        public static partial void Recovered(ILogger logger, PackId pack, SpaceId space, long length);

        [LoggerMessage(Level = LogLevel.Critical, Message = "Pack {Pack} of space {Space} could not be recovered; it is kept as it is. Run 'FileServer verify'")]
        public static partial void NotRecovered(ILogger logger, PackId pack, SpaceId space, Exception exception);
    }
}
