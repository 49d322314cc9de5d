using System.Text.Json;
using FileServer.Access;
using FileServer.Audit;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Files.Locks;

/// <summary>What somebody wants to lock.</summary>
/// <param name="For">How long; null: the usual time. What is longer than the limit is cut to it.</param>
/// <param name="Owner">What the client says about the owner, kept as it was sent.</param>
sealed record LockWish(Origin Door, bool Shared = false, bool Deep = false, TimeSpan? For = null, string? Owner = null, string? Reason = null);

/// <summary>
/// Takes, extends, gives back and breaks locks; what they forbid is <see cref="LockRule"/>'s. Each change holds the space's
/// lock, so that whatever was judged before is committed before, and is audited in its transaction.
/// </summary>
sealed class NodeLocks(NpgsqlDataSource db, AccessCheck access, SpaceTurns turns, AuditLog log, TimeProvider clock, IOptions<LockOptions> options, IOptions<FilesOptions> files)
{
    public const int MaxOwnerChars = 4096;
    public const int MaxReasonChars = 1000;
    const int SmallBody = 1024 * 1024;

    /// <summary>Locks a node. Whoever has checked it out already extends that; a person's check-out never stands in the way of that person's programs.</summary>
    /// <returns>The lock, and whether it is new.</returns>
    /// <exception cref="Refusal">Locked by another, with <see cref="Refusal.Lock"/> saying who; or the caller may not write there.</exception>
    public Task<(LockRow Lock, bool New)> TakeAsync(Caller caller, SpaceId space, NodeId node, LockWish wish, CancellationToken ct)
    {
        if (wish.Owner?.Length > MaxOwnerChars || wish.Reason?.Length > MaxReasonChars)
            throw Refusal.Invalid($"A lock's owner has at most {MaxOwnerChars} characters, its reason {MaxReasonChars}.");
        return ChangeAsync(caller, space, node, Rights.Write, async change =>
        {
            await change.Tx.ExecuteAsync("delete from node_locks where space_id = @space and expires_at <= @now", new { space, change.Now }, ct);
            var deep = wish.Deep && change.Kind == NodeKind.Folder;
            var standing = await FindAsync(change.Tx, space, node, change.Now, ct);
            if (wish.Door != Origin.WebDav && standing.FirstOrDefault(held => held.NodeId == node && held.IsCheckOut && held.IsOf(caller)) is { } own)
                return (await ExtendAsync(change, own with { Deep = deep, Shared = wish.Shared, Reason = wish.Reason ?? own.Reason }, wish.For, ct), false);
            if (deep)
                standing.AddRange(await BelowAsync(change.Tx, space, node, change.Now, ct));
            if (standing.Find(held => !MayStandBeside(held, wish, caller)) is { } other)
                throw await LockedAsync(change.Tx, caller, space, node, other, ct);
            await RequireRoomAsync(change, ct);
            return (await InsertAsync(change, wish with { Deep = deep }, ct), true);
        }, ct);
    }

    /// <summary>Extends a lock of the caller's on this node or, from above, on a folder that protects it.</summary>
    /// <exception cref="Refusal">There is no such lock (any more).</exception>
    public Task<LockRow> RefreshAsync(Caller caller, SpaceId space, NodeId node, Guid token, TimeSpan? time, CancellationToken ct) =>
        ChangeAsync(caller, space, node, Rights.Write, async change =>
        {
            var standing = await FindAsync(change.Tx, space, node, change.Now, ct);
            var own = standing.Find(held => held.Token == token && held.IsOf(caller)) ?? throw Refusal.PreconditionFailed("This lock does not hold (any more). Lock anew.");
            return await ExtendAsync(change, own, time, ct);
        }, ct);

    /// <summary>Gives a lock back by its token: only who took it can.</summary>
    /// <exception cref="Refusal">The caller holds no such lock here.</exception>
    public Task ReleaseAsync(Caller caller, SpaceId space, NodeId node, Guid token, CancellationToken ct) => ChangeAsync(caller, space, node, Rights.List, async change =>
    {
        var own = (await FindAsync(change.Tx, space, node, change.Now, ct)).Find(held => held.Token == token && held.IsOf(caller))
            ?? throw new Refusal(RefusalKind.Conflict, "You hold no such lock here.");
        await EndAsync(change, [own], "lock.release", ct);
        return own;
    }, ct);

