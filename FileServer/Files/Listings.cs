using FileServer.Access;
using FileServer.Database;
using FileServer.Files.Locks;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Files;

/// <summary>Lists what stands in a folder, or everything below it, as far as the caller may list it.</summary>
sealed class Listings(NpgsqlDataSource db, AccessCheck access, NodeLocks locks, IOptions<DownloadOptions> options)
{
    const int UsualItems = 1000;
    const int FoldersAtOnce = 500;

    /// <summary>The node itself, with the tag that a change of it may be made conditional on.</summary>
    public async Task<Node> NodeAsync(HttpContext context, Caller caller, SpaceId space, NodeId node, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        var allowed = await access.RequireAsync(connection, caller, space, node, Rights.List, ct);
        var row = await RowAsync(connection, space, node, ct);
        context.Response.Headers.ETag = PathWriting.NodeTag(row);
        return row.ToNode(allowed.Rights, (await locks.FindAsync(connection, space, node, ct)).FirstOrDefault()?.View(caller));
    }

    static Task<NodeRow> RowAsync(NpgsqlConnection connection, SpaceId space, NodeId node, CancellationToken ct)
    {
        const string sql = $"select {NodeRow.Columns} from nodes n where n.space_id = @space and n.id = @node";
        return connection.QuerySingleAsync<NodeRow>(sql, new { space, node }, ct);
    }

    /// <summary>A page of a folder's children in the order of their folded names, which is the order of the index.</summary>
    public async Task<Page<Node>> ChildrenAsync(HttpContext context, Caller caller, SpaceId space, NodeId folder, int? limit, string? cursor, CancellationToken ct)
    {
        var size = Paging.Limit(limit, UsualItems, options.Value.MaxPageItems);
        var query = $"children {space} {folder}";
        var after = Paging.Start(cursor, query, parts: 1)?[0] ?? "";
        await using var connection = await db.OpenConnectionAsync(ct);
        var allowed = await access.RequireAsync(connection, caller, space, folder, Rights.List, ct);
        var sight = new Dictionary<Guid, Rights> { [allowed.Scope] = allowed.Rights };
        var visible = new List<(NodeRow Row, Rights Rights)>();
        // Hidden children must not leave gaps that could be counted, so the page is filled up behind them.
        for (var more = true; more && visible.Count <= size;)
        {
            var rows = await ChildRowsAsync(connection, space, folder, after, size + 1, ct);
            more = rows.Count > size;
            after = rows.Count > 0 ? rows[^1].NameKey : after;
            await LookAsync(connection, caller, space, sight, rows.Select(row => row.AccessId ?? allowed.Scope), ct);
            visible.AddRange(rows
                .Select(row => (row, sight[row.AccessId ?? allowed.Scope]))
                .Where(item => item.Item2.HasFlag(Rights.List)));
        }
        var held = await locks.OnAsync(connection, space, Cut(visible, size + 1).Select(item => item.Row.Id), ct);
        return Paging.Page(context, query, visible, size, item => item.Row.ToNode(item.Rights, Lock(held, item.Row, caller)), item => [item.Row.NameKey]);
    }

    static Task<List<NodeRow>> ChildRowsAsync(NpgsqlConnection connection, SpaceId space, NodeId folder, string after, int count, CancellationToken ct)
    {
        const string sql =
            $"""
            select {NodeRow.Columns}
            from nodes n
            where n.space_id = @space and n.parent_id = @folder and n.state = 0 and n.name_key > @after
            order by n.name_key
            limit @count
            """;
        return connection.QueryAsync<NodeRow>(sql, new { space, folder, after, count }, ct);
    }

