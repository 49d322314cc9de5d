using FileServer.Database;
using FileServer.Http;
using FileServer.Protocol;
using Npgsql;

namespace FileServer.WebDav;

/// <summary>A property that a client has set; the server does not know what it means.</summary>
/// <param name="Value">The XML between its tags.</param>
sealed record KeptProperty(NodeId NodeId, string Namespace, string Local, string? Lang, string Value)
{
    public PropertyName Name => new(Namespace, Local);
}

/// <summary>Dead properties (RFC 4918 §4): they belong to the node, follow it when it moves, are copied with it and go with it.</summary>
static class KeptProperties
{
    public static readonly ILookup<NodeId, KeptProperty> None = Enumerable.Empty<KeptProperty>().ToLookup(kept => kept.NodeId);

    public static async Task<ILookup<NodeId, KeptProperty>> OfAsync(NpgsqlConnection connection, SpaceId space, Guid[] nodes, CancellationToken ct)
    {
        const string sql =
            """
            select p.node_id, p.namespace, p.name as local, p.lang, p.value
            from dav_properties p
            where p.space_id = @space and p.node_id = any(@nodes)
            order by p.node_id, p.namespace, p.name
            """;
        return (await connection.QueryAsync<KeptProperty>(sql, new { space, nodes }, ct)).ToLookup(kept => kept.NodeId);
    }

    /// <summary>Carries the instructions out in their order, in the caller's transaction.</summary>
    /// <exception cref="Refusal">There would be more than a resource may have.</exception>
    public static async Task ChangeAsync(
        NpgsqlConnection tx, SpaceId space, NodeId node, IReadOnlyList<PropertyChange> changes, int most, DateTimeOffset now, CancellationToken ct)
    {
        // The last instruction about a name is what stays (§9.2).
        var last = changes.GroupBy(change => change.Name).Select(group => group.Last()).ToArray();
        var set = last.Where(change => change.Value is not null).ToArray();
        const string sql =
            """
            with removed as (
                delete from dav_properties p
                using unnest(@goneNamespaces, @goneNames) as g (namespace, name)
                where p.space_id = @space and p.node_id = @node and p.namespace = g.namespace and p.name = g.name
            )
            insert into dav_properties (space_id, node_id, namespace, name, lang, value, set_at)
            select @space, @node, s.namespace, s.name, s.lang, s.value, @now
            from unnest(@namespaces, @names, @langs, @values) as s (namespace, name, lang, value)
            on conflict (space_id, node_id, namespace, name) do update set lang = excluded.lang, value = excluded.value, set_at = excluded.set_at
            """;
        var gone = last.Where(change => change.Value is null).ToArray();
        var args = new
        {
            space,
            node,
            now,
            goneNamespaces = gone.Select(change => change.Name.Namespace).ToArray(),
            goneNames = gone.Select(change => change.Name.Local).ToArray(),
            namespaces = set.Select(change => change.Name.Namespace).ToArray(),
            names = set.Select(change => change.Name.Local).ToArray(),
            langs = set.Select(change => change.Lang).ToArray(),
            values = set.Select(change => change.Value!).ToArray(),
        };
        await tx.ExecuteAsync(sql, args, ct);
        var count = await tx.QuerySingleAsync<long>("select count(*) from dav_properties where space_id = @space and node_id = @node", new { space, node }, ct);
        if (count > most)
            throw new Refusal(RefusalKind.StorageFull, $"A resource keeps at most {most} properties.") { Limit = most };
    }

    /// <summary>Copies get copies: what the originals have replaces what stood at their destinations.</summary>
    public static Task CopyAsync(NpgsqlConnection connection, SpaceId space, Guid[] from, Guid[] to, DateTimeOffset now, CancellationToken ct) =>
        connection.ExecuteAsync(
            """
            with gone as (
                delete from dav_properties p
                where p.space_id = @space and p.node_id = any(@to)
                    and not exists (
                        select from unnest(@from, @to) as pair (source, target)
                        join dav_properties o on o.space_id = @space and o.node_id = pair.source and o.namespace = p.namespace and o.name = p.name
                        where pair.target = p.node_id)
            )
            insert into dav_properties (space_id, node_id, namespace, name, lang, value, set_at)
            select @space, pair.target, o.namespace, o.name, o.lang, o.value, @now
            from unnest(@from, @to) as pair (source, target)
            join dav_properties o on o.space_id = @space and o.node_id = pair.source
            on conflict (space_id, node_id, namespace, name) do update set lang = excluded.lang, value = excluded.value, set_at = excluded.set_at
            """,
            new { space, from, to, now },
            ct);

    public static Task RemoveAsync(NpgsqlConnection connection, SpaceId space, NodeId node, CancellationToken ct) =>
        connection.ExecuteAsync("delete from dav_properties where space_id = @space and node_id = @node", new { space, node }, ct);
}
