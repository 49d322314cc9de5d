using FileServer.Access;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using Npgsql;

namespace FileServer.Files;

/// <summary>
/// Where a path leads, and what the caller may do along it. Requests that come at the same time are looked up together, so
/// that many clients with small files cost the database a few statements and not a few each.
/// </summary>
sealed class PathLookup
{
    const int MostTogether = 64;

    readonly NpgsqlDataSource db;
    readonly AccessCheck access;
    readonly TimeProvider clock;
    readonly Gather<Ask, FoundPath?> gather;

    public PathLookup(NpgsqlDataSource db, AccessCheck access, TimeProvider clock)
    {
        this.db = db;
        this.access = access;
        this.clock = clock;
        gather = new(FindAsync, MostTogether);
    }

    /// <summary>The live nodes along a path in a space, as far as they are there, with the caller's rights on each. What the rights allow is for the caller of this method to see.</summary>
    /// <exception cref="Refusal">There is no such space for this caller, or a name is not valid.</exception>
    public async Task<FoundPath> FindAsync(Caller caller, string space, IReadOnlyList<string> names, CancellationToken ct)
    {
        // The database takes no such text, and no space is called so.
        if (space.Contains('\0'))
            throw Refusal.NotFound("space");
        var ask = new Ask(caller, Guid.TryParse(space, out var id) ? id : null, NameRules.FoldKey(space), [.. names.Select(NodeName.KeyOf)]);
        return await gather.AskAsync(ask, ct) ?? throw Refusal.NotFound("space");
    }

    async Task<IReadOnlyList<FoundPath?>> FindAsync(IReadOnlyList<Ask> asks)
    {
        // The answers belong to many requests: none of their tokens may end it for the others.
        await using var connection = await db.OpenConnectionAsync(CancellationToken.None);
        var spaces = await SpacesAsync(connection, asks);
        var ways = await WaysAsync(connection, asks, spaces);
        var scopes = ways.SelectMany((way, i) => way.Select((_, hop) => (spaces[i]!.Id, ScopeAt(way, hop)))).ToHashSet();
        var principals = asks.SelectMany(ask => ask.Caller.Principals).Append(Guid.Empty).ToHashSet();
        var held = await access.HeldAsync(connection, scopes, principals, CancellationToken.None);
        return [.. asks.Select((ask, i) => spaces[i] is { } space ? new FoundPath(space, ways[i], RightsAlong(ask.Caller, space.Id, ways[i], held)) : null)];
    }

    /// <summary>The scope that decides about the node so many names down: its own or its folder's.</summary>
    static Guid ScopeAt(List<NodeRow> way, int hop) => way[hop].AccessId ?? way[hop - 1].AccessId!.Value;

    static Rights[] RightsAlong(Caller caller, SpaceId space, List<NodeRow> way, HeldGrants held)
    {
        var rights = new Rights[way.Count];
        var reached = caller.Scope?.Node is null;
        for (var hop = 0; hop < way.Count; hop++)
        {
            reached |= caller.Scope?.Node == way[hop].Id;
            rights[hop] = reached ? held.On(caller, space, ScopeAt(way, hop)) : Rights.None;
        }
        return rights;
    }

