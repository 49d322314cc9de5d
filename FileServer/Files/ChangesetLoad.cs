using FileServer.Access;
using FileServer.Database;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Storage;
using Npgsql;

namespace FileServer.Files;

/// <summary>Loads what a changeset touches, in a fixed handful of statements whatever the number of its operations. The space is locked.</summary>
sealed class ChangesetLoad(AccessCheck access, ChunkIndex index)
{
    public async Task<ChangesetWork> RunAsync(
        NpgsqlConnection tx, Caller caller, SpaceRow space, ChangesetRequest request, FilesOptions limits, DateTimeOffset now, CancellationToken ct)
    {
        var tree = new TouchedTree(space.Id, limits.MaxDepth);
        await AddNodesAsync(tx, tree, space.Id, request, ct);
        await AddHoldersAsync(tx, tree, space.Id, request, ct);
        var scopes = tree.All.Select(tree.ScopeBefore).ToHashSet();
        var uploads = await UploadsAsync(tx, caller, space.Id, request, ct);
        var contents = request.Operations.Select(op => op.Content).OfType<Content>().Concat(uploads.Values).ToArray();
        return new ChangesetWork(caller, space, request, tree, now)
        {
            RightsByScope = await access.GrantedAsync(tx, caller, space.Id, scopes, ct),
            Versions = await VersionsAsync(tx, tree, space.Id, request, ct),
            Uploads = uploads,
            Chunks = await ChunkProof.LoadAsync(tx, access, index, caller, space.Id, contents, now, ct),
        };
    }

    /// <summary>All nodes that the operations name, and all folders above them.</summary>
    static async Task AddNodesAsync(NpgsqlConnection tx, TouchedTree tree, SpaceId space, ChangesetRequest request, CancellationToken ct)
    {
        const string sql =
            $"""
            with recursive up (id, parent_id) as (
                select n.id, n.parent_id
                from nodes n
                where n.space_id = @space and n.id = any(@ids)
                union
                select p.id, p.parent_id
                from up u
                join nodes p on p.space_id = @space and p.id = u.parent_id
            )
            select {NodeRow.Columns}
            from up u
            join nodes n on n.space_id = @space and n.id = u.id
            """;
        var ids = new HashSet<Guid> { space.Value };
        foreach (var op in request.Operations)
        {
            ids.Add(op.NodeId.Value);
            if (op.Op.ParentId is { } parent)
                ids.Add(parent.Value);
            if (op.Op.SourceId is { } source)
                ids.Add(source.Value);
        }
        foreach (var row in await tx.QueryAsync<NodeRow>(sql, new { space, ids = ids.ToArray() }, ct))
            tree.Add(new TouchedNode(row, row));
    }

    /// <summary>The live nodes that now hold the names which the operations give.</summary>
    static async Task AddHoldersAsync(NpgsqlConnection tx, TouchedTree tree, SpaceId space, ChangesetRequest request, CancellationToken ct)
    {
        const string sql =
            $"""
            select {NodeRow.Columns}
            from unnest(@parents, @keys) as wanted (parent_id, name_key)
            join nodes n on n.space_id = @space and n.parent_id = wanted.parent_id and n.name_key = wanted.name_key and n.state = 0
            """;
        var wanted = new HashSet<(Guid Parent, string Key)>();
        foreach (var op in request.Operations.Where(op => op.Op.Op is not (OperationKind.Delete or OperationKind.SetMetadata or OperationKind.RestoreVersion)))
        {
            var row = tree.Find(op.NodeId)?.Before;
            var parent = op.Op.ParentId ?? row?.ParentId;
            var key = op.NameKey ?? row?.NameKey;
            if (key is not null && tree.Find(parent) is { } folder)
                wanted.Add((folder.Id.Value, key));
        }
        if (wanted.Count == 0)
            return;
        var args = new { space, parents = wanted.Select(place => place.Parent).ToArray(), keys = wanted.Select(place => place.Key).ToArray() };
        foreach (var row in await tx.QueryAsync<NodeRow>(sql, args, ct))
            tree.Add(new TouchedNode(row, row));
    }

    static async Task<Dictionary<(NodeId, int), VersionRow>> VersionsAsync(
        NpgsqlConnection tx, TouchedTree tree, SpaceId space, ChangesetRequest request, CancellationToken ct)
    {
        var wanted = new HashSet<(NodeId Node, int Number)>();
        foreach (var op in request.Operations)
        {
            if (op.Op.Op == OperationKind.RestoreVersion)
                wanted.Add((op.NodeId, op.Op.Version ?? 0));
            else if (op.Op.Op == OperationKind.Copy && tree.Find(op.Op.SourceId)?.Before is { } source)
                wanted.Add((source.Id, source.Version));
        }
        if (wanted.Count == 0)
            return [];
        const string sql =
            $"""
            select {VersionRow.Columns}
            from unnest(@nodes, @numbers) as wanted (node_id, number)
            join versions v on v.space_id = @space and v.node_id = wanted.node_id and v.number = wanted.number
            """;
        var args = new { space, nodes = wanted.Select(version => version.Node.Value).ToArray(), numbers = wanted.Select(version => version.Number).ToArray() };
        var rows = await tx.QueryAsync<VersionRow>(sql, args, ct);
        return rows.ToDictionary(row => (row.NodeId, row.Number));
    }

    /// <summary>What finished uploads of this caller hold. Each is locked until the commit, so that it becomes one version only.</summary>
    static async Task<Dictionary<Guid, Content>> UploadsAsync(NpgsqlConnection tx, Caller caller, SpaceId space, ChangesetRequest request, CancellationToken ct)
    {
        var ids = request.Operations.Select(op => op.Upload).OfType<Guid>().Distinct().ToArray();
        if (ids.Length == 0)
            return [];
        const string sql =
            """
            select u.id, u.content
            from uploads u
            where u.id = any(@ids) and u.user_id = @user and u.space_id = @space and u.kind = 0 and u.state = 1 and u.content is not null
            order by u.id
            for no key update of u
            """;
        var rows = await tx.QueryAsync<UploadRow>(sql, new { ids, user = caller.UserId, space }, ct);
        return rows.ToDictionary(row => row.Id, row => ChangesetRequest.Of(UploadedContent.Decode(row.Content)));
    }

    sealed record UploadRow(Guid Id, byte[] Content);
}
