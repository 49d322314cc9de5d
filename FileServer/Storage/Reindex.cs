using System.Text.Json;
using FileServer.Database;
using FileServer.Protocol;
using FileServer.Protocol.Packs;
using Npgsql;

namespace FileServer.Storage;

/// <summary>What <c>reindex</c> made.</summary>
/// <param name="Missing">Chunks that versions name but no pack holds.</param>
/// <param name="Unreadable">Packs that could not be read, each with the reason.</param>
sealed record ReindexReport(int Packs, long Chunks, long Missing, IReadOnlyList<string> Unreadable);

/// <summary>
/// <c>FileServer reindex</c>: makes the chunk index anew from the packs on disk. Only chunks that a version names are
/// indexed, because a row of the index is what keeps its bytes; whatever else the packs hold was condemned or never
/// committed, and its space comes back with the next repacking. Footers are believed: they carry a SHA-256 of their
/// own, and <c>verify</c> compares the bytes.
/// </summary>
/// <remarks>The server must not run meanwhile. Everything happens in one transaction: on any error the old index stays.</remarks>
sealed class Reindex(PackFiles files, NpgsqlDataSource db)
{
    const int Sound = 0;
    const int Damaged = 9;

    /// <summary>Makes the index anew and prints a summary.</summary>
    /// <returns>The exit code: 0 when every named chunk was found, 9 when not.</returns>
    public async Task<int> RunAsync(TextWriter output, bool json, CancellationToken ct)
    {
        var report = await RebuildAsync(ct);
        if (json)
        {
            await output.WriteLineAsync(JsonSerializer.Serialize(report, StorageJson.Default.ReindexReport));
        }
        else
        {
            foreach (var line in report.Unreadable)
                await output.WriteLineAsync(line);
            await output.WriteLineAsync($"{report.Chunks} chunks indexed from {report.Packs} packs; {report.Missing} chunks that versions name were not found.");
        }
        return report.Missing == 0 && report.Unreadable.Count == 0 ? Sound : Damaged;
    }

    public async Task<ReindexReport> RebuildAsync(CancellationToken ct)
    {
        var (packs, unreadable) = (0, new List<string>());
        var (chunks, missing) = await db.InTransactionAsync(
            async tx =>
            {
                await PrepareAsync(tx, ct);
                await foreach (var page in VersionChunks.ReadAllAsync(db, ct))
                    await NameAsync(tx, page, ct);
                foreach (var (space, pack) in files.Enumerate())
                {
                    if (await PlaceAsync(tx, space, pack, ct) is { } why)
                        unreadable.Add($"{pack} of space {space}: {why}");
                    else
                        packs++;
                }
                return await SwapAsync(tx, ct);
            },
            ct);
        return new ReindexReport(packs, chunks, missing, unreadable);
    }

    static Task PrepareAsync(NpgsqlConnection tx, CancellationToken ct)
    {
        const string sql =
            """
            set local statement_timeout = 0;
            lock table chunks in exclusive mode;
            create temp table named (space_id uuid, hash bytea, node_id uuid, revision bigint, primary key (space_id, hash)) on commit drop;
            create temp table placed (space_id uuid, hash bytea, pack_id uuid, pack_offset bigint, length integer) on commit drop;
            """;
        return tx.ExecuteAsync(sql, null, ct);
    }

    /// <summary>Notes what the versions name, each chunk with the node of the earliest one.</summary>
    static async Task NameAsync(NpgsqlConnection tx, IReadOnlyList<VersionChunks> page, CancellationToken ct)
    {
        var rows = page.SelectMany(version => (version.Chunks ?? []).Select(chunk => (version, chunk)))
            .OrderBy(row => row.version.Revision)
            .DistinctBy(row => (row.version.Space, row.chunk.Hash));
        foreach (var part in rows.Chunk(10_000))
        {
            const string sql =
                """
                insert into named (space_id, hash, node_id, revision)
                select * from unnest(@spaces, @hashes, @nodes, @revisions)
                on conflict (space_id, hash) do update
                set node_id = excluded.node_id, revision = excluded.revision
                where excluded.revision < named.revision
                """;
            var args = new
            {
                spaces = part.Select(row => row.version.Space.Value).ToArray(),
                hashes = part.Select(row => row.chunk.Hash.ToArray()).ToArray(),
                nodes = part.Select(row => row.version.Node.Value).ToArray(),
                revisions = part.Select(row => row.version.Revision).ToArray(),
            };
            await tx.ExecuteAsync(sql, args, ct);
        }
    }

    /// <returns>Why the pack cannot be read; null if it can.</returns>
    async Task<string?> PlaceAsync(NpgsqlConnection tx, SpaceId space, PackId pack, CancellationToken ct)
    {
        try
        {
            using var file = files.OpenPack(space, pack);
            if (file is null)
                return "the file went away";
            var (header, footer, isSealed) = PackFiles.ReadContents(file);
            if (header.Space != space || header.Pack != pack)
                return $"the file says that it is pack {header.Pack} of space {header.Space}";
            var places = footer.Places().Where(place => place.Entry.Kind == PackEntryKind.Chunk).ToArray();
            foreach (var part in places.Chunk(10_000))
                await PlaceAsync(tx, space, pack, part, ct);
            const string sql =
                """
                insert into packs (space_id, id, state, length, created_at, sealed_at)
                values (@space, @pack, @state, @length, @created, case when @state = 1 then clock_timestamp() end)
                on conflict (id) do update set state = excluded.state, length = excluded.length
                """;
            var state = isSealed ? PackState.Sealed : PackState.Open;
            await tx.ExecuteAsync(sql, new { space, pack, state = (short)state, length = isSealed ? footer.FileLength : 0, created = header.Created }, ct);
            return null;
        }
        catch (PackDamagedException e)
        {
            return e.Message;
        }
    }

    static Task PlaceAsync(NpgsqlConnection tx, SpaceId space, PackId pack, (PackEntry Entry, long Offset)[] places, CancellationToken ct)
    {
        const string sql =
            """
            insert into placed (space_id, hash, pack_id, pack_offset, length)
            select @space, hash, @pack, pack_offset, length from unnest(@hashes, @offsets, @lengths) as p(hash, pack_offset, length)
            """;
        var args = new
        {
            space,
            pack,
            hashes = places.Select(place => place.Entry.Hash.ToArray()).ToArray(),
            offsets = places.Select(place => place.Offset).ToArray(),
            lengths = places.Select(place => place.Entry.Length).ToArray(),
        };
        return tx.ExecuteAsync(sql, args, ct);
    }

    /// <summary>Of several copies of a chunk the one in the oldest pack counts, as it did when the chunk was first committed.</summary>
    static async Task<(long Chunks, long Missing)> SwapAsync(NpgsqlConnection tx, CancellationToken ct)
    {
        const string sql =
            """
            delete from chunks;
            insert into chunks (space_id, hash, pack_id, pack_offset, length, node_id)
            select distinct on (n.space_id, n.hash) n.space_id, n.hash, p.pack_id, p.pack_offset, p.length, n.node_id
            from named n join placed p on p.space_id = n.space_id and p.hash = n.hash
            order by n.space_id, n.hash, p.pack_id, p.pack_offset;
            """;
        await tx.ExecuteAsync(sql, null, ct);
        const string counts =
            """
            select (select count(*) from chunks) as chunks,
                   (select count(*) from named n where not exists (select from chunks c where c.space_id = n.space_id and c.hash = n.hash)) as missing
            """;
        return await tx.QuerySingleAsync<(long, long)>(counts, null, ct);
    }
}
