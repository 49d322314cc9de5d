using System.Security.Cryptography;
using FileServer.Database;
using FileServer.Files;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.WebDav;

/// <summary>A row of <c>dav_ephemerals</c> without its bytes.</summary>
/// <param name="NodeId">Set where the row shows a version of a node instead of holding bytes.</param>
sealed record EphemeralRow(
    NodeId Id, NodeId FolderId, string Name, string NameKey, long Size, byte[] Etag, NodeId? NodeId, int? Version, DateTimeOffset CreatedAt, DateTimeOffset ModifiedAt)
{
    /// <summary>The columns in the order of this record, from <c>dav_ephemerals e</c>.</summary>
    public const string Columns = "e.id, e.folder_id, e.name, e.name_key, e.size, e.etag, e.node_id, e.version, e.created_at, e.modified_at";

    public DavEntry Entry => new(Id, Name, NodeKind.File, Size, Etag, ModifiedAt, CreatedAt, false);
}

/// <summary>
/// The files that programs make for themselves (<c>._x</c>, <c>.DS_Store</c>, <c>~$x.docx</c>): no version, no revision, no event. A row each, small and few;
/// whatever goes beyond becomes a file like any other.
/// </summary>
sealed class Ephemerals(NpgsqlDataSource db, TimeProvider clock, IOptions<WebDavOptions> options)
{
    public EphemeralNames Names { get; } = new(options.Value.EphemeralNames);

    public static Task<EphemeralRow?> FindAsync(NpgsqlConnection connection, SpaceId space, NodeId folder, string name, CancellationToken ct) =>
        connection.QuerySingleOrDefaultAsync<EphemeralRow>(
            $"""
            select {EphemeralRow.Columns}
            from dav_ephemerals e
            where e.space_id = @space and e.folder_id = @folder and e.name_key = @key
            """,
            new { space, folder, key = NodeName.KeyOf(name) },
            ct);

    /// <summary>All of a folder.</summary>
    public static Task<List<EphemeralRow>> InAsync(NpgsqlConnection connection, SpaceId space, NodeId folder, CancellationToken ct) =>
        connection.QueryAsync<EphemeralRow>(
            $"""
            select {EphemeralRow.Columns}
            from dav_ephemerals e
            where e.space_id = @space and e.folder_id = @folder
            order by e.name_key
            """,
            new { space, folder },
            ct);

    /// <summary>The bytes that a row holds.</summary>
    public Task<byte[]?> BytesAsync(SpaceId space, NodeId id, CancellationToken ct) =>
        db.QuerySingleOrDefaultAsync<byte[]>("select content from dav_ephemerals where space_id = @space and id = @id", new { space, id }, ct);

    /// <summary>Keeps the bytes under the name, if the space has room for one more such file.</summary>
    /// <returns>The row; null when it must become a file like any other.</returns>
    public Task<EphemeralRow?> PutAsync(Caller caller, SpaceId space, NodeId folder, string name, byte[] content, DateTimeOffset? modifiedAt, CancellationToken ct)
    {
        const string sql =
            $"""
            with held as (
                select count(*) as files, coalesce(sum(o.size), 0) as bytes
                from dav_ephemerals o
                where o.space_id = @space and not (o.folder_id = @folder and o.name_key = @key)
            ), e as (
                insert into dav_ephemerals (space_id, folder_id, name_key, id, name, size, etag, content, created_at, modified_at, written_at, written_by)
                select @space, @folder, @key, @id, @name, @size, @etag, @content, @now, @modifiedAt, @now, @user
                from held
                where held.files < @mostFiles and held.bytes + @size <= @mostBytes
                on conflict (space_id, folder_id, name_key) do update
                set size = excluded.size, etag = excluded.etag, content = excluded.content, node_id = null, version = null, modified_at = excluded.modified_at,
                    written_at = excluded.written_at, written_by = excluded.written_by
                returning *
            )
            select {EphemeralRow.Columns} from e
            """;
        var now = clock.GetUtcNow();
        var args = new
        {
            space,
            folder,
            key = NodeName.KeyOf(name),
            id = NodeId.New(),
            name = NodeName.Normalize(name),
            size = content.LongLength,
            etag = SHA256.HashData(content),
            content,
            now,
            modifiedAt = modifiedAt ?? now,
            user = caller.UserId,
            mostFiles = (long)options.Value.MaxEphemerals,
            mostBytes = (decimal)options.Value.MaxEphemeralSpaceBytes,
        };
        return db.QuerySingleOrDefaultAsync<EphemeralRow>(sql, args, ct);
    }

