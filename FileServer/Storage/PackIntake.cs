using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Protocol.Packs;
using Microsoft.Win32.SafeHandles;

namespace FileServer.Storage;

/// <summary>A pack that a client sent, verified and durable; its chunks are not in the index before a changeset names them.</summary>
/// <param name="Chunks">In pack order, back to back: see <see cref="PackIntake.PlacesOf"/>.</param>
sealed record TakenPack(PackId Pack, long Length, IReadOnlyList<ChunkRef> Chunks);

/// <summary>Takes packs that sync clients made: every hash is computed again before the pack is believed.</summary>
sealed class PackIntake(PackFiles files, PackRows rows, TimeProvider clock)
{
    /// <summary>
    /// Verifies the staged bytes, names them by space and pack id and moves them into place. Asking again after a crash
    /// finds the pack in place and answers the same. A pack that is not what it says is refused and dropped.
    /// </summary>
    /// <exception cref="Refusal">The pack is not what it says, is gone, or cannot be made durable.</exception>
    public async Task<TakenPack> VerifyAndStoreAsync(SpaceId space, PackId pack, CancellationToken ct)
    {
        using var file = OpenStaged(pack);
        if (file is null)
            return OpenStored(space, pack);
        TakenPack taken;
        try
        {
            taken = await Task.Run(() => Verify(file, pack, ct), ct);
        }
        catch (PackDamagedException e)
        {
            files.RemoveStaged(pack);
            throw new Refusal(RefusalKind.DigestMismatch, e.Message, e);
        }
        // The row first: a file whose row is missing would be found by nobody.
        await rows.AddAsync(space, pack, PackState.Sealed, taken.Length, CancellationToken.None);
        await Task.Run(() => Publish(file, space, pack), CancellationToken.None);
        return taken;
    }

    /// <summary>Where the chunks of a client's pack stand, in the order of the pack.</summary>
    public static IEnumerable<(ChunkRef Chunk, ChunkPlace Place)> PlacesOf(PackId pack, IEnumerable<ChunkRef> chunks)
    {
        long offset = PackFormat.HeaderSize;
        foreach (var chunk in chunks)
        {
            yield return (chunk, new ChunkPlace(pack, offset, chunk.Size));
            offset += chunk.Size;
        }
    }

    SafeFileHandle? OpenStaged(PackId pack)
    {
        try
        {
            return files.Durable.OpenFile(files.StagingPath(pack));
        }
        catch (DurableException e) when (e.ErrorNumber == Errno.NotFound)
        {
            return null;
        }
    }

    /// <summary>A pack that was put in place before a crash; its name may still have to be made durable.</summary>
    TakenPack OpenStored(SpaceId space, PackId pack)
    {
        using var file = files.OpenPack(space, pack) ?? throw new Refusal(RefusalKind.Gone, "The bytes of this upload are no longer here; begin it anew.");
        try
        {
            files.Settle(space, pack, file);
        }
        catch (DurableException e)
        {
            throw new SuspectPackException(e).ToRefusal();
        }
        var footer = PackFiles.ReadContents(file).Footer;
        return new TakenPack(pack, footer.FileLength, [.. footer.Entries.Select(entry => new ChunkRef(entry.Hash, entry.Length))]);
    }

    static TakenPack Verify(SafeFileHandle file, PackId pack, CancellationToken ct)
    {
        var (header, footer, _) = PackFiles.ReadContents(file);
        if (header.Kind != PackKind.Whole || footer.Entries.Any(entry => entry.Kind != PackEntryKind.Chunk))
            throw new PackDamagedException("A pack from a client holds chunks back to back and nothing else.");
        Digest? damaged = null;
        var degree = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = ct };
        Parallel.ForEach(footer.Places(), degree, (place, loop) =>
        {
            if (PackCheck.HasBytes(file, place.Entry.Hash, place.Offset, place.Entry.Length))
                return;
            damaged = place.Entry.Hash;
            loop.Stop();
        });
        if (damaged is not null)
            throw new PackDamagedException($"The bytes of chunk {damaged} do not have this SHA-256.");
        return new TakenPack(pack, footer.FileLength, [.. footer.Entries.Select(entry => new ChunkRef(entry.Hash, entry.Length))]);
    }

    /// <summary>The client could not know under which name its pack would stand: the header says so from now on.</summary>
    void Publish(SafeFileHandle file, SpaceId space, PackId pack)
    {
        try
        {
            files.Durable.Write(file, new PackHeader(space, pack, clock.GetUtcNow()).ToArray(), 0);
            files.Durable.Sync(file);
            files.Publish(space, pack);
        }
        catch (DurableException e)
        {
            files.Abandon(space, pack);
            throw new SuspectPackException(e).ToRefusal();
        }
    }
}
