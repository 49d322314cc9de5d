using FileServer.Access;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Storage;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Files;

/// <summary>The contents that a file has had, for those who may read it.</summary>
sealed class FileVersions(NpgsqlDataSource db, AccessCheck access, ContentReader reader, IOptions<DownloadOptions> options)
{
    /// <summary>A page of versions, the newest first.</summary>
    public async Task<Page<FileVersion>> ListAsync(HttpContext context, Caller caller, SpaceId space, NodeId file, int? limit, string? cursor, CancellationToken ct)
    {
        var size = Paging.Limit(limit, 1000, options.Value.MaxPageItems);
        var query = $"versions {space} {file}";
        var before = Paging.Start(cursor, query, parts: 1) is [var position] ? Number(position) : int.MaxValue;
        await using var connection = await db.OpenConnectionAsync(ct);
        await access.RequireAsync(connection, caller, space, file, Rights.Read, ct);
        const string sql =
            """
            select v.number, v.size, v.content_id, v.sha256, v.modified_at, v.created_at, coalesce(u.name, '') as created_by, v.device, v.origin::int as origin,
                   v.comment, v.revision
            from versions v
            left join users u on u.id = v.created_by
            where v.space_id = @space and v.node_id = @file and v.number < @before
            order by v.number desc
            limit @count
            """;
        var rows = await connection.QueryAsync<VersionRow>(sql, new { space, file, before, count = size + 1 }, ct);
        return Paging.Page(context, query, rows, size, row => row.ToVersion(), row => [row.Number.ToString()]);
    }

    /// <summary>One version.</summary>
    public async Task<FileVersion> OneAsync(Caller caller, SpaceId space, NodeId file, int number, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        await access.RequireAsync(connection, caller, space, file, Rights.Read, ct);
        const string sql =
            """
            select v.number, v.size, v.content_id, v.sha256, v.modified_at, v.created_at, coalesce(u.name, '') as created_by, v.device, v.origin::int as origin,
                   v.comment, v.revision
            from versions v
            left join users u on u.id = v.created_by
            where v.space_id = @space and v.node_id = @file and v.number = @number
            """;
        var row = await connection.QuerySingleOrDefaultAsync<VersionRow>(sql, new { space, file, number }, ct);
        return row?.ToVersion() ?? throw Refusal.NotFound("version");
    }

    /// <summary>What is needed to send a version; the current one if none is named.</summary>
    public async Task<DownloadRow> ToSendAsync(NpgsqlConnection connection, Caller caller, SpaceId space, NodeId file, int? version, CancellationToken ct)
    {
        await access.RequireAsync(connection, caller, space, file, Rights.Read, ct);
        const string sql =
            """
            select n.id, n.name, v.number as version, v.size, v.content_id, v.sha256, v.created_at,
                   exists (
                       select from versions p
                       where p.space_id = v.space_id and p.node_id = v.node_id and p.number = v.number - 1
                           and date_trunc('second', p.created_at) = date_trunc('second', v.created_at)
                   ) as shares_second,
                   v.chunk_list
            from nodes n
            join versions v on v.space_id = n.space_id and v.node_id = n.id and v.number = coalesce(@version, n.version)
            where n.space_id = @space and n.id = @file
            """;
        return await connection.QuerySingleOrDefaultAsync<DownloadRow>(sql, new { space, file, version }, ct)
            ?? throw Refusal.NotFound(version is null ? "file" : "version");
    }

    /// <summary>The ordered chunks of a version: what a client needs to fetch only those that it lacks.</summary>
    public async Task<ChunkList> ChunksAsync(Caller caller, SpaceId space, NodeId file, int number, CancellationToken ct)
    {
        DownloadRow version;
        await using (var connection = await db.OpenConnectionAsync(ct))
            version = await ToSendAsync(connection, caller, space, file, number, ct);
        var map = await reader.MapAsync(db, space, version.ChunkList, ct);
        return new ChunkList(version.ContentId, version.Size, map.Chunks);
    }

    static int Number(string position) => int.TryParse(position, out var number) ? number : throw Paging.Invalid();

    /// <summary>A row of <c>versions</c> with its author's name.</summary>
    sealed record VersionRow(
        int Number,
        long Size,
        Digest ContentId,
        Digest? Sha256,
        DateTimeOffset ModifiedAt,
        DateTimeOffset CreatedAt,
        string CreatedBy,
        string? Device,
        Origin Origin,
        string? Comment,
        long Revision)
    {
        public FileVersion ToVersion() =>
            new(Number, Size, ContentId, Sha256, ModifiedAt, CreatedAt, CreatedBy, Device, Origin.ToString().ToLowerInvariant(), Comment, Revision);
    }
}
