using System.Collections.Concurrent;
using System.Text.Json;
using FileServer.Audit;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Access;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Files.Brakes;

/// <summary>A changeset passes the limit: nothing of it may happen.</summary>
sealed class BrakeTripped(int files, long limit, long sinceRevision) : Exception("Too many files were deleted or rewritten.")
{
    public int Files => files;

    public long Limit => limit;

    public long SinceRevision => sinceRevision;
}

/// <summary>
/// The brake: who deletes or rewrites too many files of a space within some minutes, by whatever program, is paused there
/// until a manager lets go. Each changeset's row says how many files it took away, so counting costs those that take
/// some away one indexed statement together, and all others nothing.
/// </summary>
/// <remarks>
/// The sum over changesets counts a file as often as it is rewritten. Only when it passes the limit the distinct files are counted; that
/// number is remembered, and what comes on top of it is again a sum.
/// </remarks>
sealed class BrakeRule(NpgsqlDataSource db, AuditLog audit, TimeProvider clock, IOptions<BrakeOptions> options)
{
    const int MostRemembered = 10_000;
    static readonly TimeSpan ShareIsFresh = TimeSpan.FromSeconds(10);

    readonly ConcurrentDictionary<(SpaceId, UserId), Counted> exact = new();
    readonly ConcurrentDictionary<SpaceId, (DateTimeOffset At, long Files)> shares = new();

    /// <summary>Reads what the brake has to say about changesets, which are carried out in memory already.</summary>
    public async Task<BrakeReading> ReadAsync(NpgsqlConnection tx, SpaceRow space, IReadOnlyList<ChangesetWork> works, CancellationToken ct)
    {
        var pauses = space.Paused > 0 && works.Count > 0 ? await PausesAsync(tx, space.Id, works, ct) : [];
        await CountAsync(tx, space.Id, works, ct);
        var destroying = works.Where(work => work.Destroyed > 0).ToLookup(work => work.Caller.UserId);
        var tallies = new Dictionary<UserId, BrakeTally>();
        if (destroying.Count > 0)
        {
            var share = new Lazy<Task<long>>(() => ShareAsync(tx, space.Id, works[0].Now, tallies.Values.First(), ct));
            foreach (var count in await CountsAsync(tx, space.Id, works[0].Now, [.. destroying.Select(user => user.Key)], ct))
            {
                var tally = tallies[count.UserId] = new BrakeTally(count, space.Revision + 1);
                if (!tally.Counts)
                    continue;
                var bound = tally.Files + destroying[count.UserId].Sum(work => work.Destroyed);
                if (bound > count.Files || (bound >= options.Value.BrakeShareFrom && bound > await share.Value))
                    await CountExactlyAsync(tx, space, tally, works[0].Now, ct);
            }
        }
        return new BrakeReading(pauses, tallies, options.Value.BrakeShareFrom);
    }

    /// <summary>Pauses the caller, for managers to look at. In a transaction of its own, since the changeset's was given up.</summary>
    /// <returns>What to tell the caller.</returns>
    public async Task<Refusal> TripAsync(Caller caller, SpaceId space, string? device, BrakeTripped tripped, CancellationToken ct)
    {
        var id = Guid.CreateVersion7(clock.GetUtcNow());
        var detail = $$"""
            {"brake":"{{id}}","files":{{tripped.Files}},"limit":{{tripped.Limit}},"sinceRevision":{{tripped.SinceRevision}}{{(device is null ? "" : $",\"device\":\"{JsonEncodedText.Encode(device)}\"")}}}
            """.Trim();
        await db.InTransactionAsync(
            async tx =>
            {
                const string sql =
                    """
                    with pause as (
                        insert into brakes (space_id, id, kind, user_id, device, files, max_files, since_revision, created_at)
                        values (@space, @id, 0, @user, @device, @files, @limit, @since, @now)
                        on conflict (space_id, user_id) where kind = 0 and ended_at is null do nothing
                        returning space_id
                    )
                    update spaces s set paused = s.paused + 1 from pause p where s.id = p.space_id
                    """;
                var args = new { space, id, user = caller.UserId, device, files = tripped.Files, limit = tripped.Limit, since = tripped.SinceRevision, now = clock.GetUtcNow() };
                if (await tx.ExecuteAsync(sql, args, ct) > 0)
                    await audit.AppendAsync(tx, new AuditRecord(caller.Actor, "brake.trip", AuditOutcome.Refused, space, space.Root, caller.Name, detail), ct);
            },
            ct);
        return BrakeReading.Paused(tripped.Files, tripped.Limit);
    }

