using FileServer.Database;
using FileServer.Files.Quotas;
using FileServer.Http;
using FileServer.Protocol;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Uploads;

/// <summary>The rows of uploads. A client is told of an offset only after its row holds it.</summary>
sealed class UploadTable(NpgsqlDataSource db, TimeProvider clock, IOptions<UploadsOptions> options)
{
    UploadsOptions Limits => options.Value;

    public Task<UploadRow?> FindAsync(Guid id, CancellationToken ct) => db.QuerySingleOrDefaultAsync<UploadRow>(
        """
        select id, user_id, kind, state, space_id, parent_id, length, durable_offset, metadata, concat, pack_id, created_at, expires_at
        from uploads
        where id = @id
        """,
        new { id },
        ct);

    /// <summary>The parts that an upload joins, in the order of the ids; those that are not there are missing here too.</summary>
    public async Task<IReadOnlyList<UploadRow>> FindManyAsync(IReadOnlyCollection<Guid> ids, CancellationToken ct) => await db.QueryAsync<UploadRow>(
        """
        select u.id, u.user_id, u.kind, u.state, u.space_id, u.parent_id, u.length, u.durable_offset, u.metadata, u.concat, u.pack_id, u.created_at, u.expires_at
        from unnest(@ids) with ordinality as asked (id, place)
        join uploads u on u.id = asked.id
        order by asked.place
        """,
        new { ids = ids.ToArray() },
        ct);

    /// <summary>Adds an upload that goes on with later requests, unless its user has too many or the space would overflow when all under way were finished.</summary>
    /// <exception cref="Refusal">A limit is reached.</exception>
    public Task AddAsync(UploadRow row, Guid? session, long? quota, CancellationToken ct) => db.InTransactionAsync(
        async tx =>
        {
            // One at a time for each user, so that many requests at once cannot pass the limits together.
            await tx.ExecuteAsync("select pg_advisory_xact_lock(hashtextextended('uploads' || @user::text, 0))", new { user = row.UserId.Value }, ct);
            if (quota is not null && row.SpaceId is { } space)
                await QuotaReservations.LockAsync(tx, space, ct);
            await RequireRoomAsync(tx, row, quota, ct);
            await InsertAsync(tx, row, session, ct);
        },
        ct);

    /// <summary>Remembers an upload that began and ended in one request: for HEAD and DELETE, so nobody waits until it is durable.</summary>
    public Task RememberAsync(UploadRow row, Guid? session, CancellationToken ct)
    {
        const string sql =
            """
            with soon as materialized (select set_config('synchronous_commit', 'off', true))
            insert into uploads (id, user_id, session_id, kind, state, space_id, parent_id, length, durable_offset, metadata, concat, pack_id, created_at, touched_at, expires_at)
            select @Id, @UserId, @session, @Kind, @State, @SpaceId, @ParentId, @Length, @DurableOffset, @Metadata, @Concat, @PackId, @CreatedAt, @CreatedAt, @ExpiresAt
            from soon
            """;
        return db.ExecuteAsync(sql, Columns(row, session), ct);
    }

    /// <summary>Stores what a pack proved that its user possesses, together with the upload.</summary>
    public Task AddClaimAsync(UploadRow row, Guid? session, byte[] entries, CancellationToken ct) => db.InTransactionAsync(
        async tx =>
        {
            const string sql =
                """
                insert into pack_claims (space_id, user_id, pack_id, entries, expires_at)
                values (@space, @user, @pack, @entries, @expires)
                on conflict (space_id, user_id, pack_id) do update set expires_at = excluded.expires_at
                """;
            var expires = clock.GetUtcNow().AddHours(Limits.ClaimHours);
            await tx.ExecuteAsync(sql, new { space = row.SpaceId, user = row.UserId, pack = row.PackId, entries, expires }, ct);
            await InsertAsync(tx, row, session, ct);
        },
        ct);

