using FileServer.Database;
using FileServer.Http;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Rest;

/// <summary>The requests that carried an Idempotency-Key, and their answers.</summary>
sealed class IdempotencyTable(NpgsqlDataSource db, IOptions<RestOptions> options, TimeProvider clock)
{
    /// <summary>A request takes less; one that is older has died with its server, and may be sent again.</summary>
    static readonly TimeSpan Longest = TimeSpan.FromMinutes(2);

    /// <summary>Takes the key for a request, unless the same one was answered before.</summary>
    /// <returns>The sealed answer of the first request; null when this one is the first.</returns>
    /// <exception cref="Refusal">The first request is still under way, or was another one.</exception>
    public async Task<byte[]?> TakeAsync(IdempotencyKey key, byte[] mac, DateTimeOffset now, CancellationToken ct)
    {
        const string sql =
            """
            insert into idempotency_keys as k (user_id, key_hash, request_mac, started_at, expires_at)
            select @user, @hash, @mac, @now, @expires
            where (select count(*) from (select from idempotency_keys where user_id = @user and expires_at > @now limit @most) as held) < @most
            on conflict (user_id, key_hash) do update set request_mac = excluded.request_mac, started_at = excluded.started_at, expires_at = excluded.expires_at, answer = null
            where k.expires_at <= @now or (k.answer is null and k.started_at <= @abandoned)
            returning true
            """;
        var args = new
        {
            user = key.User,
            hash = key.Hash,
            mac,
            now,
            expires = now.AddHours(options.Value.IdempotencyHours),
            abandoned = now - Longest,
            most = options.Value.MaxIdempotencyKeys,
        };
        if (await db.QuerySingleOrDefaultAsync<bool>(sql, args, ct))
            return null;
        var before = await db.QuerySingleOrDefaultAsync<Before>(
            "select request_mac as mac, answer from idempotency_keys where user_id = @user and key_hash = @hash", new { user = key.User, hash = key.Hash }, ct);
        if (before is null)
            throw Refusal.TooManyRequests($"You have used {options.Value.MaxIdempotencyKeys} idempotency keys lately, as many as are remembered.", 3600);
        if (!before.Mac.AsSpan().SequenceEqual(mac))
            throw new Refusal(RefusalKind.IdempotencyKeyReused, "This key was used for another request. Make a new key for each.");
        return before.Answer ?? throw new Refusal(RefusalKind.IdempotencyInProgress, "The first request with this key is still under way. Ask again in a moment.") { RetryAfterSeconds = 1 };
    }

    public Task KeepAsync(IdempotencyKey key, DateTimeOffset startedAt, byte[] answer, CancellationToken ct) => db.ExecuteAsync(
        "update idempotency_keys set answer = @answer where user_id = @user and key_hash = @hash and started_at = @startedAt",
        new { user = key.User, hash = key.Hash, startedAt, answer },
        ct);

    /// <summary>The request came to nothing: it may be sent again under the same key.</summary>
    public Task ReleaseAsync(IdempotencyKey key, DateTimeOffset startedAt, CancellationToken ct) => db.ExecuteAsync(
        "delete from idempotency_keys where user_id = @user and key_hash = @hash and started_at = @startedAt and answer is null",
        new { user = key.User, hash = key.Hash, startedAt },
        ct);

    public Task SweepAsync(CancellationToken ct) => db.ExecuteAsync("delete from idempotency_keys where expires_at <= @now", new { now = clock.GetUtcNow() }, ct);

    sealed record Before(byte[] Mac, byte[]? Answer);
}