    /// <summary>
    /// A page of everything live below a node; the node itself comes first. In the order of (folder id, folded name):
    /// both stay what they are while pages are fetched, and what moves meanwhile is in the change feed anyway.
    /// </summary>
    public async Task<Page<Node>> TreeAsync(HttpContext context, Caller caller, SpaceId space, NodeId top, int? limit, string? cursor, CancellationToken ct)
    {
        var size = Paging.Limit(limit, options.Value.MaxPageItems, options.Value.MaxPageItems);
        var query = $"tree {space} {top}";
        var start = Paging.Start(cursor, query, parts: 2);
        var after = start is null ? default : Guid.TryParse(start[0], out var id) ? id : throw Paging.Invalid();
        var name = start?[1] ?? "";
        await using var connection = await db.OpenConnectionAsync(ct);
        var allowed = await access.RequireAsync(connection, caller, space, top, Rights.List, ct);
        var sight = new Dictionary<Guid, Rights> { [allowed.Scope] = allowed.Rights };
        var folders = await FoldersAsync(connection, space, top, after, ct);
        await LookAsync(connection, caller, space, sight, folders.Select(folder => folder.AccessId), ct);
        var visible = new List<(NodeRow Row, Rights Rights)>();
        foreach (var batch in folders.Chunk(FoldersAtOnce))
        {
            var scopes = batch.ToDictionary(folder => folder.Id, folder => folder.AccessId);
            for (var more = true; more && visible.Count <= size;)
            {
                var rows = await TreeRowsAsync(connection, space, [.. scopes.Keys], after, name, size + 1, ct);
                more = rows.Count > size;
                (after, name) = rows.Count > 0 ? (rows[^1].ParentId!.Value.Value, rows[^1].NameKey) : (after, name);
                await LookAsync(connection, caller, space, sight, rows.Select(row => row.AccessId).OfType<Guid>(), ct);
                visible.AddRange(rows
                    .Select(row => (row, sight[row.AccessId ?? scopes[row.ParentId!.Value.Value]]))
                    .Where(item => item.Item2.HasFlag(Rights.List)));
            }
        }
        var held = await locks.OnAsync(connection, space, Cut(visible, size + 1).Select(item => item.Row.Id).Append(top), ct);
        var page = Paging.Page(
            context, query, visible, size, item => item.Row.ToNode(item.Rights, Lock(held, item.Row, caller)), item => [item.Row.ParentId.ToString()!, item.Row.NameKey]);
        return start is not null ? page : page with { Items = [(await RowAsync(connection, space, top, ct)).ToNode(allowed.Rights, held[top].FirstOrDefault()?.View(caller)), .. page.Items] };
    }

    /// <summary>The folders of a subtree from an id on, by an index that holds folders only.</summary>
    static Task<List<FolderRow>> FoldersAsync(NpgsqlConnection connection, SpaceId space, NodeId top, Guid from, CancellationToken ct)
    {
        const string sql =
            """
            with recursive folders (id, access_id) as (
                select n.id, n.access_id from nodes n where n.space_id = @space and n.id = @top and n.kind = 0
                union all
                select n.id, n.access_id
                from folders f
                join nodes n on n.space_id = @space and n.parent_id = f.id and n.kind = 0 and n.state = 0
            )
            select id, access_id from folders where id >= @from order by id
            """;
        return connection.QueryAsync<FolderRow>(sql, new { space, top, from }, ct);
    }

    static Task<List<NodeRow>> TreeRowsAsync(
        NpgsqlConnection connection, SpaceId space, Guid[] folders, Guid folder, string name, int count, CancellationToken ct)
    {
        const string sql =
            $"""
            select {NodeRow.Columns}
            from nodes n
            where n.space_id = @space and n.parent_id = any(@folders) and n.state = 0 and (n.parent_id, n.name_key) > (@folder, @name)
            order by n.parent_id, n.name_key
            limit @count
            """;
        return connection.QueryAsync<NodeRow>(sql, new { space, folders, folder, name, count }, ct);
    }

    /// <summary>Adds the caller's rights on scopes that were not looked at yet.</summary>
    async Task LookAsync(
        NpgsqlConnection connection, Caller caller, SpaceId space, Dictionary<Guid, Rights> sight, IEnumerable<Guid> scopes, CancellationToken ct)
    {
        var unseen = scopes.Where(scope => !sight.ContainsKey(scope)).ToHashSet();
        if (unseen.Count == 0)
            return;
        var rights = await access.OnScopesAsync(connection, caller, space, unseen, ct);
        foreach (var scope in unseen)
            sight[scope] = rights.GetValueOrDefault(scope);
    }

    static NodeLock? Lock(ILookup<NodeId, LockRow> held, NodeRow row, Caller caller) => held[row.Id].FirstOrDefault()?.View(caller);

    static List<T> Cut<T>(List<T> items, int count)
    {
        if (items.Count > count)
            items.RemoveRange(count, items.Count - count);
        return items;
    }

    /// <summary>A folder and the scope that decides about it and about the files in it.</summary>
    sealed record FolderRow(Guid Id, Guid AccessId);
}
