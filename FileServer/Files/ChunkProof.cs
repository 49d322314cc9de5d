using System.Buffers.Binary;
using FileServer.Access;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Packs;
using FileServer.Storage;
using Npgsql;

namespace FileServer.Files;

/// <summary>
/// Which chunks a changeset may name. Knowing a hash is no right (T-80): a chunk may be named by who sent its bytes to this
/// space and still holds the claim, by who may read everything in the space, and by who may read the file that first named it.
/// </summary>
sealed class ChunkProof
{
    readonly Dictionary<Digest, ChunkPlace> claimed = [];
    readonly Dictionary<Digest, IndexedChunk> indexed = [];
    readonly List<Claim> claims = [];

    /// <summary>Loads what is known about the chunks of these contents, locks those that stand in the index and revives condemned ones.</summary>
    public static async Task<ChunkProof> LoadAsync(
        NpgsqlConnection tx, AccessCheck access, ChunkIndex index, Caller caller, SpaceId space, IReadOnlyCollection<Content> contents, DateTimeOffset now, CancellationToken ct)
    {
        var proof = new ChunkProof();
        var named = contents.Where(content => content.Fresh is null).SelectMany(content => content.Chunks).Select(chunk => chunk.Hash).ToHashSet();
        // Whose bytes the caller has just sent as a whole file need no other proof.
        named.ExceptWith(contents.Where(content => content.Fresh is not null).SelectMany(content => content.Chunks).Select(chunk => chunk.Hash));
        if (named.Count > 0)
            await proof.LoadClaimsAsync(tx, caller, space, named, now, ct);
        var all = contents.SelectMany(content => content.Chunks).Select(chunk => chunk.Hash).ToHashSet();
        foreach (var (hash, found) in await index.FindAsync(tx, space, all, ct))
            proof.indexed[hash] = found;
        await proof.ForgetUnreadableAsync(tx, access, caller, space, named, ct);
        foreach (var gone in await index.ReviveAsync(tx, space, proof.indexed.Keys, ct))
            proof.indexed.Remove(gone);
        return proof;
    }

    /// <summary>Chunks of a content that stand nowhere, or nowhere that this caller may name: their bytes have to be sent.</summary>
    public IReadOnlyList<Digest> Missing(Content content)
    {
        List<Digest>? missing = null;
        foreach (var chunk in content.Chunks)
        {
            if (Place(content, chunk.Hash) is not { } place)
                (missing ??= []).Add(chunk.Hash);
            else if (place.Length != chunk.Size)
                throw Refusal.Invalid($"Chunk {chunk.Hash} has {place.Length} bytes, not {chunk.Size}.");
        }
        return missing is null ? [] : [.. missing.Distinct()];
    }

    /// <summary>Puts the chunks that these versions name into the index, and ends claims that are used up.</summary>
    public async Task WriteAsync(NpgsqlConnection tx, ChunkIndex index, Caller caller, SpaceId space, IEnumerable<NewVersion> versions, CancellationToken ct)
    {
        var added = new Dictionary<Digest, NewChunk>();
        foreach (var (node, content) in versions.Where(version => version.Content is not null).Select(version => (version.Row.NodeId, version.Content!)))
        {
            foreach (var chunk in content.Chunks.Where(chunk => !indexed.ContainsKey(chunk.Hash)))
                added.TryAdd(chunk.Hash, new NewChunk(chunk.Hash, Place(content, chunk.Hash)!.Value, node));
        }
        await index.AddAsync(tx, space, [.. added.Values], ct);
        await EndClaimsAsync(tx, index, caller, space, added.Keys, ct);
    }

    ChunkPlace? Place(Content content, Digest hash)
    {
        if (indexed.TryGetValue(hash, out var found))
            return found.Place;
        if (content.Fresh?.TryGetValue(hash, out var fresh) is true)
            return fresh;
        return content.Fresh is null && claimed.TryGetValue(hash, out var place) ? place : null;
    }