    /// <summary>Check-in: gives back what the caller has locked on this node.</summary>
    public Task CheckInAsync(Caller caller, SpaceId space, NodeId node, CancellationToken ct) => ChangeAsync(caller, space, node, Rights.List, async change =>
    {
        var standing = await FindAsync(change.Tx, space, node, change.Now, ct);
        var own = standing.Where(held => held.NodeId == node && held.IsOf(caller)).ToList();
        if (own.Count == 0)
            throw standing.Count == 0 ? NotLocked() : await LockedAsync(change.Tx, caller, space, node, standing[0], ct);
        await EndAsync(change, own, "lock.release", ct);
        return own.Count;
    }, ct);

    /// <summary>A manager ends whatever locks there are on the node.</summary>
    public Task BreakAsync(Caller caller, SpaceId space, NodeId node, CancellationToken ct) => ChangeAsync(caller, space, node, Rights.Manage, async change =>
    {
        var standing = await FindAsync(change.Tx, space, node, change.Now, ct);
        var here = standing.Where(held => held.NodeId == node).ToList();
        if (here.Count == 0)
            throw standing.Count == 0 ? NotLocked() : await LockedAsync(change.Tx, caller, space, node, standing[0], ct);
        await EndAsync(change, here, "lock.break", ct);
        return here.Count;
    }, ct);

    /// <summary>The locks that protect a node: its own first, then deep ones on folders above it. Says nothing about access.</summary>
    public Task<List<LockRow>> FindAsync(NpgsqlConnection connection, SpaceId space, NodeId node, CancellationToken ct) => FindAsync(connection, space, node, Now(), ct);

    /// <summary>The locks on what stands below a folder. Says nothing about access.</summary>
    public Task<List<LockRow>> BelowAsync(NpgsqlConnection connection, SpaceId space, NodeId folder, CancellationToken ct) => BelowAsync(connection, space, folder, Now(), ct);

    /// <summary>The locks on these nodes themselves, and those of a folder that protect all that is in it.</summary>
    public async Task<ILookup<NodeId, LockRow>> OnAsync(NpgsqlConnection connection, SpaceId space, IEnumerable<NodeId> nodes, CancellationToken ct)
    {
        const string sql =
            $"""
            select {LockRow.Columns}
            from node_locks l
            left join users u on u.id = l.user_id
            where l.space_id = @space and l.node_id = any(@ids) and l.expires_at > @now
            order by l.created_at
            """;
        var ids = nodes.Select(node => node.Value).ToArray();
        var rows = ids.Length == 0 ? [] : await connection.QueryAsync<LockRow>(sql, new { space, ids, now = Now() }, ct);
        return rows.ToLookup(row => row.NodeId);
    }

    /// <summary>
    /// Refuses what a lock would refuse in the end, before the bytes of a large body are taken in for nothing. A small one is
    /// taken in as fast as this is asked.
    /// </summary>
    public async Task RequireOpenAsync(Caller caller, SpaceId space, NodeId node, HttpRequest request, CancellationToken ct)
    {
        if (request.ContentLength <= SmallBody)
            return;
        await using var connection = await db.OpenConnectionAsync(ct);
        var standing = await FindAsync(connection, space, node, ct);
        if (standing.Count == 0)
            return;
        var tokens = LockTokens.In(request);
        if (!standing.Exists(held => held.IsHeldBy(caller, tokens)))
            throw await LockedAsync(connection, caller, space, node, standing[0], ct);
    }

    /// <summary>A page of the locks in a space that the caller may know of, by node.</summary>
    public async Task<Page<NodeLock>> ListAsync(HttpContext context, Caller caller, SpaceId space, int? limit, string? cursor, CancellationToken ct)
    {
        var count = Paging.Limit(limit, 200, 1000);
        var query = $"locks {space}";
        var start = Paging.Start(cursor, query, 2);
        await using var connection = await db.OpenConnectionAsync(ct);
        var sight = await access.SightAsync(connection, caller, space, ct);
        const string sql =
            $"""
            select {LockRow.Columns}
            from node_locks l
            join nodes n on n.space_id = @space and n.id = l.node_id
            left join nodes p on p.space_id = @space and p.id = n.parent_id
            left join users u on u.id = l.user_id
            where l.space_id = @space and l.expires_at > @now
                and (@afterNode::uuid is null or (l.node_id, l.token) > (@afterNode, @afterToken))
                and coalesce(n.access_id, p.access_id) = any(@listable)
            order by l.node_id, l.token
            limit @count
            """;
        var args = new
        {
            space,
            now = Now(),
            afterNode = start is null ? (Guid?)null : Id(start[0]),
            afterToken = start is null ? Guid.Empty : Id(start[1]),
            listable = sight.Listable,
            count = count + 1,
        };
        var rows = await connection.QueryAsync<LockRow>(sql, args, ct);
        return Paging.Page(context, query, rows, count, row => row.View(caller), row => [row.NodeId.ToString(), row.Token.ToString()]);
    }

