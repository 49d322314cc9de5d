using System.Diagnostics;
using FileServer.Access;
using FileServer.Audit;
using FileServer.Changes;
using FileServer.Database;
using FileServer.Files.Brakes;
using FileServer.Files.Holds;
using FileServer.Files.Locks;
using FileServer.Files.Quotas;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Storage;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Files;

/// <summary>
/// The one door for every change: REST, tus, sync, WebDAV and the portal all commit through it. A changeset becomes the
/// space's next revision, or nothing of it happens:
/// stand in line → lock the space → answered before? → load what is touched → carry out in memory → judge the outcome → write → commit.
/// Changesets that wait at the same time and cannot be in each other's way share one transaction and its statements.
/// </summary>
sealed partial class Commit(
    NpgsqlDataSource db, AccessCheck access, CommitQueue queue, ChunkIndex index, BrakeRule brake, AuditLog log, AuditWriter audit, TimeProvider clock, IOptions<FilesOptions> options,
    ILogger<Commit> logger)
{
    readonly ChangesetLoad load = new(access, index);
    readonly ChangesetOutcome outcome = new(access);

    /// <summary>
    /// Commits the changeset as the space's next revision, or nothing of it. The same id again answers what it answered before.
    /// </summary>
    /// <param name="contents">Whole contents that were just stored, for putFile operations that name neither chunks nor an upload.</param>
    /// <exception cref="Refusal">With every operation that conflicts; or the id was used for something else; or the database is not available.</exception>
    public async Task<ChangesetResult> RunAsync(
        Caller caller, SpaceId space, Changeset changeset, Origin origin, IReadOnlyDictionary<NodeId, StoredContent>? contents, CancellationToken ct) =>
        (await CommitAsync(caller, space, changeset, origin, contents, ct)).Result;

    /// <summary>Commits the changeset as <see cref="RunAsync(Caller, SpaceId, Changeset, Origin, IReadOnlyDictionary{NodeId, StoredContent}?, CancellationToken)"/> does.</summary>
    /// <returns>Also the nodes as the changeset left them.</returns>
    public async Task<Committed> CommitAsync(
        Caller caller, SpaceId space, Changeset changeset, Origin origin, IReadOnlyDictionary<NodeId, StoredContent>? contents, CancellationToken ct)
    {
        var request = ChangesetRequest.Read(changeset, origin, contents, options.Value);
        try
        {
            return await queue.RunAsync(space, new PendingCommit(caller, request), together => CarryOutAsync(space, together), options.Value.CommitWaitSeconds, ct);
        }
        catch (NpgsqlException lost) when (lost is not PostgresException { SqlState: not (PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow) })
        {
            // The connection broke, perhaps within COMMIT: only the database knows what became of it.
            Log.ConnectionLost(logger, lost, changeset.Id);
            return await ResolveAsync(caller, space, request, ct)
                ?? throw Refusal.Unavailable("The database was lost for a moment; nothing was changed. Send the same changeset again.", 1, lost);
        }
        catch (BrakeTripped tripped)
        {
            throw await brake.TripAsync(caller, space, changeset.Device, tripped, ct);
        }
        catch (Refusal refusal) when (refusal.Conflicts?.Any(IsRefusal) is true)
        {
            var refused = refusal.Conflicts.First(IsRefusal);
            await audit.RecordAsync(
                new AuditRecord(caller.Actor, "changeset.refuse", AuditOutcome.Refused, space, refused.NodeId, DetailJson: $$"""{"code":"{{refused.Code}}"}"""), ct);
            throw;
        }
    }

    static bool IsRefusal(Conflict conflict) => conflict.Code is ConflictCode.Forbidden or ConflictCode.Locked or ConflictCode.Held;

    /// <summary>One transaction for all that go together. If it fails, each goes alone, so that the error meets whom it belongs to.</summary>
    async Task CarryOutAsync(SpaceId space, IReadOnlyList<PendingCommit> together)
    {
        try
        {
            // The transaction belongs to many requests: none of their tokens may end it for the others.
            var outcomes = await SpaceLock.RefuseWhenBusyAsync(() => db.InTransactionAsync(tx => RunAsync(tx, space, together, CancellationToken.None), CancellationToken.None));
            foreach (var (pending, settle) in together.Zip(outcomes))
                settle(pending.Done);
        }
        catch (Exception fault) when (together is [var only])
        {
            only.Done.TrySetException(fault);
        }
        catch (Exception fault)
        {
            Log.NotTogether(logger, fault, together.Count);
            foreach (var pending in together)
                await CarryOutAsync(space, [pending]);
        }
    }

    /// <returns>For each changeset what to tell its author once the transaction has committed.</returns>
    async Task<IReadOnlyList<Action<TaskCompletionSource<Committed>>>> RunAsync(
        NpgsqlConnection tx, SpaceId spaceId, IReadOnlyList<PendingCommit> together, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        var space = await SpaceLock.TakeAsync(tx, spaceId, options.Value.CommitWaitSeconds, ct) ?? throw Refusal.NotFound("space");
        var earlier = await EarlierAsync(tx, space, together, ct);
        if (earlier.Count > 0 && together is [var only])
            return [done => done.SetResult(new Committed(earlier[only.Request.Changeset.Id], null))];
        var locked = Stopwatch.GetElapsedTime(started);
        var works = await load.RunAsync(tx, space, [.. together.Where(pending => !earlier.ContainsKey(pending.Request.Changeset.Id))], options.Value, DatabaseTime(), ct);
        var settled = new List<SettledWork>(works.Count);
        var answers = new Dictionary<ChangesetRequest, Action<TaskCompletionSource<Committed>>>(works.Count);
        foreach (var work in works)
        {
            if (Applied(work, alone: together.Count == 1) is { } refusal)
                answers[work.Request] = done => done.SetException(refusal);
        }
        var locks = await LockRule.ReadAsync(tx, works, ct);
        var forbids = new Forbidding(await QuotaRule.ReadAsync(tx, space, works, ct), await HoldRule.ReadAsync(tx, works, ct), await brake.ReadAsync(tx, space, works, ct));
        foreach (var (work, rule) in works.Zip(locks).Where(pair => !answers.ContainsKey(pair.First.Request)))
        {
            work.Space = space;
            if (await JudgedAsync(tx, work, rule, forbids, alone: together.Count == 1, ct) is { } refusal)
                answers[work.Request] = done => done.SetException(refusal);
            else
            {
                forbids.Quota.Settle(work);
                if (work.Tree.All.Any(node => node.Changed))
                {
                    space = space with { Revision = space.Revision + 1, UsedBytes = space.UsedBytes + work.NewVersions.Sum(version => version.Row.Size) };
                    settled.Add(new SettledWork(work, space.Revision));
                }
                var committed = new Committed(Answer(work, space.Revision), work);
                answers[work.Request] = done => done.SetResult(committed);
            }
        }
        if (settled.Count > 0)
            await WriteAsync(tx, space, settled, ct);
        foreach (var rule in locks.Where(rule => settled.Any(one => one.Work == rule.Work)))
            await rule.EndAsync(tx, ct);
        Log.Judged(logger, space.Id, space.Revision, settled.Count, locked.TotalMilliseconds, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        return [.. together.Select(pending => answers.TryGetValue(pending.Request, out var answer)
            ? answer
            : done => done.SetResult(new Committed(earlier[pending.Request.Changeset.Id], null)))];
    }

    /// <summary>Carries a changeset out in memory.</summary>
    /// <returns>Why that is not possible; null when it is.</returns>
    static Refusal? Applied(ChangesetWork work, bool alone)
    {
        try
        {
            ChangesetSteps.Apply(work);
            return null;
        }
        catch (Refusal refusal) when (!alone)
        {
            return refusal;
        }
    }

    /// <summary>Judges what a changeset leaves behind.</summary>
    /// <returns>Why nothing of it may happen; null when all of it may.</returns>
    async Task<Exception?> JudgedAsync(NpgsqlConnection tx, ChangesetWork work, LockRule locks, Forbidding forbids, bool alone, CancellationToken ct)
    {
        try
        {
            await outcome.JudgeAsync(tx, work, options.Value.MaxDepth, ct);
            locks.Judge();
            forbids.Quota.Judge(work);
            forbids.Holds.Judge(work);
            if (work.HasConflicts)
                throw Refusal.Conflict(work.Conflicts);
            forbids.Brake.Judge(work);
            return null;
        }
        catch (Exception refusal) when (!alone && refusal is (Refusal or BrakeTripped))
        {
            return refusal;
        }
    }

    async Task WriteAsync(NpgsqlConnection tx, SpaceRow space, List<SettledWork> settled, CancellationToken ct)
    {
        await ChangesetWrite.RunAsync(tx, space, settled, ct);
        // The changesets that go together share what is known of chunks.
        await settled[0].Work.Chunks.WriteAsync(tx, index, settled[0].Work.Caller, space.Id, settled.SelectMany(work => work.Work.NewVersions), ct);
        await log.AppendAsync(tx, [.. settled.SelectMany(work => ChangesetAudit.Records(work.Work, work.Revision))], ct);
        await ChangeNotifier.NotifyAsync(tx, space.Id, space.Revision, space.Epoch, ct);
    }

    /// <summary>The answers that these changesets were given before, by id; new ones have none.</summary>
    /// <exception cref="Refusal">One that is alone uses an id that was used for something else.</exception>
    static async Task<Dictionary<ChangesetId, ChangesetResult>> EarlierAsync(NpgsqlConnection tx, SpaceRow space, IReadOnlyList<PendingCommit> together, CancellationToken ct)
    {
        const string sql =
            """
            select c.id, c.revision, c.created_by, c.request
            from changesets c
            where c.space_id = @space and c.id = any(@ids)
            """;
        var ids = together.Select(pending => pending.Request.Changeset.Id.Value).ToArray();
        var answers = new Dictionary<ChangesetId, ChangesetResult>();
        foreach (var earlier in await tx.QueryAsync<Earlier>(sql, new { space = space.Id, ids }, ct))
        {
            var (caller, request) = together.Where(pending => pending.Request.Changeset.Id == earlier.Id).Select(pending => (pending.Caller, pending.Request)).First();
            if (earlier.CreatedBy != caller.UserId || !earlier.Request.AsSpan().SequenceEqual(request.Digest))
                throw new Refusal(RefusalKind.IdReused, "This changeset's id was used for another changeset. Make a new id.");
            answers[earlier.Id] = await AnswerThenAsync(tx, space, request, earlier.Revision, ct);
        }
        return answers;
    }

    static async Task<ChangesetResult> AnswerThenAsync(NpgsqlConnection tx, SpaceRow space, ChangesetRequest request, long revision, CancellationToken ct)
    {
        // What each node was when that revision had been committed.
        const string then =
            """
            select asked.id as node_id, state.version, state.content_id
            from unnest(@ids) as asked (id)
            join lateral (
                select n.version, n.content_id
                from nodes n
                where n.space_id = @space and n.id = asked.id and n.changed_revision <= @revision
                union all
                select h.version, h.content_id
                from node_history h
                where h.space_id = @space and h.node_id = asked.id and h.from_revision <= @revision and h.to_revision > @revision
            ) state on true
            """;
        var ids = request.Operations.Select(op => op.NodeId.Value).Distinct().ToArray();
        var states = (await tx.QueryAsync<OperationResult>(then, new { space = space.Id, ids, revision }, ct)).ToDictionary(state => state.NodeId);
        return new ChangesetResult(request.Changeset.Id, revision, space.Epoch, [.. request.Operations.Select(op => states[op.NodeId])]);
    }

    async Task<Committed?> ResolveAsync(Caller caller, SpaceId spaceId, ChangesetRequest request, CancellationToken ct)
    {
        try
        {
            // The lost transaction holds the space's lock until it has ended one way or the other.
            return await db.InTransactionAsync(
                async tx => await SpaceLock.TakeAsync(tx, spaceId, options.Value.CommitWaitSeconds, ct) is { } space
                    && (await EarlierAsync(tx, space, [new PendingCommit(caller, request)], ct)).TryGetValue(request.Changeset.Id, out var earlier)
                    ? new Committed(earlier, null)
                    : null,
                ct);
        }
        catch (NpgsqlException still)
        {
            throw Refusal.Unavailable("The database is not available. Send the same changeset again: it is committed once.", 5, still);
        }
    }

    static ChangesetResult Answer(ChangesetWork work, long revision) => new(
        work.Request.Changeset.Id,
        revision,
        work.Space.Epoch,
        [.. work.Request.Operations.Select(op => work.Tree.Find(op.NodeId)!.Now).Select(row => new OperationResult(row.Id, row.Version, row.ContentId))],
        Unchanged: !work.Tree.All.Any(static node => node.Changed));

    /// <summary>PostgreSQL keeps microseconds.</summary>
    DateTimeOffset DatabaseTime()
    {
        var now = clock.GetUtcNow();
        return new DateTimeOffset(now.Ticks - (now.Ticks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);
    }

    /// <summary>What was read for changesets that go together about that which forbids.</summary>
    sealed record Forbidding(QuotaRule Quota, HoldRule Holds, BrakeReading Brake);

    sealed record Earlier(ChangesetId Id, long Revision, UserId CreatedBy, byte[] Request);

    static partial class Log
    {
        [LoggerMessage(LogLevel.Debug, "Space {SpaceId} is at revision {Revision}: {Changesets} changesets in one transaction, waited {LockMs} ms, {TotalMs} ms in all before its commit")]
        public static partial void Judged(ILogger logger, SpaceId spaceId, long revision, int changesets, double lockMs, double totalMs);

        [LoggerMessage(LogLevel.Information, "{Changesets} changesets could not be committed together; each is tried alone")]
        public static partial void NotTogether(ILogger logger, Exception fault, int changesets);

        [LoggerMessage(LogLevel.Warning, "The connection was lost while changeset {ChangesetId} was being committed; asking the database what became of it")]
        public static partial void ConnectionLost(ILogger logger, Exception lost, ChangesetId changesetId);
    }
}