    static async Task<Dictionary<UserId, BrakePause>> PausesAsync(NpgsqlConnection tx, SpaceId space, IReadOnlyList<ChangesetWork> works, CancellationToken ct)
    {
        const string sql =
            """
            select b.user_id, b.files, b.max_files
            from brakes b
            where b.space_id = @space and b.user_id = any(@users) and b.kind = 0 and b.ended_at is null
                and not exists (
                    select from brakes a
                    where a.space_id = @space and a.kind = 1 and a.ended_at is null and a.until > @now and (a.user_id is null or a.user_id = b.user_id))
            """;
        var users = works.Select(work => work.Caller.UserId.Value).Distinct().ToArray();
        return (await tx.QueryAsync<BrakePause>(sql, new { space, users, now = works[0].Now }, ct)).ToDictionary(pause => pause.UserId);
    }

    /// <summary>Files that each changeset deletes or gives another content; those in a deleted folder that are not moved out of it first.</summary>
    static async Task CountAsync(NpgsqlConnection tx, SpaceId space, IReadOnlyList<ChangesetWork> works, CancellationToken ct)
    {
        foreach (var work in works)
            work.Destroyed = work.Tree.All.Count(IsDestroyedFile);
        // Who deletes goes alone.
        if (works is not [var only] || only.Tree.All.Where(IsDeletedFolder).Select(node => node.Id.Value).ToArray() is not { Length: > 0 } folders)
            return;
        const string sql =
            """
            with recursive down (id) as (
                select t.id from unnest(@folders) as t (id)
                union
                select n.id
                from down d
                join nodes n on n.space_id = @space and n.parent_id = d.id and n.kind = 0 and n.state = 0 and n.id <> all(@touched)
            )
            select count(*)::int
            from down d
            join nodes n on n.space_id = @space and n.parent_id = d.id and n.kind <> 0 and n.state = 0 and n.id <> all(@touched)
            """;
        // What the changeset touches itself was counted above, or is moved away.
        var touched = only.Tree.All.Where(node => node.Changed && !IsDeletedFolder(node)).Select(node => node.Id.Value).ToArray();
        only.Destroyed += await tx.QuerySingleAsync<int>(sql, new { space, folders, touched }, ct);
    }

    static bool IsDestroyedFile(TouchedNode node) =>
        node is { Changed: true, Before: { State: NodeLife.Live, Kind: not NodeKind.Folder } before }
        && (node.Now.State != NodeLife.Live || (node.Now.Version > before.Version && before.Version > 0));

    static bool IsDeletedFolder(TouchedNode node) =>
        node is { Changed: true, Before: { State: NodeLife.Live, Kind: NodeKind.Folder }, Now.State: not NodeLife.Live };

