using FileServer.Database;
using FileServer.Http;
using FileServer.Protocol;
using Npgsql;

namespace FileServer.Access;

/// <summary>The ETag of the grants that decide about a node: another one whenever one is given or ends, there or above, or inheritance changes.</summary>
static class GrantTags
{
    public static async Task<string> OfAsync(NpgsqlConnection connection, SpaceId space, NodeId node, Guid scope, CancellationToken ct)
    {
        const string sql =
            """
            with recursive chain (node_id, parent_scope, inherits) as (
                select s.node_id, s.parent_scope, s.inherits
                from access_scopes s
                where s.space_id = @space and s.node_id = @scope
                union all
                select s.node_id, s.parent_scope, s.inherits
                from chain c
                join access_scopes s on s.space_id = @space and s.node_id = c.parent_scope
            )
            select c.node_id::text || c.inherits::text || coalesce(string_agg(g.id::text, ',' order by g.id), '')
            from chain c
            left join grants g on g.space_id = @space and g.node_id = c.node_id and g.to_revision is null
            group by c.node_id, c.inherits
            order by c.node_id
            """;
        return EntityTags.Of([node, .. await connection.QueryAsync<string>(sql, new { space, scope }, ct)]);
    }
}
