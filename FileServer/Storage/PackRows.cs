using FileServer.Database;
using FileServer.Protocol;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Storage;

/// <summary>What a pack's row says of it.</summary>
enum PackState : short
{
    /// <summary>Shared, being appended to.</summary>
    Open = 0,

    /// <summary>Complete, never written again.</summary>
    Sealed = 1,

    /// <summary>A sync failed: never written again; what was acknowledged before is saved into a new file at the next start.</summary>
    Suspect = 2,
}

/// <summary>A pack as its row has it.</summary>
sealed record PackRow(SpaceId SpaceId, PackId Id, PackState State, long Length);

/// <summary>
/// The rows of packs. A row is written before the file appears under its final name, so every file has a row, and
/// whatever a crash leaves can be found without walking the disk.
/// </summary>
sealed class PackRows(NpgsqlDataSource db, IOptions<StorageOptions> options)
{
    public Task AddAsync(SpaceId space, PackId pack, PackState state, long length, CancellationToken ct)
    {
        const string sql =
            """
            insert into packs (space_id, id, state, length, sealed_at, node_name)
            values (@space, @pack, @state, @length, case when @state = 1 then clock_timestamp() end, @node)
            on conflict (id) do nothing
            """;
        return db.ExecuteAsync(sql, new { space, pack, state = (short)state, length, node = options.Value.NodeName }, ct);
    }

    public Task SealAsync(PackId pack, long length, CancellationToken ct)
    {
        const string sql = "update packs set state = 1, length = @length, sealed_at = clock_timestamp() where id = @pack";
        return db.ExecuteAsync(sql, new { pack, length }, ct);
    }

    public Task SuspectAsync(PackId pack, CancellationToken ct)
    {
        const string sql = "update packs set state = 2 where id = @pack and state = 0";
        return db.ExecuteAsync(sql, new { pack }, ct);
    }

    /// <summary>Removes the row of a pack that has no file and that nothing names.</summary>
    public Task RemoveAsync(PackId pack, CancellationToken ct)
    {
        const string sql = "delete from packs p where p.id = @pack and not exists (select from chunks c where c.pack_id = p.id)";
        return db.ExecuteAsync(sql, new { pack }, ct);
    }

    /// <summary>Packs that were not sealed: open ones of a process that has ended, and suspect ones.</summary>
    public Task<List<PackRow>> UnsealedAsync(CancellationToken ct)
    {
        const string sql = "select space_id, id, state, length from packs where state <> 1 order by id";
        return db.QueryAsync<PackRow>(sql, null, ct);
    }

    /// <summary>The end of the last chunk that the index places in this pack; zero if it places none there.</summary>
    public Task<long> CommittedLengthAsync(PackId pack, CancellationToken ct)
    {
        const string sql = "select coalesce(max(pack_offset + length), 0) from chunks where pack_id = @pack";
        return db.QuerySingleAsync<long>(sql, new { pack }, ct);
    }
}