    async Task LoadClaimsAsync(NpgsqlConnection tx, Caller caller, SpaceId space, HashSet<Digest> named, DateTimeOffset now, CancellationToken ct)
    {
        // Locked, so that an expiry that runs at the same time cannot take the pack away between here and the commit.
        const string sql =
            """
            select c.pack_id, c.entries
            from pack_claims c
            where c.space_id = @space and c.user_id = @user and c.expires_at > @now
            for key share of c
            """;
        foreach (var row in await tx.QueryAsync<ClaimRow>(sql, new { space, user = caller.UserId, now }, ct))
        {
            var claim = new Claim(row.PackId, Entries(row.Entries));
            var offset = (long)PackFormat.HeaderSize;
            var used = false;
            foreach (var (hash, length) in claim.Entries)
            {
                if (named.Contains(hash))
                {
                    claimed.TryAdd(hash, new ChunkPlace(row.PackId, offset, length));
                    used = true;
                }
                offset += length;
            }
            if (used)
                claims.Add(claim);
        }
    }

    /// <summary>Drops chunks from sight that the caller only knows the hash of.</summary>
    async Task ForgetUnreadableAsync(NpgsqlConnection tx, AccessCheck access, Caller caller, SpaceId space, HashSet<Digest> named, CancellationToken ct)
    {
        var unproven = indexed.Where(chunk => named.Contains(chunk.Key) && !claimed.ContainsKey(chunk.Key)).ToArray();
        if (unproven.Length == 0)
            return;
        var sight = await access.SightAsync(tx, caller, space, ct);
        if (sight.SeesEverything)
            return;
        const string sql =
            """
            select n.id
            from nodes n
            left join nodes p on p.space_id = @space and p.id = n.parent_id
            where n.space_id = @space and n.id = any(@nodes) and n.state < 2 and coalesce(n.access_id, p.access_id) = any(@readable)
            """;
        var nodes = unproven.Select(chunk => chunk.Value.Node.Value).Distinct().ToArray();
        var readable = sight.Scopes.Where(scope => scope.Value.HasFlag(Rights.Read)).Select(scope => scope.Key).ToArray();
        var proven = (await tx.QueryAsync<NodeId>(sql, new { space, nodes, readable }, ct)).ToHashSet();
        foreach (var (hash, chunk) in unproven)
        {
            if (!proven.Contains(chunk.Node))
                indexed.Remove(hash);
        }
    }

    /// <summary>A claim ends when every chunk of its pack stands in the index, so that a long first sync does not carry all its claims along.</summary>
    async Task EndClaimsAsync(NpgsqlConnection tx, ChunkIndex index, Caller caller, SpaceId space, IReadOnlyCollection<Digest> added, CancellationToken ct)
    {
        var present = indexed.Keys.Concat(added).ToHashSet();
        var open = claims.SelectMany(claim => claim.Entries).Select(entry => entry.Hash).Where(hash => !present.Contains(hash)).ToHashSet();
        if (open.Count > 0)
            present.UnionWith((await index.FindAsync(tx, space, open, ct)).Keys);
        var done = claims.Where(claim => claim.Entries.All(entry => present.Contains(entry.Hash))).Select(claim => claim.Pack.Value).ToArray();
        if (done.Length > 0)
        {
            await tx.ExecuteAsync(
                "delete from pack_claims where space_id = @space and user_id = @user and pack_id = any(@done)", new { space, user = caller.UserId, done }, ct);
        }
    }

    static List<(Digest Hash, int Length)> Entries(byte[] entries)
    {
        var list = new List<(Digest, int)>(entries.Length / PackFormat.EntrySize);
        for (var at = 0; at + PackFormat.EntrySize <= entries.Length; at += PackFormat.EntrySize)
            list.Add((new Digest(entries.AsSpan(at, Digest.Size)), BinaryPrimitives.ReadInt32LittleEndian(entries.AsSpan(at + Digest.Size))));
        return list;
    }

    sealed record Claim(PackId Pack, List<(Digest Hash, int Length)> Entries);

    sealed record ClaimRow(PackId PackId, byte[] Entries);
}
