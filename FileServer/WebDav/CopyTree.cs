using FileServer.Access;
using FileServer.Database;
using FileServer.Files;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.WebDav;

/// <summary>Plans the copy of a file, a folder or a tree: what its author may not read is not there for the copy either.</summary>
sealed class CopyTree(NpgsqlDataSource db, AccessCheck access, IOptions<FilesOptions> options)
{
    /// <summary>Adds the operations that make the copies, folders before what is in them.</summary>
    /// <returns>Each original with its copy.</returns>
    /// <exception cref="Refusal">There is more than one changeset takes.</exception>
    public async Task<IReadOnlyList<(NodeId From, NodeId To)>> PlanAsync(Transfer transfer, List<Operation> operations, CancellationToken ct)
    {
        var top = transfer.Source.Node!;
        var rows = top.Kind == NodeKind.Folder && transfer.Deep ? await RowsAsync(transfer, ct) : [top];
        if (rows.Count + operations.Count > options.Value.MaxOperations)
            throw Refusal.TooLarge($"More than {options.Value.MaxOperations} files and folders are copied in parts: folder by folder.", options.Value.MaxOperations);
        var copies = new Dictionary<NodeId, NodeId>();
        foreach (var row in rows)
        {
            var isTop = row.Id == top.Id;
            // What stands in a folder that is not copied is not copied either.
            if (!isTop && !copies.ContainsKey(row.ParentId!.Value))
                continue;
            var copy = copies[row.Id] = NodeId.New();
            var parent = isTop ? transfer.Target.Folder!.Id : copies[row.ParentId!.Value];
            operations.Add(CopyOf(row, copy, parent, isTop ? transfer.Target.Name : row.Name));
        }
        return [.. copies.Select(pair => (pair.Key, pair.Value))];
    }

    static Operation CopyOf(NodeRow row, NodeId copy, NodeId parent, string name) => row.Kind switch
    {
        NodeKind.Folder => new Operation { Op = OperationKind.CreateFolder, NodeId = copy, ParentId = parent, Name = name, ModifiedAt = row.ModifiedAt },
        NodeKind.Symlink => new Operation { Op = OperationKind.CreateSymlink, NodeId = copy, ParentId = parent, Name = name, Target = row.Target, ModifiedAt = row.ModifiedAt },
        NodeKind.File => new Operation { Op = OperationKind.Copy, NodeId = copy, SourceId = row.Id, ParentId = parent, Name = name },
        _ => throw new ArgumentOutOfRangeException(nameof(row), row.Kind, "There is no such kind of node."),
    };

    /// <summary>The folder and all below it that the caller may read, level by level.</summary>
    async Task<List<NodeRow>> RowsAsync(Transfer transfer, CancellationToken ct)
    {
        const string sql =
            $"""
            with recursive down (id, hops) as (
                select n.id, 0 from nodes n where n.space_id = @space and n.id = @top
                union all
                select n.id, d.hops + 1
                from down d
                join nodes n on n.space_id = @space and n.parent_id = d.id and n.state = 0
                where d.hops < @deepest
            )
            select {NodeRow.Columns}
            from down d
            join nodes n on n.space_id = @space and n.id = d.id
            order by d.hops, n.id
            limit @most
            """;
        await using var connection = await db.OpenConnectionAsync(ct);
        var args = new { space = transfer.Space, top = transfer.Source.Node!.Id, deepest = options.Value.MaxDepth, most = options.Value.MaxOperations + 1 };
        var rows = await connection.QueryAsync<NodeRow>(sql, args, ct);
        var scopes = rows.Where(row => row.AccessId is not null).ToDictionary(row => row.Id, row => row.AccessId!.Value);
        var rights = await access.OnScopesAsync(connection, transfer.Call.Caller, transfer.Space, [.. scopes.Values.Distinct()], ct);
        const Rights needed = Rights.List | Rights.Read;
        return rows.FindAll(row => row.Id == transfer.Source.Node!.Id
            || (row.AccessId ?? (scopes.TryGetValue(row.ParentId!.Value, out var above) ? above : (Guid?)null)) is { } scope && (rights.GetValueOrDefault(scope) & needed) == needed);
    }
}