    static Guid Id(string text) => Guid.TryParse(text, out var id) ? id : throw Paging.Invalid();

    static Refusal NotLocked() => new(RefusalKind.NotFound, "The node is not locked.");

    /// <summary>RFC 4918 §7: an exclusive lock stands alone, shared ones stand beside each other.</summary>
    static bool MayStandBeside(LockRow held, LockWish wish, Caller caller) =>
        (held.Shared && wish.Shared) || (held.IsOf(caller) && (held.IsCheckOut || wish.Door != Origin.WebDav));

    /// <summary>Says who holds the lock, to those who may see the node that it protects; and what the locked node is called, to those who may see that.</summary>
    async Task<Refusal> LockedAsync(NpgsqlConnection connection, Caller caller, SpaceId space, NodeId node, LockRow held, CancellationToken ct)
    {
        if (await access.OnNodeAsync(connection, caller, space, node, ct) is not { } asked || !asked.Allows(Rights.List))
            return new Refusal(RefusalKind.Locked, "This is locked by somebody else.");
        var visible = await access.OnNodeAsync(connection, caller, space, held.NodeId, ct) is { } seen && seen.Allows(Rights.List);
        var name = visible
            ? await connection.QuerySingleOrDefaultAsync<string>("select name from nodes where space_id = @space and id = @node", new { space, node = held.NodeId }, ct)
            : null;
        return new Refusal(RefusalKind.Locked, held.Sentence(string.IsNullOrEmpty(name) ? "This" : name)) { Lock = held.View(caller) };
    }

    static Task<List<LockRow>> FindAsync(NpgsqlConnection connection, SpaceId space, NodeId node, DateTimeOffset now, CancellationToken ct) => connection.QueryAsync<LockRow>(
        $"""
        with recursive up (id, parent_id, hops) as (
            select n.id, n.parent_id, 0 from nodes n where n.space_id = @space and n.id = @node
            union all
            select p.id, p.parent_id, up.hops + 1
            from up
            join nodes p on p.space_id = @space and p.id = up.parent_id
            where up.hops < 300
        )
        select {LockRow.Columns}
        from up
        join node_locks l on l.space_id = @space and l.node_id = up.id and (up.hops = 0 or l.deep) and l.expires_at > @now
        left join users u on u.id = l.user_id
        order by up.hops, l.created_at
        """,
        new { space, node, now },
        ct);

    /// <summary>From the few locks upwards, not from the folder down.</summary>
    static Task<List<LockRow>> BelowAsync(NpgsqlConnection connection, SpaceId space, NodeId folder, DateTimeOffset now, CancellationToken ct) => connection.QueryAsync<LockRow>(
        $"""
        with recursive up (token, id) as (
            select l.token, n.parent_id
            from node_locks l
            join nodes n on n.space_id = @space and n.id = l.node_id
            where l.space_id = @space and l.expires_at > @now
            union all
            select up.token, p.parent_id
            from up
            join nodes p on p.space_id = @space and p.id = up.id
        )
        select {LockRow.Columns}
        from up
        join node_locks l on l.space_id = @space and l.token = up.token
        left join users u on u.id = l.user_id
        where up.id = @folder
        order by l.created_at
        """,
        new { space, folder, now },
        ct);

    async Task<T> ChangeAsync<T>(Caller caller, SpaceId space, NodeId node, Rights needed, Func<LockChange, Task<T>> work, CancellationToken ct)
    {
        // Refusals are recorded here, outside the transaction that they roll back.
        await access.RequireAsync(db, caller, space, node, needed, ct);
        return await turns.RunAsync(space, files.Value.CommitWaitSeconds, () => db.InTransactionAsync(async tx =>
        {
            if (await SpaceLock.TakeAsync(tx, space, files.Value.CommitWaitSeconds, ct) is null)
                throw Refusal.NotFound("space");
            var held = await access.OnNodeAsync(tx, caller, space, node, ct);
            if (held is null || !held.Allows(needed))
                throw Refusal.NotFound("node");
            var row = await tx.QuerySingleAsync<NameRow>("select name, kind::int as kind from nodes where space_id = @space and id = @node", new { space, node }, ct);
            return await work(new LockChange(tx, caller, space, node, row.Name, row.Kind, Now()));
        }, ct), ct);
    }