    /// <summary>Records that more bytes are durable. The time until the upload expires begins anew.</summary>
    /// <exception cref="Refusal">Another process went on with the upload meanwhile.</exception>
    public async Task<UploadRow> MoveAsync(UploadRow row, long offset, CancellationToken ct)
    {
        var moved = row with { DurableOffset = offset, ExpiresAt = Expiry(row.CreatedAt) };
        const string sql =
            """
            update uploads
            set durable_offset = @offset, length = @length, touched_at = @now, expires_at = @expires
            where id = @id and state = 0 and durable_offset = @before
            """;
        var args = new { id = row.Id, offset, length = row.Length, before = row.DurableOffset, now = clock.GetUtcNow(), expires = moved.ExpiresAt };
        if (await db.ExecuteAsync(sql, args, ct) == 0)
            throw new Refusal(RefusalKind.OffsetMismatch, "Somebody else goes on with this upload. Ask for its offset.");
        return moved;
    }

    /// <summary>The bytes of the upload are lost: it begins anew, in another pack.</summary>
    public async Task<UploadRow> RestartAsync(UploadRow row, CancellationToken ct)
    {
        var fresh = row with { DurableOffset = 0, PackId = PackId.New() };
        const string sql = "update uploads set durable_offset = 0, pack_id = @pack where id = @id and state = 0 and durable_offset = @before";
        await db.ExecuteAsync(sql, new { id = row.Id, pack = fresh.PackId, before = row.DurableOffset }, ct);
        return fresh;
    }

    /// <summary>All bytes are safe. With what the changeset needs that will name them.</summary>
    public async Task<UploadRow> CompleteAsync(UploadRow row, byte[]? content, CancellationToken ct)
    {
        var done = row with { State = UploadState.Complete, DurableOffset = row.Length!.Value, ExpiresAt = Expiry(row.CreatedAt) };
        const string sql =
            """
            update uploads
            set state = 1, durable_offset = @length, length = @length, content = @content, touched_at = @now, expires_at = @expires
            where id = @id and state = 0
            """;
        await db.ExecuteAsync(sql, new { id = row.Id, length = row.Length, content, now = clock.GetUtcNow(), expires = done.ExpiresAt }, ct);
        return done;
    }

    /// <summary>A pack has been taken: its claim and the upload's end in one commit.</summary>
    public Task ClaimAsync(UploadRow row, byte[] entries, CancellationToken ct)
    {
        const string sql =
            """
            with claimed as (
                insert into pack_claims (space_id, user_id, pack_id, entries, expires_at)
                values (@space, @user, @pack, @entries, @claimExpires)
                on conflict (space_id, user_id, pack_id) do update set expires_at = excluded.expires_at
            )
            update uploads set state = 2, durable_offset = @length, length = @length, expires_at = @expires where id = @id
            """;
        var args = new
        {
            id = row.Id,
            space = row.SpaceId,
            user = row.UserId,
            pack = row.PackId,
            entries,
            length = row.Length,
            claimExpires = clock.GetUtcNow().AddHours(Limits.ClaimHours),
            expires = Forgotten(),
        };
        return db.ExecuteAsync(sql, args, ct);
    }

    /// <summary>A committed upload is remembered for a while, counted from now.</summary>
    public Task KeepAsync(Guid id, CancellationToken ct) =>
        db.ExecuteAsync("update uploads set expires_at = @expires where id = @id and state = 2", new { id, expires = Forgotten() }, ct);

    public Task EndAsync(Guid id, CancellationToken ct) =>
        db.ExecuteAsync("update uploads set state = 3, content = null, expires_at = @expires where id = @id", new { id, expires = Forgotten() }, ct);

    /// <summary>Where the version stands that an upload became; the changeset carries the upload's id. Null if another changeset named it.</summary>
    public Task<CommittedFile?> CommittedAsync(UploadRow row, CancellationToken ct) => db.QuerySingleOrDefaultAsync<CommittedFile>(
        """
        select v.node_id, v.number
        from changesets c
        join versions v on v.space_id = c.space_id and v.revision = c.revision
        where c.space_id = @space and c.id = @id
        limit 1
        """,
        new { space = row.SpaceId, id = row.Id },
        ct);

