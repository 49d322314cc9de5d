using System.Data;
using FileServer.Access;
using FileServer.Database;
using FileServer.Files;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.Sync;

/// <summary>
/// The change feed of a space: its nodes by the revision in which they last changed. It tells states, not events, so that
/// whoever follows it to its end has exactly what they may list, however long they were away.
/// <list type="number">
/// <item>Pages have no upper bound: what changes while they are fetched moves behind the cursor and is still to come.</item>
/// <item>One page is read from one snapshot, and revisions commit in order: no row appears later behind a cursor that has passed it.</item>
/// <item>Only the top of a deleted or moved subtree is told. What makes unchanged nodes visible announces itself as a reset.</item>
/// <item>A node that has left the caller's sight is told by its id alone, and only to those who could list it before.</item>
/// </list>
/// </summary>
sealed class Feed(NpgsqlDataSource db, AccessCheck access, FeedSight sights)
{
    /// <summary>A page behind the cursor, or null if the caller has the tag's state already.</summary>
    public async Task<(ChangePage? Page, string Tag)> ReadAsync(Caller caller, SpaceId space, FeedCursor cursor, int limit, Func<string, bool> isKnown, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        await using var snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
        var now = await connection.QuerySingleOrDefaultAsync<Position>(
            "select revision, epoch from spaces where id = @space and deleted_at is null", new { space }, ct) ?? throw Refusal.NotFound("space");
        // Another epoch: the server was restored; ahead: it was restored without saying so. Either way nothing follows from what is missing here.
        if ((cursor.Epoch is { } epoch && epoch != now.Epoch) || cursor.Revision > now.Revision || cursor.Known > now.Revision)
            throw new Refusal(RefusalKind.CursorExpired, $"The space is at revision {now.Revision} of epoch {now.Epoch}; the cursor is from another time. List anew, and delete nothing because of it.");
        var sightNow = await sights.DigestAsync(connection, caller, space, now.Revision, ct);
        var tag = $"\"{now.Epoch:N}-{now.Revision}-{sightNow ^ cursor.Digest():x}\"";
        if (isKnown(tag))
            return (null, tag);

        if (cursor.IsBeginning)
            cursor = cursor with { Known = now.Revision };
        var sightThen = cursor.Known == now.Revision ? sightNow : await sights.DigestAsync(connection, caller, space, cursor.Known, ct);
        var rows = await NodesAsync(connection, space, cursor, limit + 1, ct);
        var resets = await ResetsAsync(connection, space, cursor, limit + 1, ct);
        var entries = Merge(rows, resets, limit, out var hasMore);

        var page = new FeedPage(connection, access, caller, space, cursor.Known);
        await page.LookAsync(entries, ct);
        // A changed group or an expired grant has no revision; it shows in what the cursor says about the reader's sight.
        if (cursor.Sight is { } sight && sight != sightThen)
            await page.AddRootResetAsync(now.Revision, ct);
        foreach (var entry in entries)
            page.Add(entry);
        await page.AddScopesBelowAsync(ct);

        var next = hasMore
            ? new FeedCursor(now.Epoch, entries[^1].Revision, entries[^1].Kind, entries[^1].Id, cursor.Known, sightThen)
            : new FeedCursor(now.Epoch, now.Revision, FeedKind.EndOfRevision, Guid.AllBitsSet, now.Revision, sightNow);
        return (new ChangePage(now.Epoch, now.Revision, page.Changes, next.ToString(), hasMore), tag);
    }

    static Task<List<NodeRow>> NodesAsync(NpgsqlConnection connection, SpaceId space, FeedCursor cursor, int count, CancellationToken ct)
    {
        const string sql =
            $"""
            select {NodeRow.Columns}
            from nodes n
            where n.space_id = @space and (n.changed_revision, n.id) > (@revision, @id)
            order by n.changed_revision, n.id
            limit @count
            """;
        return connection.QueryAsync<NodeRow>(sql, new { space, revision = cursor.Nodes.Revision, id = cursor.Nodes.Id, count }, ct);
    }

    static Task<List<ResetRow>> ResetsAsync(NpgsqlConnection connection, SpaceId space, FeedCursor cursor, int count, CancellationToken ct) =>
        connection.QueryAsync<ResetRow>(
            """
            select revision, node_id, reason, old_access_id
            from subtree_resets
            where space_id = @space and (revision, node_id) > (@revision, @id)
            order by revision, node_id
            limit @count
            """,
            new { space, revision = cursor.Resets.Revision, id = cursor.Resets.Id, count },
            ct);

    /// <summary>Both kinds in the order of (revision, kind), each already in the order of its ids.</summary>
    static List<FeedEntry> Merge(List<NodeRow> rows, List<ResetRow> resets, int limit, out bool hasMore)
    {
        var entries = new List<FeedEntry>(Math.Min(limit, rows.Count + resets.Count));
        var (r, s) = (0, 0);
        while (entries.Count < limit && (r < rows.Count || s < resets.Count))
        {
            if (s == resets.Count || (r < rows.Count && rows[r].ChangedRevision <= resets[s].Revision))
                entries.Add(new FeedEntry(rows[r++], null));
            else
                entries.Add(new FeedEntry(null, resets[s++]));
        }
        hasMore = r < rows.Count || s < resets.Count;
        return entries;
    }

    sealed record Position(long Revision, Guid Epoch);
}

/// <summary>A row of <c>subtree_resets</c>.</summary>
sealed record ResetRow(long Revision, NodeId NodeId, ResetReason Reason, Guid? OldAccessId);

/// <summary>One entry of a page: a node's row or a reset.</summary>
sealed record FeedEntry(NodeRow? Row, ResetRow? Reset)
{
    public long Revision => Row?.ChangedRevision ?? Reset!.Revision;

    public FeedKind Kind => Row is null ? FeedKind.Reset : FeedKind.Node;

    public Guid Id => (Row?.Id ?? Reset!.NodeId).Value;
}
