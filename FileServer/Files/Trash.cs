using System.Globalization;
using FileServer.Access;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.Files;

/// <summary>What was deleted from a space and can still come back: the top of each deleted subtree.</summary>
sealed class Trash(NpgsqlDataSource db, AccessCheck access)
{
    public async Task<Page<Node>> ListAsync(HttpContext context, Caller caller, SpaceId space, int? limit, string? cursor, CancellationToken ct)
    {
        var count = Paging.Limit(limit, 200, 1000);
        var query = $"trash {space}";
        var start = Paging.Start(cursor, query, 2);
        await using var connection = await db.OpenConnectionAsync(ct);
        var sight = await access.SightAsync(connection, caller, space, ct);
        const string sql =
            $"""
            select {NodeRow.Columns}
            from nodes n
            left join nodes p on p.space_id = @space and p.id = n.parent_id
            where n.space_id = @space and n.state = 1
                and (@before::bigint is null or (n.changed_revision, n.id) < (@before, @beforeId))
                and coalesce(n.access_id, p.access_id) = any(@listable)
            order by n.changed_revision desc, n.id desc
            limit @count
            """;
        var args = new
        {
            space,
            before = start is null ? (long?)null : Number(start[0]),
            beforeId = start is null ? Guid.Empty : Guid.TryParse(start[1], out var id) ? id : throw Paging.Invalid(),
            listable = sight.Listable,
            count = count + 1,
        };
        var rows = await connection.QueryAsync<NodeRow>(sql, args, ct);
        var scopes = await ScopesAsync(connection, space, rows, ct);
        return Paging.Page(
            context, query, rows, count, row => row.ToNode(sight.On(scopes[row.Id])), row => [row.ChangedRevision.ToString(CultureInfo.InvariantCulture), row.Id.ToString()]);
    }

    static long Number(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw Paging.Invalid();

    /// <summary>The scope that decides about each: its own, or that of the folder it was in.</summary>
    static async Task<Dictionary<NodeId, Guid>> ScopesAsync(NpgsqlConnection connection, SpaceId space, List<NodeRow> rows, CancellationToken ct)
    {
        const string sql =
            """
            select p.id, p.access_id as scope
            from nodes p
            where p.space_id = @space and p.id = any(@parents)
            """;
        var parents = rows.Where(row => row.AccessId is null).Select(row => row.ParentId!.Value.Value).Distinct().ToArray();
        var folders = (await connection.QueryAsync<FolderScope>(sql, new { space, parents }, ct)).ToDictionary(folder => folder.Id, folder => folder.Scope);
        return rows.ToDictionary(row => row.Id, row => row.AccessId ?? folders[row.ParentId!.Value]);
    }

    sealed record FolderScope(NodeId Id, Guid Scope);
}