    /// <summary>The space that each asks for, if its caller may see it.</summary>
    async Task<SpaceRow?[]> SpacesAsync(NpgsqlConnection connection, IReadOnlyList<Ask> asks)
    {
        const string sql =
            $"""
            select asked.at, {SpaceRow.Columns}
            from unnest(@at, @ids, @keys, @within, @admins) as asked (at, id, key, within, admin)
            cross join lateral (
                select *
                from spaces s
                where s.deleted_at is null and (s.id = asked.id or s.name_key = asked.key) and (asked.within is null or s.id = asked.within)
                    and (asked.admin or exists (
                        select
                        from unnest(@principalsOf, @principals) as p (at, id)
                        join grants g on g.space_id = s.id and g.principal_id = p.id
                        where p.at = asked.at and g.to_revision is null and (g.expires_at is null or g.expires_at > @now)))
                order by (s.id = asked.id) desc nulls last
                limit 1
            ) s
            """;
        // Many requests of one caller for one space are one question.
        var distinct = asks.Select((ask, i) => (ask, i)).GroupBy(pair => (pair.ask.Caller.SessionId, pair.ask.Caller.UserId, pair.ask.SpaceId, pair.ask.SpaceKey)).ToArray();
        var callers = distinct.Select(group => group.First().ask).ToArray();
        var members = callers.SelectMany((ask, at) => AccessCheck.PrincipalsOf(ask.Caller).Select(principal => (At: at, Principal: principal))).ToArray();
        var args = new
        {
            at = Enumerable.Range(0, callers.Length).ToArray(),
            ids = callers.Select(ask => ask.SpaceId).ToArray(),
            keys = callers.Select(ask => ask.SpaceKey).ToArray(),
            within = callers.Select(ask => ask.Caller.Scope?.Space?.Value).ToArray(),
            admins = callers.Select(ask => Spaces.Administers(ask.Caller)).ToArray(),
            principalsOf = members.Select(member => member.At).ToArray(),
            principals = members.Select(member => member.Principal).ToArray(),
            now = clock.GetUtcNow(),
        };
        var found = new SpaceRow?[asks.Count];
        foreach (var row in await connection.QueryAsync<FoundSpace>(sql, args, CancellationToken.None))
        {
            foreach (var (_, i) in distinct[row.At])
                found[i] = new SpaceRow(row.Id, row.Name, row.Epoch, row.Revision, row.QuotaBytes, row.UsedBytes, row.Paused);
        }
        return found;
    }

    static async Task<List<NodeRow>[]> WaysAsync(NpgsqlConnection connection, IReadOnlyList<Ask> asks, SpaceRow?[] spaces)
    {
        const string sql =
            $"""
            with recursive names as materialized (
                select * from unnest(@nameOf, @hops, @names) as k (at, hop, key)
            ), way (at, space_id, id, hop) as (
                select root.at, root.id, root.id, 0
                from unnest(@at, @roots) as root (at, id)
                union all
                select w.at, w.space_id, n.id, w.hop + 1
                from way w
                join names k on k.at = w.at and k.hop = w.hop + 1
                join nodes n on n.space_id = w.space_id and n.parent_id = w.id and n.name_key = k.key and n.state = 0
            )
            select {NodeRow.Columns}
            from way w
            join nodes n on n.space_id = w.space_id and n.id = w.id
            order by w.at, w.hop
            """;
        var at = Enumerable.Range(0, asks.Count).Where(i => spaces[i] is not null).ToArray();
        var names = at.SelectMany(i => asks[i].Keys.Select((key, hop) => (At: i, Hop: hop + 1, Key: key))).ToArray();
        var args = new
        {
            at,
            roots = Array.ConvertAll(at, i => spaces[i]!.Id.Value),
            nameOf = Array.ConvertAll(names, name => name.At),
            hops = Array.ConvertAll(names, name => name.Hop),
            names = Array.ConvertAll(names, name => name.Key),
        };
        var ways = new List<NodeRow>[asks.Count];
        for (var i = 0; i < ways.Length; i++)
            ways[i] = [];
        if (at.Length > 0)
        {
            // Each way begins with a root, which alone has no parent, and every space has one.
            var next = 0;
            foreach (var row in await connection.QueryAsync<NodeRow>(sql, args, CancellationToken.None))
            {
                if (row.ParentId is null)
                    next++;
                ways[at[next - 1]].Add(row);
            }
        }
        return ways;
    }

    sealed record Ask(Caller Caller, Guid? SpaceId, string SpaceKey, string[] Keys);

    sealed record FoundSpace(int At, SpaceId Id, string Name, Guid Epoch, long Revision, long? QuotaBytes, long UsedBytes, int Paused);
}

/// <summary>A space, the live nodes along a path in it (the root first; one more than there are names when all are there), and what the caller may do on each.</summary>
sealed record FoundPath(SpaceRow Space, IReadOnlyList<NodeRow> Way, IReadOnlyList<Rights> Rights);
