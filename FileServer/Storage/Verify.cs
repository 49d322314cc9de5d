using System.Text.Json;
using FileServer.Database;
using FileServer.Protocol;
using FileServer.Protocol.Packs;
using Microsoft.Win32.SafeHandles;
using Npgsql;

namespace FileServer.Storage;

/// <summary>
/// <c>FileServer verify</c>: index, packs and rows must say the same. Every chunk of a version stands in the index; every
/// row of the index names a place that the pack's footer names too; the bytes there have the chunk's SHA-256.
/// </summary>
/// <remarks>May run beside a server: rows are read before the files that they name.</remarks>
sealed class Verify(PackFiles files, NpgsqlDataSource db)
{
    const int Sound = 0;
    const int Damaged = 9;
    const int PageSize = 1000;

    /// <summary>Compares everything and prints a summary.</summary>
    /// <returns>The exit code: 0 when all is sound, 9 when not.</returns>
    public async Task<int> RunAsync(TextWriter output, bool json, CancellationToken ct)
    {
        var report = await CompareAsync(ct);
        if (json)
        {
            await output.WriteLineAsync(JsonSerializer.Serialize(report, StorageJson.Default.VerifyReport));
            return report.IsSound ? Sound : Damaged;
        }
        foreach (var finding in report.Findings)
            await output.WriteLineAsync($"{finding.Code}: {finding.Subject} in space {finding.Space}: {finding.Detail}");
        await output.WriteLineAsync($"{report.Versions} versions, {report.Chunks} chunks ({report.Bytes} bytes) in {report.Packs} packs, {report.OrphanFiles} orphan files.");
        await output.WriteLineAsync(report.IsSound ? "Everything is as it should be." : $"{report.Problems} problem(s).");
        return report.IsSound ? Sound : Damaged;
    }

    public async Task<VerifyReport> CompareAsync(CancellationToken ct)
    {
        var report = new VerifyReport();
        await ComparePacksAsync(report, ct);
        await CountOrphansAsync(report, ct);
        await foreach (var page in VersionChunks.ReadAllAsync(db, ct))
            await CompareVersionsAsync(report, page, ct);
        return report;
    }

    async Task ComparePacksAsync(VerifyReport report, CancellationToken ct)
    {
        var last = Guid.Empty;
        while (true)
        {
            const string sql = "select space_id, id, state, length from packs where id > @last order by id limit @limit";
            var packs = await db.QueryAsync<PackRow>(sql, new { last, limit = PageSize }, ct);
            foreach (var pack in packs)
                await ComparePackAsync(report, pack, ct);
            if (packs.Count < PageSize)
                break;
            last = packs[^1].Id.Value;
        }
        const string unlisted =
            """
            select distinct c.space_id, c.pack_id as id, 1::smallint as state, -1::bigint as length
            from chunks c
            where not exists (select from packs p where p.id = c.pack_id)
            order by c.pack_id
            """;
        // Looks at every row of the index, which may take longer than a request is given.
        var rowless = await db.InTransactionAsync(
            async tx =>
            {
                await tx.ExecuteAsync("set local statement_timeout = 0", null, ct);
                return await tx.QueryAsync<PackRow>(unlisted, null, ct);
            },
            ct);
        foreach (var pack in rowless)
        {
            report.Add("missing-row", pack.SpaceId, pack.Id, "The index names chunks in it, but the pack has no row; 'reindex' makes one.");
            await ComparePackAsync(report, pack, ct);
        }
    }

    async Task ComparePackAsync(VerifyReport report, PackRow pack, CancellationToken ct)
    {
        var indexed = await IndexedAsync(pack.Id, ct);
        using var file = files.OpenPack(pack.SpaceId, pack.Id);
        if (file is null)
        {
            // A row without a file and without chunks is what a crash leaves before the file appears; or the pack went just now.
            if (indexed.Count > 0 && (await IndexedAsync(pack.Id, ct)).Count > 0)
                report.Add("missing-pack", pack.SpaceId, pack.Id, $"The index names {indexed.Count} chunks in it, but there is no such file.");
            return;
        }
        report.Packs++;
        report.Chunks += indexed.Count;
        var places = ReadPlaces(report, pack, file);
        foreach (var chunk in indexed)
        {
            if (places is not null && !places.Contains((chunk.Hash, chunk.PackOffset, chunk.Length)))
                report.Add("wrong-place", pack.SpaceId, chunk.Hash, $"The pack {pack.Id} lists no such chunk of {chunk.Length} bytes at {chunk.PackOffset}.");
        }
        var damaged = new System.Collections.Concurrent.ConcurrentBag<IndexRow>();
        await Task.Run(
            () => Parallel.ForEach(indexed, new ParallelOptions { CancellationToken = ct, MaxDegreeOfParallelism = Environment.ProcessorCount }, chunk =>
            {
                if (!PackCheck.HasBytes(file, chunk.Hash, chunk.PackOffset, chunk.Length))
                    damaged.Add(chunk);
            }),
            ct);
        report.Bytes += indexed.Sum(chunk => (long)chunk.Length);
        foreach (var chunk in damaged.OrderBy(chunk => chunk.PackOffset))
            report.Add("damaged-chunk", pack.SpaceId, chunk.Hash, $"Other bytes stand at {chunk.PackOffset} of pack {pack.Id}.");
    }

