using FileServer.Access;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Storage;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Files.Quotas;

/// <summary>
/// Promises room in a space's quota to a request before its bytes come, so that nobody sends in vain and uploads side by
/// side never promise more than there is. Spaces without a quota need none of this.
/// </summary>
sealed class QuotaReservations(NpgsqlDataSource db, TimeProvider clock, IOptions<QuotaOptions> options, IOptions<StorageOptions> storage)
{
    const int PackMinutes = 60;

    /// <summary>Room for so many bytes, until the changeset of this id has used it or the reservation is disposed of.</summary>
    /// <returns>Null when nothing has to be reserved.</returns>
    /// <exception cref="Refusal">There is not enough room.</exception>
    public async Task<QuotaReservation?> ReserveAsync(SpaceRow space, Guid id, long? bytes, CancellationToken ct)
    {
        if (space.QuotaBytes is not { } quota || bytes is not { } wanted)
            return null;
        if (wanted > quota - space.UsedBytes)
            throw Refusal.QuotaExceeded(quota);
        if (wanted < options.Value.ReserveFromBytes)
            return null;
        await db.InTransactionAsync(tx => InsertAsync(tx, space.Id, id, wanted, clock.GetUtcNow().AddHours(options.Value.ReservationHours), ct), ct);
        return new QuotaReservation(db, space.Id, id);
    }

    /// <summary>Room for one more pack of chunks of a caller; what their packs have reserved is used up by their next changeset.</summary>
    public async Task ReservePackAsync(Caller caller, SpaceRow space, long bytes, CancellationToken ct)
    {
        if (space.QuotaBytes is not null)
            await db.InTransactionAsync(tx => InsertAsync(tx, space.Id, caller.UserId.Value, bytes, clock.GetUtcNow().AddMinutes(PackMinutes), ct), ct);
    }

    /// <summary>Until the transaction ends nobody else promises room in this space.</summary>
    public static Task LockAsync(NpgsqlConnection tx, SpaceId space, CancellationToken ct) =>
        tx.ExecuteAsync("select pg_advisory_xact_lock(hashtextextended('quota' || @space::text, 0))", new { space = space.Value }, ct);

    /// <summary>What an earlier process of this name had promised is void: its requests ended with it.</summary>
    public Task ForgetOwnAsync(CancellationToken ct) =>
        db.ExecuteAsync("delete from quota_reservations where holder = @holder or expires_at <= @now", new { holder = storage.Value.NodeName, now = clock.GetUtcNow() }, ct);

    async Task InsertAsync(NpgsqlConnection tx, SpaceId space, Guid id, long bytes, DateTimeOffset expires, CancellationToken ct)
    {
        await LockAsync(tx, space, ct);
        const string sql =
            """
            insert into quota_reservations as r (space_id, id, bytes, holder, expires_at)
            select s.id, @id, @bytes, @holder, @expires
            from spaces s
            where s.id = @space and (s.quota_bytes is null or s.used_bytes + reserved_bytes(s.id, '{}') + @bytes <= s.quota_bytes)
            on conflict (space_id, id) do update set bytes = r.bytes + excluded.bytes, expires_at = excluded.expires_at
            """;
        if (await tx.ExecuteAsync(sql, new { space, id, bytes, holder = storage.Value.NodeName, expires }, ct) > 0)
            return;
        var quota = await tx.QuerySingleOrDefaultAsync<long?>("select quota_bytes from spaces where id = @space", new { space }, ct) ?? throw Refusal.NotFound("space");
        throw Refusal.QuotaExceeded(quota);
    }
}

/// <summary>Room that is promised to one request; what it has not used is given back when it ends.</summary>
sealed class QuotaReservation(NpgsqlDataSource db, SpaceId space, Guid id) : IAsyncDisposable
{
    // The changeset that used the room has removed the row itself, in its transaction. A client that has left changes nothing about that.
    public async ValueTask DisposeAsync() =>
        await db.ExecuteAsync("delete from quota_reservations where space_id = @space and id = @id", new { space, id }, CancellationToken.None);
}

/// <summary>Clears away at the start what requests of a process that crashed had reserved.</summary>
sealed class QuotaStart(QuotaReservations reservations) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => reservations.ForgetOwnAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
