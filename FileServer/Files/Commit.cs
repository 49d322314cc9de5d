using System.Diagnostics;
using FileServer.Access;
using FileServer.Audit;
using FileServer.Changes;
using FileServer.Database;
using FileServer.Files.Locks;
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
/// lock the space → answered before? → load what is touched → carry out in memory → judge the outcome → write → commit.
/// </summary>
sealed partial class Commit(
    NpgsqlDataSource db, AccessCheck access, SpaceTurns turns, ChunkIndex index, AuditLog log, AuditWriter audit, TimeProvider clock, IOptions<FilesOptions> options,
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
        Caller caller, SpaceId space, Changeset changeset, Origin origin, IReadOnlyDictionary<NodeId, StoredContent>? contents, CancellationToken ct)
    {
        var request = ChangesetRequest.Read(changeset, origin, contents, options.Value);
        try
        {
            return await turns.RunAsync(space, options.Value.CommitWaitSeconds, () => db.InTransactionAsync(tx => RunAsync(tx, caller, space, request, ct), ct), ct);
        }
        catch (NpgsqlException lost) when (lost is not PostgresException { SqlState: not (PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow) })
        {
            // The connection broke, perhaps within COMMIT: only the database knows what became of it.
            Log.ConnectionLost(logger, lost, changeset.Id);
            return await ResolveAsync(caller, space, request, ct)
                ?? throw Refusal.Unavailable("The database was lost for a moment; nothing was changed. Send the same changeset again.", 1, lost);
        }
        catch (Refusal refusal) when (refusal.Conflicts?.Any(IsRefusal) is true)
        {
            var refused = refusal.Conflicts.First(IsRefusal);
            await audit.RecordAsync(
                new AuditRecord(caller.Actor, "changeset.refuse", AuditOutcome.Refused, space, refused.NodeId, DetailJson: $$"""{"code":"{{refused.Code}}"}"""), ct);
            throw;
        }
    }

    static bool IsRefusal(Conflict conflict) => conflict.Code is ConflictCode.Forbidden or ConflictCode.Locked;

    async Task<ChangesetResult> RunAsync(NpgsqlConnection tx, Caller caller, SpaceId spaceId, ChangesetRequest request, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        var space = await SpaceLock.TakeAsync(tx, spaceId, options.Value.CommitWaitSeconds, ct) ?? throw Refusal.NotFound("space");
        if (await AnsweredAsync(tx, caller, space, request, ct) is { } earlier)
            return earlier;
        var locked = Stopwatch.GetElapsedTime(started);
        var work = await load.RunAsync(tx, caller, space, request, options.Value, DatabaseTime(), ct);
        ChangesetSteps.Apply(work);
        await outcome.JudgeAsync(tx, work, options.Value.MaxDepth, ct);
        var locks = await LockRule.JudgeAsync(tx, work, ct);
        if (work.HasConflicts)
            throw Refusal.Conflict(work.Conflicts);
        if (!work.Tree.All.Any(node => node.Changed))
            return Answer(work, space.Revision);
        var revision = space.Revision + 1;
        await ChangesetWrite.RunAsync(tx, work, revision, ct);
        await work.Chunks.WriteAsync(tx, index, caller, space.Id, work.NewVersions, ct);
        await locks.EndAsync(tx, ct);
        await log.AppendAsync(tx, ChangesetAudit.Records(work, revision), ct);
        await ChangeNotifier.NotifyAsync(tx, space.Id, revision, space.Epoch, ct);
        Log.Judged(logger, request.Changeset.Id, revision, request.Operations.Count, locked.TotalMilliseconds, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        return Answer(work, revision);
    }

    /// <summary>The answer that this changeset was given before; null when it is new.</summary>
    static async Task<ChangesetResult?> AnsweredAsync(NpgsqlConnection tx, Caller caller, SpaceRow space, ChangesetRequest request, CancellationToken ct)
    {
        const string sql =
            """
            select c.revision, c.created_by, c.request
            from changesets c
            where c.space_id = @space and c.id = @id
            """;
        var earlier = await tx.QuerySingleOrDefaultAsync<Earlier>(sql, new { space = space.Id, id = request.Changeset.Id }, ct);
        if (earlier is null)
            return null;
        if (earlier.CreatedBy != caller.UserId || !earlier.Request.AsSpan().SequenceEqual(request.Digest))
            throw new Refusal(RefusalKind.IdReused, "This changeset's id was used for another changeset. Make a new id.");
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
        var states = (await tx.QueryAsync<OperationResult>(then, new { space = space.Id, ids, revision = earlier.Revision }, ct)).ToDictionary(state => state.NodeId);
        return new ChangesetResult(request.Changeset.Id, earlier.Revision, space.Epoch, [.. request.Operations.Select(op => states[op.NodeId])]);
    }

    async Task<ChangesetResult?> ResolveAsync(Caller caller, SpaceId spaceId, ChangesetRequest request, CancellationToken ct)
    {
        try
        {
            // The lost transaction holds the space's lock until it has ended one way or the other.
            return await db.InTransactionAsync(
                async tx => await SpaceLock.TakeAsync(tx, spaceId, options.Value.CommitWaitSeconds, ct) is { } space
                    ? await AnsweredAsync(tx, caller, space, request, ct)
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
        [.. work.Request.Operations.Select(op => work.Tree.Find(op.NodeId)!.Now).Select(row => new OperationResult(row.Id, row.Version, row.ContentId))]);

    /// <summary>PostgreSQL keeps microseconds.</summary>
    DateTimeOffset DatabaseTime()
    {
        var now = clock.GetUtcNow();
        return new DateTimeOffset(now.Ticks - (now.Ticks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);
    }

    sealed record Earlier(long Revision, UserId CreatedBy, byte[] Request);

    static partial class Log
    {
        [LoggerMessage(LogLevel.Debug, "Changeset {ChangesetId} is revision {Revision}: {Operations} operations, waited {LockMs} ms, {TotalMs} ms in all before its commit")]
        public static partial void Judged(ILogger logger, ChangesetId changesetId, long revision, int operations, double lockMs, double totalMs);

        [LoggerMessage(LogLevel.Warning, "The connection was lost while changeset {ChangesetId} was being committed; asking the database what became of it")]
        public static partial void ConnectionLost(ILogger logger, Exception lost, ChangesetId changesetId);
    }
}