    static HashSet<(Digest Hash, long Offset, int Length)>? ReadPlaces(VerifyReport report, PackRow pack, SafeFileHandle file)
    {
        try
        {
            var (header, footer, isSealed) = PackFiles.ReadContents(file);
            if (header.Space != pack.SpaceId || header.Pack != pack.Id)
                report.Add("damaged-pack", pack.SpaceId, pack.Id, $"The file says that it is pack {header.Pack} of space {header.Space}.");
            if (pack.State == PackState.Sealed && !isSealed)
                report.Add("damaged-pack", pack.SpaceId, pack.Id, "The pack was sealed, but it has no sound footer.");
            if (pack.State == PackState.Sealed && pack.Length >= 0 && pack.Length != RandomAccess.GetLength(file))
                report.Add("wrong-length", pack.SpaceId, pack.Id, $"The file has {RandomAccess.GetLength(file)} bytes; its row says {pack.Length}.");
            return [.. footer.Places().Where(place => place.Entry.Kind == PackEntryKind.Chunk).Select(place => (place.Entry.Hash, place.Offset, place.Entry.Length))];
        }
        catch (PackDamagedException e)
        {
            report.Add("damaged-pack", pack.SpaceId, pack.Id, e.Message);
            return null;
        }
    }

    async Task CountOrphansAsync(VerifyReport report, CancellationToken ct)
    {
        foreach (var part in files.Enumerate().Select(file => file.Pack.Value).Chunk(PageSize))
        {
            const string sql = "select count(*) from packs where id = any(@part)";
            report.OrphanFiles += part.Length - (int)await db.QuerySingleAsync<long>(sql, new { part }, ct);
        }
    }

    async Task CompareVersionsAsync(VerifyReport report, IReadOnlyList<VersionChunks> page, CancellationToken ct)
    {
        foreach (var space in page.GroupBy(version => version.Space))
        {
            var known = await LengthsAsync(space.Key, space.SelectMany(version => version.Chunks ?? []).Select(chunk => chunk.Hash).ToHashSet(), ct);
            foreach (var version in space)
            {
                report.Versions++;
                var subject = $"{version.Node} version {version.Number}";
                if (version.Chunks is null)
                {
                    report.Add("unreadable-list", version.Space, subject, "Its chunk list, or a segment of it, is missing or damaged.");
                    continue;
                }
                if (version.Chunks.Sum(chunk => (long)chunk.Size) != version.Size || ContentId.Of(version.Size, version.Chunks) != version.ContentId)
                    report.Add("wrong-content-id", version.Space, subject, "Its size or content id is not that of its chunk list.");
                var missing = version.Chunks.Where(chunk => !known.TryGetValue(chunk.Hash, out var length) || length != chunk.Size).ToArray();
                if (missing.Length > 0)
                    report.Add("missing-chunk", version.Space, subject, $"{missing.Length} of its {version.Chunks.Count} chunks are not in the index; the first is {missing[0].Hash}.");
            }
        }
    }

    Task<List<IndexRow>> IndexedAsync(PackId pack, CancellationToken ct)
    {
        const string sql = "select hash, pack_offset, length from chunks where pack_id = @pack order by pack_offset";
        return db.QueryAsync<IndexRow>(sql, new { pack }, ct);
    }

    async Task<Dictionary<Digest, int>> LengthsAsync(SpaceId space, HashSet<Digest> chunks, CancellationToken ct)
    {
        var lengths = new Dictionary<Digest, int>(chunks.Count);
        foreach (var part in chunks.Chunk(10_000))
        {
            const string sql = "select hash, pack_offset, length from chunks where space_id = @space and hash = any(@part)";
            foreach (var row in await db.QueryAsync<IndexRow>(sql, new { space, part = part.Select(hash => hash.ToArray()).ToArray() }, ct))
                lengths[row.Hash] = row.Length;
        }
        return lengths;
    }

    sealed record IndexRow(Digest Hash, long PackOffset, int Length);
}
