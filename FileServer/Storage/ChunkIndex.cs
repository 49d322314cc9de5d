using FileServer.Database;
using FileServer.Protocol;
using Npgsql;

namespace FileServer.Storage;

/// <summary>The chunk index: in which pack, at which offset, a space's chunk stands. Rows come and go only with the versions that name them.</summary>
sealed class ChunkIndex
{
    /// <summary>Those of the chunks that the space has, undamaged. Condemned ones count: naming them again revives them.</summary>
    public async Task<Dictionary<Digest, IndexedChunk>> FindAsync(NpgsqlDataSource db, SpaceId space, IReadOnlyCollection<Digest> chunks, CancellationToken ct)
    {
        if (chunks.Count == 0)
            return [];
        await using var connection = await db.OpenConnectionAsync(ct);
        return await FindAsync(connection, space, chunks, ct);
    }

    /// <inheritdoc cref="FindAsync(NpgsqlDataSource, SpaceId, IReadOnlyCollection{Digest}, CancellationToken)"/>
    public async Task<Dictionary<Digest, IndexedChunk>> FindAsync(NpgsqlConnection connection, SpaceId space, IReadOnlyCollection<Digest> chunks, CancellationToken ct)
    {
        var found = new Dictionary<Digest, IndexedChunk>(chunks.Count);
        foreach (var part in chunks.Chunk(10_000))
        {
            const string sql =
                """
                select c.hash, c.pack_id, c.pack_offset, c.length, c.node_id
                from unnest(@hashes) as asked(hash)
                join chunks c on c.space_id = @space and c.hash = asked.hash
                where c.damaged_at is null
                """;
            var rows = await connection.QueryAsync<Row>(sql, new { space, hashes = Bytes(part) }, ct);
            foreach (var row in rows)
                found[new Digest(row.Hash)] = new IndexedChunk(new ChunkPlace(new PackId(row.PackId), row.PackOffset, row.Length), new NodeId(row.NodeId));
        }
        return found;
    }

    /// <summary>
    /// Adds chunks in the transaction that names them. One that is there already keeps its place, loses its condemnation,
    /// and takes the new place if its bytes were damaged. Rows are locked in the order of their hashes, so that
    /// transactions wait for each other but never in a circle.
    /// </summary>
    public async Task AddAsync(NpgsqlConnection tx, SpaceId space, IReadOnlyList<NewChunk> chunks, CancellationToken ct)
    {
        if (chunks.Count == 0)
            return;
        var sorted = chunks.DistinctBy(chunk => chunk.Hash).OrderBy(chunk => chunk.Hash).ToArray();
        foreach (var part in sorted.Chunk(10_000))
        {
            const string sql =
                """
                insert into chunks (space_id, hash, pack_id, pack_offset, length, node_id)
                select @space, hash, pack_id, pack_offset, length, node_id
                from unnest(@hashes, @packs, @offsets, @lengths, @nodes) as added(hash, pack_id, pack_offset, length, node_id)
                on conflict (space_id, hash) do update
                set condemned_at = null,
                    damaged_at = null,
                    pack_id = case when chunks.damaged_at is null then chunks.pack_id else excluded.pack_id end,
                    pack_offset = case when chunks.damaged_at is null then chunks.pack_offset else excluded.pack_offset end
                where chunks.condemned_at is not null or chunks.damaged_at is not null
                """;
            var args = new
            {
                space,
                hashes = part.Select(chunk => chunk.Hash.ToArray()).ToArray(),
                packs = part.Select(chunk => chunk.Place.Pack.Value).ToArray(),
                offsets = part.Select(chunk => chunk.Place.Offset).ToArray(),
                lengths = part.Select(chunk => chunk.Place.Length).ToArray(),
                nodes = part.Select(chunk => chunk.Node.Value).ToArray(),
            };
            await tx.ExecuteAsync(sql, args, ct);
        }
    }

    /// <summary>
    /// Locks the chunks that a version is about to name and revives condemned ones, in the order of their hashes.
    /// </summary>
    /// <returns>Those that the space does not have (any more): their bytes must be sent.</returns>
    public async Task<IReadOnlyList<Digest>> ReviveAsync(NpgsqlConnection tx, SpaceId space, IReadOnlyCollection<Digest> chunks, CancellationToken ct)
    {
        if (chunks.Count == 0)
            return [];
        var missing = new HashSet<Digest>(chunks);
        foreach (var part in missing.Order().ToArray().Chunk(10_000))
        {
            // The lock on each row makes a removal that runs at the same time wait, or shows its result here.
            const string sql =
                """
                with locked as materialized (
                    select c.hash, c.condemned_at
                    from chunks c
                    where c.space_id = @space and c.hash = any(@hashes) and c.damaged_at is null
                    order by c.hash
                    for no key update of c
                ), revived as (
                    update chunks c set condemned_at = null
                    from locked
                    where c.space_id = @space and c.hash = locked.hash and locked.condemned_at is not null
                )
                select hash from locked
                """;
            var rows = await tx.QueryAsync<byte[]>(sql, new { space, hashes = Bytes(part) }, ct);
            foreach (var row in rows)
                missing.Remove(new Digest(row));
        }
        return [.. missing];
    }

    /// <summary>Other bytes than the chunk's were found at this place: reads are refused until it is uploaded again.</summary>
    public Task MarkDamagedAsync(NpgsqlDataSource db, SpaceId space, Digest chunk, ChunkPlace place, CancellationToken ct)
    {
        const string sql =
            """
            update chunks set damaged_at = clock_timestamp()
            where space_id = @space and hash = @chunk and pack_id = @pack and pack_offset = @offset and damaged_at is null
            """;
        return db.ExecuteAsync(sql, new { space, chunk, pack = place.Pack, offset = place.Offset }, ct);
    }

    static byte[][] Bytes(Digest[] chunks) => [.. chunks.Order().Select(chunk => chunk.ToArray())];

    sealed record Row(byte[] Hash, Guid PackId, long PackOffset, int Length, Guid NodeId);
}
