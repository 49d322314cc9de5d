using FileServer.Database;
using FileServer.Protocol;
using Npgsql;

namespace FileServer.Files;

/// <summary>Finds the nodes that a path names.</summary>
static class Paths
{
    /// <summary>
    /// The live nodes along the path, the root folder first, as far as they are there: complete when there is one more
    /// than there are names. Says nothing about access: the caller checks the node it goes on with.
    /// </summary>
    /// <exception cref="FileServer.Http.Refusal">A name is not valid.</exception>
    public static Task<IReadOnlyList<NodeRow>> ResolveAsync(NpgsqlConnection connection, SpaceId space, IReadOnlyList<string> names, CancellationToken ct) =>
        ResolveAsync(connection, space, space.Root, names, ct);

    /// <summary>As from the root, but from another folder on; empty when that is not there. Whether the folders above it are live is not looked at.</summary>
    public static async Task<IReadOnlyList<NodeRow>> ResolveAsync(
        NpgsqlConnection connection, SpaceId space, NodeId from, IReadOnlyList<string> names, CancellationToken ct)
    {
        const string sql =
            $"""
            with recursive way (id, hops) as (
                select n.id, 0
                from nodes n
                where n.space_id = @space and n.id = @from and n.state = 0
                union all
                select n.id, w.hops + 1
                from way w
                join nodes n on n.space_id = @space and n.parent_id = w.id and n.name_key = (@keys)[w.hops + 1] and n.state = 0
            )
            select {NodeRow.Columns}
            from way w
            join nodes n on n.space_id = @space and n.id = w.id
            order by w.hops
            """;
        return await connection.QueryAsync<NodeRow>(sql, new { space, from, keys = names.Select(NodeName.KeyOf).ToArray() }, ct);
    }
}