    /// <summary>The bytes that the space has room for, what is promised to other uploads left out; the commit decides, this only spares the client to send more in vain.</summary>
    public async Task<(long Room, long Quota)?> QuotaAsync(SpaceId space, Guid upload, CancellationToken ct)
    {
        const string sql =
            """
            select s.quota_bytes as bytes, s.used_bytes + reserved_bytes(s.id, array[@upload]) as used
            from spaces s
            where s.id = @space and s.quota_bytes is not null
            """;
        return await db.QuerySingleOrDefaultAsync<Quota>(sql, new { space, upload }, ct) is { } found ? (found.Bytes - found.Used, found.Bytes) : null;
    }

    public DateTimeOffset Expiry(DateTimeOffset createdAt)
    {
        var (idle, age) = (clock.GetUtcNow().AddHours(Limits.ExpiryHours), createdAt.AddHours(Limits.MaxAgeHours));
        return idle < age ? idle : age;
    }

    public DateTimeOffset Forgotten() => clock.GetUtcNow().AddHours(Limits.RememberHours);

    async Task RequireRoomAsync(NpgsqlConnection tx, UploadRow row, long? quota, CancellationToken ct)
    {
        const string sql =
            """
            select count(*) filter (where u.user_id = @user and u.state = 0) as open,
                   count(*) filter (where u.user_id = @user and u.state = 0 and u.touched_at > @recently) as active,
                   coalesce(sum(u.length) filter (where u.user_id = @user and u.kind = 2), 0)::bigint as part_bytes,
                   case when @limited then reserved_bytes(@space, array[@id]) else 0 end as reserved,
                   (select s.used_bytes from spaces s where s.id = @space) as used
            from uploads u
            where u.state in (0, 1) and u.expires_at > @now and u.user_id = @user
            """;
        var now = clock.GetUtcNow();
        var room = await tx.QuerySingleAsync<Room>(sql, new { user = row.UserId, space = row.SpaceId?.Value, id = row.Id, limited = quota is not null, now, recently = now.AddMinutes(-5) }, ct);
        if (row.State == UploadState.Receiving && room.Active >= Limits.MaxActivePerUser)
            throw Refusal.TooManyRequests($"You have {room.Active} uploads under way, as many as are allowed at the same time. Finish some first.", 30);
        if (row.State == UploadState.Receiving && room.Open >= Limits.MaxOpenPerUser)
            throw Refusal.TooManyRequests($"You have {room.Open} unfinished uploads. Finish or delete some, or wait until they expire.", 3600);
        if (row.Kind == UploadKind.Part && room.PartBytes + (row.Length ?? 0) > Limits.MaxPartBytesPerUser)
            throw new Refusal(RefusalKind.QuotaExceeded, "Your parts that wait to be joined take as much room as is allowed.") { Limit = Limits.MaxPartBytesPerUser };
        if (row.Kind == UploadKind.File && quota is { } most && room.Used + room.Reserved + (row.Length ?? 0) > most)
            throw Refusal.QuotaExceeded(most);
    }

    static Task InsertAsync(NpgsqlConnection tx, UploadRow row, Guid? session, CancellationToken ct) => tx.ExecuteAsync(
        """
        insert into uploads (id, user_id, session_id, kind, state, space_id, parent_id, length, durable_offset, metadata, concat, pack_id, created_at, touched_at, expires_at)
        values (@Id, @UserId, @session, @Kind, @State, @SpaceId, @ParentId, @Length, @DurableOffset, @Metadata, @Concat, @PackId, @CreatedAt, @CreatedAt, @ExpiresAt)
        """,
        Columns(row, session),
        ct);

    static object Columns(UploadRow row, Guid? session) => new
    {
        row.Id,
        UserId = row.UserId.Value,
        session,
        Kind = (short)row.Kind,
        State = (short)row.State,
        SpaceId = row.SpaceId?.Value,
        ParentId = row.ParentId?.Value,
        row.Length,
        row.DurableOffset,
        row.Metadata,
        row.Concat,
        PackId = row.PackId.Value,
        row.CreatedAt,
        row.ExpiresAt,
    };

    sealed record Quota(long Bytes, long Used);

    sealed record Room(long Open, long Active, long PartBytes, long Reserved, long? Used);
}

/// <summary>The version that an upload became.</summary>
sealed record CommittedFile(NodeId NodeId, int Number);
