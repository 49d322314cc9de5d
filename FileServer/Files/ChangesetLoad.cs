using FileServer.Access;
using FileServer.Database;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Storage;
using Npgsql;

namespace FileServer.Files;

/// <summary>Loads what changesets touch, in a fixed handful of statements whatever the number of their operations. The space is locked.</summary>
sealed class ChangesetLoad(AccessCheck access, ChunkIndex index)
{
    /// <returns>The works of these changesets, in their order.</returns>
    public async Task<IReadOnlyList<ChangesetWork>> RunAsync(
        NpgsqlConnection tx, SpaceRow space, IReadOnlyList<PendingCommit> together, FilesOptions limits, DateTimeOffset now, CancellationToken ct)
    {
        var trees = await TreesAsync(tx, space.Id, [.. together.Select(pending => pending.Request)], limits.MaxDepth, ct);
        var scopes = trees.ConvertAll(tree => tree.All.Select(tree.ScopeBefore).ToHashSet());
        var held = await access.HeldAsync(
            tx, [.. scopes.SelectMany(some => some).Distinct().Select(scope => (space.Id, scope))], [.. together.SelectMany(pending => AccessCheck.PrincipalsOf(pending.Caller)).Distinct()], ct);
        var uploads = await UploadsAsync(tx, space.Id, together, ct);
        var contents = together.SelectMany(pending => pending.Request.Operations).Select(op => op.Content).OfType<Content>().Concat(uploads.Values.Select(upload => upload.Content)).ToArray();
        // Only a changeset that goes alone may name chunks, so what is loaded about them may be shared.
        var chunks = together.Count == 0 ? null : await ChunkProof.LoadAsync(tx, access, index, together[0].Caller, space.Id, contents, now, ct);
        var works = new List<ChangesetWork>(together.Count);
        for (var i = 0; i < together.Count; i++)
        {
            var (caller, request) = (together[i].Caller, together[i].Request);
            works.Add(new ChangesetWork(caller, space, request, trees[i], now)
            {
                RightsByScope = scopes[i].ToDictionary(scope => scope, scope => held.On(caller, space.Id, scope)),
                Versions = await VersionsAsync(tx, trees[i], space.Id, request, ct),
                Uploads = uploads.Where(upload => upload.Value.User == caller.UserId).ToDictionary(upload => upload.Key, upload => upload.Value.Content),
                Chunks = chunks!,
            });
        }
        return works;
    }

    /// <summary>For each changeset the nodes that its operations name, those that hold the names which they give, and all folders above them.</summary>
    static async Task<List<TouchedTree>> TreesAsync(NpgsqlConnection tx, SpaceId space, IReadOnlyList<ChangesetRequest> requests, int maxDepth, CancellationToken ct)
    {
        var named = requests.Select(request => NamedBy(space, request)).ToArray();
        var rows = await NodesAsync(tx, space, named.SelectMany(ids => ids).ToHashSet(), ct);
        // What comes back from the trash takes a name that its changeset does not say.
        if (requests.Count > 1 && requests.SelectMany(request => request.Operations).Any(op => rows.GetValueOrDefault(op.NodeId) is { State: not NodeLife.Live }))
            throw new InvalidOperationException("A changeset brings a file back from the trash and has to go alone.");
        var places = requests.Select(request => PlacesOf(request, rows)).ToArray();
        var holders = await HoldersAsync(tx, space, places.SelectMany(wanted => wanted).ToHashSet(), ct);
        var trees = new List<TouchedTree>(requests.Count);
        for (var i = 0; i < requests.Count; i++)
        {
            var tree = new TouchedTree(space, maxDepth);
            foreach (var id in named[i])
            {
                for (var row = rows.GetValueOrDefault(new NodeId(id)); row is not null && tree.Find(row.Id) is null; row = row.ParentId is { } above ? rows.GetValueOrDefault(above) : null)
                    tree.Add(new TouchedNode(row, row));
            }
            foreach (var place in places[i])
            {
                if (holders.TryGetValue(place, out var holder))
                    tree.Add(new TouchedNode(holder, holder));
            }
            trees.Add(tree);
        }
        return trees;
    }