    /// <summary>Shows a version of a node under this name, in place of whatever such file was there.</summary>
    public static Task ShowAsync(NpgsqlConnection connection, Caller caller, SpaceId space, NodeId folder, string name, NodeRow file, DateTimeOffset now, CancellationToken ct) =>
        connection.ExecuteAsync(
            """
            insert into dav_ephemerals (space_id, folder_id, name_key, id, name, size, etag, node_id, version, created_at, modified_at, written_at, written_by)
            values (@space, @folder, @key, @id, @name, @size, @etag, @node, @version, @now, @modifiedAt, @now, @user)
            on conflict (space_id, folder_id, name_key) do update
            set size = excluded.size, etag = excluded.etag, content = null, node_id = excluded.node_id, version = excluded.version,
                modified_at = excluded.modified_at, written_at = excluded.written_at, written_by = excluded.written_by
            """,
            new
            {
                space,
                folder,
                key = NodeName.KeyOf(name),
                id = NodeId.New(),
                name = NodeName.Normalize(name),
                size = file.Size,
                etag = file.ContentId!.Value.ToArray(),
                node = file.Id,
                version = file.Version,
                now,
                modifiedAt = file.ModifiedAt,
                user = caller.UserId,
            },
            ct);

    /// <summary>Another name or folder, in place of whatever such file was there.</summary>
    public Task MoveAsync(SpaceId space, NodeId id, NodeId folder, string name, CancellationToken ct) => db.InTransactionAsync(
        async tx =>
        {
            var args = new { space, id, folder, key = NodeName.KeyOf(name), name = NodeName.Normalize(name) };
            await tx.ExecuteAsync("delete from dav_ephemerals where space_id = @space and folder_id = @folder and name_key = @key and id <> @id", args, ct);
            await tx.ExecuteAsync("update dav_ephemerals set folder_id = @folder, name_key = @key, name = @name where space_id = @space and id = @id", args, ct);
            await tx.ExecuteAsync("delete from node_locks where space_id = @space and node_id = @id", args, ct);
        },
        ct);

    /// <summary>The row, with its locks and properties.</summary>
    public static async Task RemoveAsync(NpgsqlConnection connection, SpaceId space, NodeId id, CancellationToken ct)
    {
        const string sql =
            """
            with locks as (delete from node_locks where space_id = @space and node_id = @id),
            properties as (delete from dav_properties where space_id = @space and node_id = @id)
            delete from dav_ephemerals where space_id = @space and id = @id
            """;
        await connection.ExecuteAsync(sql, new { space, id }, ct);
    }

    /// <summary>Drops what nobody has written for long, and departures that count no more.</summary>
    /// <returns>How many files were dropped.</returns>
    public async Task<long> SweepAsync(CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        const string sql =
            """
            with departed as (
                delete from dav_departures where left_at < @departed
            ), dropped as (
                delete from dav_ephemerals where written_at < @dropped returning space_id, id
            ), properties as (
                delete from dav_properties p using dropped d where p.space_id = d.space_id and p.node_id = d.id
            )
            select count(*) from dropped
            """;
        return await db.QuerySingleAsync<long>(
            sql, new { departed = now.AddSeconds(-options.Value.SafeSaveSeconds), dropped = now.AddDays(-options.Value.EphemeralDays) }, ct);
    }
}
