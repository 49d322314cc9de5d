using FileServer.Access;
using FileServer.Database;
using FileServer.Protocol;
using Npgsql;

namespace FileServer.Files.Quotas;

/// <summary>
/// Holds changesets against their space's quota, under the space's lock: what is used, what is promised to others' uploads, and
/// what each of them adds. One statement for all of them, and none where nothing is limited or added.
/// </summary>
sealed class QuotaRule
{
    // What is promised to these changesets, by reservation or upload; it is used up as they are settled.
    readonly Dictionary<Guid, long> own;
    readonly long others;

    QuotaRule(Dictionary<Guid, long> own, long others)
    {
        this.own = own;
        this.others = others;
    }

    public static async Task<QuotaRule> ReadAsync(NpgsqlConnection tx, SpaceRow space, IReadOnlyList<ChangesetWork> works, CancellationToken ct)
    {
        if (space.QuotaBytes is null || !works.Any(Adds))
            return new QuotaRule([], 0);
        const string sql =
            """
            with promised (id, bytes) as (
                select u.id, coalesce(u.length, u.durable_offset)
                from uploads u
                where u.space_id = @space and u.kind = 0 and u.state in (0, 1) and u.expires_at > clock_timestamp()
                union all
                select r.id, r.bytes
                from quota_reservations r
                where r.space_id = @space and r.expires_at > clock_timestamp()
            )
            select case when p.id = any(@own) then p.id end as id, sum(p.bytes)::bigint as bytes
            from promised p
            group by 1
            """;
        var rows = await tx.QueryAsync<Promised>(sql, new { space = space.Id, own = works.SelectMany(work => work.Reservations).Distinct().ToArray() }, ct);
        return new QuotaRule(rows.Where(row => row.Id is not null).ToDictionary(row => row.Id!.Value, row => row.Bytes), rows.Where(row => row.Id is null).Sum(row => row.Bytes));
    }

    /// <summary>Notes a conflict for each version that the quota has no room for.</summary>
    public void Judge(ChangesetWork work)
    {
        if (work.Space.QuotaBytes is not { } quota || !Adds(work))
            return;
        var used = work.Space.UsedBytes + others + own.Where(promised => !work.Reservations.Contains(promised.Key)).Sum(promised => promised.Value);
        foreach (var version in work.NewVersions.Where(version => version.Row.Size > 0))
        {
            used += version.Row.Size;
            if (used > quota)
                work.Refuse(version.Index, ConflictCode.Quota, $"The space's quota of {quota} bytes would be exceeded.");
        }
    }

    /// <summary>What was promised to a changeset that is judged good is part of what the space uses now.</summary>
    public void Settle(ChangesetWork work)
    {
        foreach (var reservation in work.Reservations)
            own.Remove(reservation);
    }

    /// <summary>Bytes that are promised to uploads under way.</summary>
    public static Task<long> ReservedAsync(NpgsqlConnection connection, SpaceId space, CancellationToken ct) =>
        connection.QuerySingleAsync<long>("select reserved_bytes(@space, '{}')", new { space }, ct);

    static bool Adds(ChangesetWork work) => work.NewVersions.Exists(version => version.Row.Size > 0);

    /// <param name="Id">Null for all that is promised to others.</param>
    sealed record Promised(Guid? Id, long Bytes);
}