    async Task<IReadOnlyList<BrakeCount>> CountsAsync(NpgsqlConnection tx, SpaceId space, DateTimeOffset now, UserId[] users, CancellationToken ct)
    {
        const string sql =
            """
            select u.id as user_id, coalesce(l.files, @files) as files, coalesce(l.percent, @percent) as percent, w.since,
                   exists (
                       select from brakes b
                       where b.space_id = @space and b.kind = 1 and b.ended_at is null and b.until > @now and (b.user_id is null or b.user_id = u.id)) as allowed,
                   c.sum + case when u.known_at > w.since then u.known_files else 0 end as destroyed, c.first_revision
            from unnest(@users, @knownAt, @knownRevisions, @knownFiles) as u (id, known_at, known_revision, known_files)
            left join brake_limits l on l.space_id = @space
            cross join lateral (
                select greatest(
                    @now - make_interval(mins => coalesce(l.minutes, @minutes)),
                    (select max(b.ended_at) from brakes b where b.space_id = @space and b.user_id = u.id and b.kind = 0)) as since
            ) w
            cross join lateral (
                select coalesce(sum(c.destroyed) filter (where c.revision > u.known_revision or u.known_at <= w.since), 0)::bigint as sum, min(c.revision) as first_revision
                from changesets c
                where c.space_id = @space and c.created_by = u.id and c.destroyed > 0 and c.created_at > w.since
            ) c
            """;
        var known = Array.ConvertAll(users, user => exact.GetValueOrDefault((space, user)) ?? new Counted(DateTimeOffset.UnixEpoch, 0, 0));
        var args = new
        {
            space,
            now,
            users = Array.ConvertAll(users, user => user.Value),
            knownAt = Array.ConvertAll(known, one => one.At),
            knownRevisions = Array.ConvertAll(known, one => one.Revision),
            knownFiles = Array.ConvertAll(known, one => one.Distinct),
            files = options.Value.BrakeFiles,
            percent = options.Value.BrakePercent,
            minutes = options.Value.BrakeMinutes,
        };
        return await tx.QueryAsync<BrakeCount>(sql, args, ct);
    }

    /// <summary>The share as a number of files. That of a large space need not be counted to its end, since the fixed number comes first; nor each time.</summary>
    async Task<long> ShareAsync(NpgsqlConnection tx, SpaceId space, DateTimeOffset now, BrakeTally tally, CancellationToken ct) =>
        shares.TryGetValue(space, out var known) && now - known.At < ShareIsFresh ? known.Files : await FreshShareAsync(tx, space, now, tally, ct);

    async Task<long> FreshShareAsync(NpgsqlConnection tx, SpaceId space, DateTimeOffset now, BrakeTally tally, CancellationToken ct)
    {
        const string sql = "select count(*) from (select from nodes n where n.space_id = @space and n.kind = 1 and n.state = 0 limit @most) counted";
        var most = (tally.Count.Files * 100L / tally.Count.Percent) + 1;
        var files = await tx.QuerySingleAsync<long>(sql, new { space, most }, ct) * tally.Count.Percent / 100;
        if (shares.Count >= MostRemembered)
            shares.Clear();
        shares[space] = (now, files);
        return files;
    }

    async Task CountExactlyAsync(NpgsqlConnection tx, SpaceRow space, BrakeTally tally, DateTimeOffset now, CancellationToken ct)
    {
        // A file's row says who changed it last and in which revision: each counts once, however often it was written.
        const string sql =
            """
            select least(
                (select coalesce(sum(c.destroyed), 0) from changesets c
                 where c.space_id = @space and c.created_by = @user and c.destroyed > 0 and c.created_at > @since),
                (select count(*) from nodes n
                 where n.space_id = @space and n.changed_revision >= @first and n.changed_by = @user and n.kind = 1 and (n.version > 1 or n.state <> 0))
                + (select coalesce(sum(c.destroyed), 0) from changesets c
                   where c.space_id = @space and c.created_by = @user and c.destroyed > 0 and c.created_at > @since
                     and exists (
                         select from nodes n
                         where n.space_id = @space and n.changed_revision = c.revision and n.kind = 0 and n.state = 1))
            )::bigint
            """;
        var user = tally.Count.UserId;
        if (tally.Count.FirstRevision is { } first)
            tally.Files = await tx.QuerySingleAsync<long>(sql, new { space = space.Id, user, since = tally.Count.Since, first }, ct);
        tally.Share = await FreshShareAsync(tx, space.Id, now, tally, ct);
        if (exact.Count >= MostRemembered)
            exact.Clear();
        exact[(space.Id, user)] = new Counted(now, space.Revision, tally.Files);
    }

    /// <summary>Distinct files that somebody had taken away in a window, when a space was at a revision.</summary>
    sealed record Counted(DateTimeOffset At, long Revision, long Distinct);
}