    static HashSet<Guid> NamedBy(SpaceId space, ChangesetRequest request)
    {
        var ids = new HashSet<Guid> { space.Value };
        foreach (var op in request.Operations)
        {
            ids.Add(op.NodeId.Value);
            if (op.Op.ParentId is { } parent)
                ids.Add(parent.Value);
            if (op.Op.SourceId is { } source)
                ids.Add(source.Value);
        }
        return ids;
    }

    /// <summary>These nodes and all folders above them.</summary>
    static async Task<Dictionary<NodeId, NodeRow>> NodesAsync(NpgsqlConnection tx, SpaceId space, HashSet<Guid> ids, CancellationToken ct)
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
        return (await tx.QueryAsync<NodeRow>(sql, new { space, ids = ids.ToArray() }, ct)).ToDictionary(row => row.Id);
    }

    /// <summary>The names that the operations give, with the folders they give them in.</summary>
    static HashSet<(NodeId Parent, string Key)> PlacesOf(ChangesetRequest request, Dictionary<NodeId, NodeRow> rows)
    {
        var wanted = new HashSet<(NodeId, string)>();
        foreach (var op in request.Operations.Where(op => op.Op.Op is not (OperationKind.Delete or OperationKind.SetMetadata or OperationKind.RestoreVersion)))
        {
            var row = rows.GetValueOrDefault(op.NodeId);
            var parent = op.Op.ParentId ?? row?.ParentId;
            var key = op.NameKey ?? row?.NameKey;
            if (key is not null && parent is { } folder && rows.ContainsKey(folder))
                wanted.Add((folder, key));
        }
        return wanted;
    }

    /// <summary>The live nodes that now hold these names.</summary>
    static async Task<Dictionary<(NodeId, string), NodeRow>> HoldersAsync(NpgsqlConnection tx, SpaceId space, HashSet<(NodeId Parent, string Key)> wanted, CancellationToken ct)
    {
        if (wanted.Count == 0)
            return [];
        const string sql =
            $"""
            select {NodeRow.Columns}
            from unnest(@parents, @keys) as wanted (parent_id, name_key)
            join nodes n on n.space_id = @space and n.parent_id = wanted.parent_id and n.name_key = wanted.name_key and n.state = 0
            """;
        var args = new { space, parents = wanted.Select(place => place.Parent.Value).ToArray(), keys = wanted.Select(place => place.Key).ToArray() };
        return (await tx.QueryAsync<NodeRow>(sql, args, ct)).ToDictionary(row => (row.ParentId!.Value, row.NameKey));
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

    /// <summary>What finished uploads hold, and whose they are. Each is locked until the commit, so that it becomes one version only.</summary>
    static async Task<Dictionary<Guid, (UserId User, Content Content)>> UploadsAsync(NpgsqlConnection tx, SpaceId space, IReadOnlyList<PendingCommit> together, CancellationToken ct)
    {
        var ids = together.SelectMany(pending => pending.Request.Operations).Select(op => op.Upload).OfType<Guid>().Distinct().ToArray();
        if (ids.Length == 0)
            return [];
        const string sql =
            """
            select u.id, u.user_id, u.content
            from uploads u
            where u.id = any(@ids) and u.space_id = @space and u.kind = 0 and u.state = 1 and u.content is not null
            order by u.id
            for no key update of u
            """;
        var rows = await tx.QueryAsync<UploadRow>(sql, new { ids, space }, ct);
        return rows.ToDictionary(row => row.Id, row => (row.UserId, ChangesetRequest.Of(UploadedContent.Decode(row.Content))));
    }

    sealed record UploadRow(Guid Id, UserId UserId, byte[] Content);
}