    async Task RequireRoomAsync(LockChange change, CancellationToken ct)
    {
        var count = await change.Tx.QuerySingleAsync<long>(
            "select count(*) from node_locks where space_id = @space and user_id = @user", new { change.Space, user = change.Caller.UserId }, ct);
        if (count >= options.Value.MaxLocksPerUser)
            throw new Refusal(RefusalKind.Unprocessable, $"You hold {count} locks in this space, and more are not given out. Give some back.") { Limit = options.Value.MaxLocksPerUser };
    }

    async Task<LockRow> InsertAsync(LockChange change, LockWish wish, CancellationToken ct)
    {
        var made = new LockRow(
            Guid.CreateVersion7(), change.Node, change.Caller.UserId, change.Caller.Name, wish.Owner, wish.Reason, wish.Shared, wish.Deep, wish.Door,
            change.Now, change.Now, Until(change.Now, wish.For));
        const string sql =
            """
            insert into node_locks (space_id, token, node_id, user_id, owner, reason, shared, deep, origin, created_at, refreshed_at, expires_at)
            values (@space, @Token, @NodeId, @UserId, @Owner, @Reason, @Shared, @Deep, @origin, @CreatedAt, @RefreshedAt, @ExpiresAt)
            """;
        var args = new
        {
            space = change.Space,
            made.Token,
            made.NodeId,
            made.UserId,
            made.Owner,
            made.Reason,
            made.Shared,
            made.Deep,
            origin = (short)made.Origin,
            made.CreatedAt,
            made.RefreshedAt,
            made.ExpiresAt,
        };
        await change.Tx.ExecuteAsync(sql, args, ct);
        await RecordAsync(change, made, "lock.take", ct);
        return made;
    }

    async Task<LockRow> ExtendAsync(LockChange change, LockRow held, TimeSpan? time, CancellationToken ct)
    {
        var extended = held with { RefreshedAt = change.Now, ExpiresAt = Until(change.Now, time) };
        const string sql =
            """
            update node_locks set refreshed_at = @RefreshedAt, expires_at = @ExpiresAt, reason = @Reason, deep = @Deep, shared = @Shared
            where space_id = @space and token = @Token
            """;
        await change.Tx.ExecuteAsync(
            sql, new { space = change.Space, extended.Token, extended.RefreshedAt, extended.ExpiresAt, extended.Reason, extended.Deep, extended.Shared }, ct);
        await RecordAsync(change, extended, "lock.refresh", ct);
        return extended;
    }

    async Task EndAsync(LockChange change, IReadOnlyList<LockRow> ended, string action, CancellationToken ct)
    {
        await change.Tx.ExecuteAsync(
            "delete from node_locks where space_id = @space and token = any(@tokens)", new { space = change.Space, tokens = ended.Select(held => held.Token).ToArray() }, ct);
        foreach (var held in ended)
            await RecordAsync(change, held, action, ct);
    }

    Task RecordAsync(LockChange change, LockRow held, string action, CancellationToken ct)
    {
        var reason = held.Reason is null ? "" : $",\"reason\":\"{JsonEncodedText.Encode(held.Reason)}\"";
        var detail = $"{{\"lock\":\"{held.Token}\",\"holder\":\"{JsonEncodedText.Encode(held.Holder)}\",\"until\":\"{held.ExpiresAt:O}\",\"door\":\"{held.Origin.ToString().ToLowerInvariant()}\"{reason}}}";
        return log.AppendAsync(
            change.Tx, new AuditRecord(change.Caller.Actor, action, AuditOutcome.Done, change.Space, held.NodeId, change.Name, detail), ct);
    }

    DateTimeOffset Until(DateTimeOffset now, TimeSpan? time)
    {
        var most = TimeSpan.FromMinutes(options.Value.MaxLockMinutes);
        var asked = time ?? TimeSpan.FromMinutes(options.Value.LockMinutes);
        return now + (asked < most ? asked : most);
    }

    /// <summary>PostgreSQL keeps microseconds.</summary>
    DateTimeOffset Now()
    {
        var now = clock.GetUtcNow();
        return new DateTimeOffset(now.Ticks - (now.Ticks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);
    }

    sealed record NameRow(string Name, NodeKind Kind);

    /// <summary>A change of locks in its transaction: where, by whom, when.</summary>
    sealed record LockChange(NpgsqlConnection Tx, Caller Caller, SpaceId Space, NodeId Node, string Name, NodeKind Kind, DateTimeOffset Now);
}
