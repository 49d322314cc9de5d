using System.Buffers;
using FileServer.Database;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Protocol.Packs;
using Microsoft.Extensions.Options;
using Microsoft.Win32.SafeHandles;
using Npgsql;

namespace FileServer.Storage;

/// <summary>A content that stands whole in a staging file, behind a pack header, and is known chunk by chunk.</summary>
sealed record StagedContent(SpaceId Space, PackId Pack, SafeFileHandle File, long Size, Digest Sha256, IReadOnlyList<ChunkRef> Chunks);

/// <summary>Turns received contents into durable chunks, storing each chunk of a space once.</summary>
/// <remarks>
/// What happens to a staged content depends on how much of it the space has. All new: the file becomes a pack. Nothing
/// new: it is not needed. A little new: those chunks are appended to the shared pack. Much new: the file becomes a pack
/// too, however large, because copying it would make finishing take as long as the file is; the places of chunks that
/// stand elsewhere are listed as such and given back to the disk as holes.
/// </remarks>
sealed class ContentStore(
    PackFiles files, PackRows rows, OpenPacks openPacks, ChunkIndex index, NpgsqlDataSource db, IOptions<StorageOptions> options, TimeProvider clock)
{
    /// <summary>So many new bytes are rather copied than kept in a file full of holes.</summary>
    const int CopyAtMost = 4 * 1024 * 1024;

    const int DiskBlock = 4096;

    readonly Gather<Lookup, Dictionary<Digest, IndexedChunk>> lookups = new(asks => FindAsync(db, index, asks), atMost: 64);

    public PackFiles Files => files;

    public StorageOptions Options => options.Value;

    public TimeProvider Clock => clock;

    /// <summary>A content that was never staged: its new chunks go to the shared pack.</summary>
    public async Task<StoredContent> CompleteSmallAsync(SpaceId space, ReadOnlyMemory<byte> content, CancellationToken ct)
    {
        var chunks = new List<ChunkRef>();
        var pieces = new Dictionary<Digest, ReadOnlyMemory<byte>>();
        for (var rest = content; rest.Length > 0;)
        {
            var piece = rest[..FastCdc.FindCut(rest.Span)];
            var hash = Digest.Of(piece.Span);
            chunks.Add(new ChunkRef(hash, piece.Length));
            pieces.TryAdd(hash, piece);
            rest = rest[piece.Length..];
        }
        var known = await lookups.AskAsync(new Lookup(space, pieces.Keys), ct);
        var fresh = await AppendAsync(space, [.. pieces.Where(piece => !known.ContainsKey(piece.Key)).Select(piece => new FreshChunk(piece.Key, piece.Value))]);
        var sha256 = chunks.Count == 1 ? chunks[0].Hash : Digest.Of(content.Span);
        return new StoredContent(ContentId.Of(content.Length, chunks), content.Length, sha256, chunks, fresh);
    }

    /// <exception cref="SuspectPackException">The staged file cannot be made durable any more.</exception>
    public async Task<StoredContent> CompleteStagedAsync(StagedContent content, CancellationToken ct)
    {
        var known = await index.FindAsync(db, content.Space, content.Chunks.Select(chunk => chunk.Hash).ToHashSet(), ct);
        var fresh = new Dictionary<Digest, ChunkPlace>();
        var entries = new List<PackEntry>(content.Chunks.Count);
        long offset = PackFormat.HeaderSize, freshBytes = 0;
        foreach (var chunk in content.Chunks)
        {
            var isNew = !known.ContainsKey(chunk.Hash) && fresh.TryAdd(chunk.Hash, new ChunkPlace(content.Pack, offset, chunk.Size));
            entries.Add(isNew ? PackEntry.Chunk(chunk.Hash, chunk.Size) : PackEntry.Elsewhere(chunk.Hash, chunk.Size));
            freshBytes += isNew ? chunk.Size : 0;
            offset += chunk.Size;
        }
        var isWhole = fresh.Count == content.Chunks.Count;
        if (content.Size < Options.SmallUploadBytes || (!isWhole && freshBytes <= CopyAtMost))
            fresh = await CopyAsync(content, fresh);
        else
            await PublishAsync(content, new PackFooter(entries));
        return new StoredContent(ContentId.Of(content.Size, content.Chunks), content.Size, content.Sha256, content.Chunks, fresh);
    }

    /// <summary>What an upload stored that ended before a crash: its pack lists all chunks of the content. Null if there is no such pack.</summary>
    public StoredContent? FindCompleted(SpaceId space, PackId pack)
    {
        using var file = files.OpenPack(space, pack);
        if (file is null)
            return null;
        try
        {
            files.Settle(space, pack, file);
        }
        catch (DurableException e)
        {
            throw new SuspectPackException(e).ToRefusal();
        }
        var footer = PackFiles.ReadContents(file).Footer;
        var chunks = footer.Entries.Select(entry => new ChunkRef(entry.Hash, entry.Length)).ToArray();
        var fresh = footer.Places().Where(place => place.Entry.Kind == PackEntryKind.Chunk)
            .ToDictionary(place => place.Entry.Hash, place => new ChunkPlace(pack, place.Offset, place.Entry.Length));
        Digest? sha256 = chunks.Length == 1 ? chunks[0].Hash : null;
        return new StoredContent(ContentId.Of(footer.BodyLength, chunks), footer.BodyLength, sha256, chunks, fresh);
    }

    async Task PublishAsync(StagedContent content, PackFooter footer)
    {
        // The row first: a file whose row is missing would be found by nobody.
        await rows.AddAsync(content.Space, content.Pack, PackState.Sealed, footer.FileLength, CancellationToken.None);
        await Task.Run(() => Publish(content, footer), CancellationToken.None);
    }

    void Publish(StagedContent content, PackFooter footer)
    {
        var end = PackFormat.HeaderSize + content.Size;
        try
        {
            files.Durable.Write(content.File, footer.Encode(), end);
        }
        catch (DurableException e) when (e.IsDiskFull)
        {
            // The content itself is staged: asking again when there is space is enough.
            files.Durable.Truncate(content.File, end);
            throw Refusal.StorageFull(e);
        }
        try
        {
            files.Durable.Sync(content.File);
            files.Publish(content.Space, content.Pack);
        }
        catch (DurableException e)
        {
            files.Abandon(content.Space, content.Pack);
            throw new SuspectPackException(e);
        }
        // Only now: before, a crash would have left a staged content that reads as zeros here and there.
        foreach (var (entry, offset) in footer.Places())
        {
            var start = (offset + DiskBlock - 1) / DiskBlock * DiskBlock;
            var length = (offset + entry.Length) / DiskBlock * DiskBlock - start;
            if (entry.Kind == PackEntryKind.Elsewhere && length > 0)
                files.Durable.PunchHole(content.File, start, length);
        }
    }

    /// <summary>Reads the new chunks back from the staging file and appends them to the shared pack.</summary>
    async Task<Dictionary<Digest, ChunkPlace>> CopyAsync(StagedContent content, Dictionary<Digest, ChunkPlace> fresh)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Math.Max(1, fresh.Values.Sum(place => place.Length)));
        try
        {
            var chunks = new List<FreshChunk>();
            var used = 0;
            foreach (var (hash, place) in fresh)
            {
                var bytes = buffer.AsMemory(used, place.Length);
                PackFiles.ReadExactly(content.File, place.Offset, bytes.Span);
                chunks.Add(new FreshChunk(hash, bytes));
                used += place.Length;
            }
            return await AppendAsync(content.Space, chunks);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>What small contents that came at the same time have in common is one question for each space.</summary>
    static async Task<IReadOnlyList<Dictionary<Digest, IndexedChunk>>> FindAsync(NpgsqlDataSource db, ChunkIndex index, IReadOnlyList<Lookup> asks)
    {
        var known = new Dictionary<SpaceId, Dictionary<Digest, IndexedChunk>>();
        foreach (var space in asks.GroupBy(ask => ask.Space))
            known[space.Key] = await index.FindAsync(db, space.Key, space.SelectMany(ask => ask.Chunks).ToHashSet(), CancellationToken.None);
        return [.. asks.Select(ask => known[ask.Space])];
    }

    async Task<Dictionary<Digest, ChunkPlace>> AppendAsync(SpaceId space, List<FreshChunk> chunks)
    {
        if (chunks.Count == 0)
            return [];
        var places = await openPacks.AppendAsync(space, chunks);
        return chunks.Zip(places).ToDictionary(pair => pair.First.Hash, pair => pair.Second);
    }

    sealed record Lookup(SpaceId Space, IReadOnlyCollection<Digest> Chunks);
}
