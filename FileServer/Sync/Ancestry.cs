using FileServer.Database;
using FileServer.Files;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.Sync;

/// <summary>Some nodes and all that stands above them: whether they are live, and which scope decides about them.</summary>
sealed class Ancestry
{
    readonly Dictionary<Guid, Row> rows = [];
    readonly Dictionary<Guid, bool> live = [];
    readonly SpaceId space;

    Ancestry(SpaceId space) => this.space = space;

    /// <summary>One recursive statement; a node that many have above them is read once.</summary>
    public static async Task<Ancestry> OfAsync(NpgsqlConnection connection, SpaceId space, IEnumerable<Guid> nodes, CancellationToken ct)
    {
        var ancestry = new Ancestry(space);
        await ancestry.AddAsync(connection, nodes, ct);
        return ancestry;
    }

    /// <summary>Reads more nodes into it.</summary>
    public async Task AddAsync(NpgsqlConnection connection, IEnumerable<Guid> nodes, CancellationToken ct)
    {
        var ids = nodes.Where(node => !rows.ContainsKey(node)).Distinct().ToArray();
        if (ids.Length == 0)
            return;
        const string sql =
            """
            with recursive up (id, parent_id, kind, state, access_id) as (
                select n.id, n.parent_id, n.kind, n.state, n.access_id
                from nodes n
                where n.space_id = @space and n.id = any(@ids)
                union
                select n.id, n.parent_id, n.kind, n.state, n.access_id
                from up u
                join nodes n on n.space_id = @space and n.id = u.parent_id
            )
            select id, parent_id, kind::int as kind, state::int as state, access_id from up
            """;
        foreach (var row in await connection.QueryAsync<Row>(sql, new { space, ids }, ct))
            rows[row.Id] = row;
    }

    /// <summary>Neither the node nor anything above it is in the trash.</summary>
    public bool IsLive(Guid? node)
    {
        if (node is not { } id || !rows.TryGetValue(id, out var row))
            return false;
        if (live.TryGetValue(id, out var known))
            return known;
        // No place in the tree is deeper than the limit on depth, so this ends.
        return live[id] = row.State == NodeLife.Live && (id == space.Value || IsLive(row.ParentId));
    }

    /// <summary>The scope that decides about a node, or about a file that takes its folder's.</summary>
    public Guid? ScopeOf(Guid? ownScope, Guid? parent) => ownScope ?? (parent is { } id && rows.TryGetValue(id, out var folder) ? folder.AccessId : null);

    public Guid? ScopeOf(Guid node) => rows.TryGetValue(node, out var row) ? ScopeOf(row.AccessId, row.ParentId) : null;

    /// <summary>The scope of the folder that a node stands in.</summary>
    public Guid? ScopeAbove(Guid node) => rows.TryGetValue(node, out var row) && row.ParentId is { } parent ? ScopeOf(parent) : null;

    public bool IsFolder(Guid node) => rows.TryGetValue(node, out var row) && row.Kind == NodeKind.Folder;

    /// <summary>The node is this one or stands below it.</summary>
    public bool IsWithin(Guid? node, Guid top)
    {
        for (var at = node; at is { } id; at = rows.TryGetValue(id, out var row) ? row.ParentId : null)
        {
            if (id == top)
                return true;
        }
        return false;
    }

    sealed record Row(Guid Id, Guid? ParentId, NodeKind Kind, NodeLife State, Guid? AccessId);
}
