using FileServer.Access;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Files;

/// <summary>The states that a node has had: its names, places and versions by the revisions in which they held.</summary>
sealed class NodeStates(NpgsqlDataSource db, AccessCheck access, IOptions<DownloadOptions> options)
{
    /// <summary>
    /// A page of states, the present one first. A state that the node had where the caller may not look is left out: its
    /// name and place then are none of the caller's business.
    /// </summary>
    public async Task<Page<NodeState>> ListAsync(HttpContext context, Caller caller, SpaceId space, NodeId node, int? limit, string? cursor, CancellationToken ct)
    {
        var size = Paging.Limit(limit, 1000, options.Value.MaxPageItems);
        var query = $"history {space} {node}";
        var before = Paging.Start(cursor, query, parts: 1) is not [var position] ? long.MaxValue
            : long.TryParse(position, out var revision) ? revision : throw Paging.Invalid();
        await using var connection = await db.OpenConnectionAsync(ct);
        var allowed = await access.RequireAsync(connection, caller, space, node, Rights.List, ct);
        const string sql =
            """
            select s.*, coalesce(s.access_id, p.access_id) as scope, u.name as changed_by
            from (
                select n.changed_revision as from_revision, null::bigint as to_revision, n.changed_at as from_time, null::timestamptz as to_time,
                       n.parent_id, n.name, n.version, n.state <> 0 as trashed, n.access_id, n.changed_by as user_id
                from nodes n
                where n.space_id = @space and n.id = @node
                union all
                select h.from_revision, h.to_revision, h.from_at, h.to_at,
                       h.parent_id, h.name, h.version, h.state <> 0, h.access_id, h.changed_by
                from node_history h
                where h.space_id = @space and h.node_id = @node
            ) s
            left join nodes p on p.space_id = @space and p.id = s.parent_id
            left join users u on u.id = s.user_id
            where s.from_revision < @before
            order by s.from_revision desc
            limit @count
            """;
        var rows = await connection.QueryAsync<StateRow>(sql, new { space, node, before, count = size + 1 }, ct);
        var sight = await access.OnScopesAsync(connection, caller, space, [.. rows.Select(row => row.Scope).OfType<Guid>()], ct);
        var page = Paging.Page(context, query, rows, size, row => row, row => [row.FromRevision.ToString()]);
        return new Page<NodeState>(
            [.. page.Items.Where(row => row.ToRevision is null || (row.Scope is { } scope && Visible(scope))).Select(row => row.ToState())],
            page.Next);

        bool Visible(Guid scope) => scope == allowed.Scope || sight.GetValueOrDefault(scope).HasFlag(Rights.List);
    }

    /// <summary>A past or present state and the scope that decides about the place that it was in.</summary>
    sealed record StateRow(
        long FromRevision,
        long? ToRevision,
        DateTimeOffset FromTime,
        DateTimeOffset? ToTime,
        NodeId? ParentId,
        string Name,
        int Version,
        bool Trashed,
        Guid? AccessId,
        Guid UserId,
        Guid? Scope,
        string? ChangedBy)
    {
        public NodeState ToState() => new(FromRevision, ToRevision, FromTime, ToTime, ParentId, Name, Version, Trashed, ChangedBy);
    }
}
