using System.Net;
using System.Security.Cryptography;
using FileServer.Audit;
using FileServer.Database;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Identity;

/// <summary>
/// Signed-in devices. A session is a family of refresh tokens, of which one is current; using an older one ends the
/// session, since somebody has a copy.
/// </summary>
sealed class Sessions(
    NpgsqlDataSource db, AuditLog log, ServerKeys keys, AccessTokens accessTokens, Callers callers, IOptions<IdentityOptions> options, TimeProvider clock)
{
    /// <summary>Starts a session for somebody whose password has just been found right.</summary>
    public async Task<SessionTokens> StartAsync(NpgsqlConnection tx, UserId user, Guid stamp, Guid id, string? device, IPAddress? ip, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var token = RefreshToken.First(id);
        await tx.ExecuteAsync(
            """
            with seen as (update users set last_seen_at = @now where id = @user)
            insert into sessions (id, user_id, security_stamp, refresh_hash, device, client_ip, created_at, last_used_at, expires_at)
            values (@id, @user, @stamp, @hash, @device, @ip, @now, @now, @expires)
            """,
            new { id, user, stamp, hash = token.Hash(), device = AuditRecord.Canonical(device, 128), ip, now, expires = now.AddDays(options.Value.SessionDays) },
            ct);
        return Tokens(user, stamp, token);
    }

    /// <summary>The next pair of tokens for the current refresh token.</summary>
    public async Task<SessionTokens> RefreshAsync(HttpContext context, string? refreshToken, CancellationToken ct)
    {
        var token = RefreshToken.Read(refreshToken, keys.Refresh) ?? throw Refusal.NotSignedIn("This is no refresh token of this server. Sign in again.");
        var (outcome, session) = await db.InTransactionAsync(tx => RefreshAsync(tx, context, token, ct), ct);
        if (outcome == Refreshed.Reused)
            callers.Forget();
        return outcome switch
        {
            // The grace answers with what the first of two racing requests has got: the successor of this same token.
            Refreshed.Rotated or Refreshed.Repeated => Tokens(session!.UserId, session.SecurityStamp, token.Successor(keys.Refresh)),
            Refreshed.Expired => throw new Refusal(RefusalKind.TokenExpired, "The session has expired. Sign in again."),
            Refreshed.Ended => throw new Refusal(RefusalKind.TokenRevoked, "The session has ended. Sign in again."),
            Refreshed.Reused => throw new Refusal(RefusalKind.TokenRevoked, "This refresh token was used before, so somebody may have a copy: the session has been ended. Sign in again."),
        };
    }

    /// <summary>Ends the session of a refresh token; a token of no session is fine, since the aim is reached.</summary>
    public async Task EndAsync(HttpContext context, string refreshToken, CancellationToken ct)
    {
        if (RefreshToken.Read(refreshToken, keys.Refresh) is { } token)
            await EndAsync(null, token.Session, context, ct);
    }

    /// <summary>Ends one session at its owner's wish, or at an administrator's.</summary>
    /// <param name="by">Who ends it; null: whoever holds its refresh token.</param>
    /// <returns>Whether there was such a session that had not ended.</returns>
    public async Task<bool> EndAsync(Caller? by, Guid id, HttpContext context, CancellationToken ct, bool anybodys = false)
    {
        var ended = await db.InTransactionAsync(
            async tx =>
            {
                var owner = await tx.QuerySingleOrDefaultAsync<Owner>(
                    """
                    update sessions s set revoked_at = @now, revoked_reason = @reason
                    from users u
                    where s.id = @id and s.revoked_at is null and u.id = s.user_id and (@user::uuid is null or u.id = @user)
                    returning u.id, u.name
                    """,
                    new { id, now = clock.GetUtcNow(), user = anybodys ? null : by?.UserId, reason = by is null ? "logout" : "ended" },
                    ct);
                if (owner is null)
                    return false;
                var actor = by?.Actor ?? new Actor(owner.Id, owner.Name, AuthKind.Session, id, context.Connection.RemoteIpAddress, context.TraceIdentifier);
                await log.AppendAsync(tx, new AuditRecord(actor, by is null ? "auth.logout" : "session.end", AuditOutcome.Done, Subject: owner.Name, DetailJson: Detail.Of(("session", id.ToString()))), ct);
                return true;
            },
            ct);
        callers.Forget();
        return ended;
    }

    /// <summary>Ends all sessions of an account except perhaps one.</summary>
    public Task EndAllAsync(NpgsqlConnection tx, UserId user, Guid? except, string reason, CancellationToken ct) => tx.ExecuteAsync(
        """
        update sessions set revoked_at = @now, revoked_reason = @reason
        where user_id = @user and revoked_at is null and id is distinct from @except::uuid
        """,
        new { user, except, reason, now = clock.GetUtcNow() },
        ct);

    /// <summary>Running sessions, the newest first: of one account, or of all.</summary>
    public Task<List<SessionRow>> ListAsync(UserId? user, Guid? before, int count, CancellationToken ct) => db.QueryAsync<SessionRow>(
        """
        select s.id, u.name, s.device, s.created_at, s.last_used_at, least(s.expires_at, s.last_used_at + @idle) as expires_at
        from sessions s join users u on u.id = s.user_id
        where (@user::uuid is null or s.user_id = @user) and (@before::uuid is null or s.id < @before)
            and s.revoked_at is null and s.expires_at > @now and s.last_used_at + @idle > @now and s.security_stamp = u.security_stamp
        order by s.id desc
        limit @count
        """,
        new { user, before, count, now = clock.GetUtcNow(), idle = Idle },
        ct);

    /// <summary>Removes sessions that ended long ago.</summary>
    public Task SweepAsync(CancellationToken ct) => db.ExecuteAsync(
        "delete from sessions where expires_at < @old or last_used_at + @idle < @old or revoked_at < @old",
        new { old = clock.GetUtcNow().AddDays(-30), idle = Idle },
        ct);

    TimeSpan Idle => TimeSpan.FromDays(options.Value.SessionIdleDays);

    async Task<(Refreshed, Family?)> RefreshAsync(NpgsqlConnection tx, HttpContext context, RefreshToken token, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var hash = token.Hash();
        var family = await tx.QuerySingleOrDefaultAsync<Family>(
            """
            select s.user_id, u.name, s.refresh_hash, s.previous_hash, s.rotated_at, s.last_used_at, s.expires_at,
                s.revoked_at is not null or u.disabled_at is not null or s.security_stamp <> u.security_stamp as ended, s.security_stamp
            from sessions s join users u on u.id = s.user_id
            where s.id = @session
            for update of s
            """,
            new { session = token.Session },
            ct);
        if (family is null || family.Ended)
            return (Refreshed.Ended, null);
        if (family.ExpiresAt <= now || family.LastUsedAt + Idle <= now)
            return (Refreshed.Expired, null);
        var actor = new Actor(family.UserId, family.Name, AuthKind.Session, token.Session, context.Connection.RemoteIpAddress, context.TraceIdentifier);
        if (CryptographicOperations.FixedTimeEquals(hash, family.RefreshHash))
        {
            await RotateAsync(tx, token, hash, now, ct);
            await log.AppendAsync(tx, new AuditRecord(actor, "auth.refresh", AuditOutcome.Done, Subject: family.Name), ct);
            return (Refreshed.Rotated, family);
        }
        if (family.PreviousHash is { } previous && CryptographicOperations.FixedTimeEquals(hash, previous)
            && now - family.RotatedAt <= TimeSpan.FromSeconds(options.Value.RefreshGraceSeconds))
            return (Refreshed.Repeated, family);
        await tx.ExecuteAsync(
            "update sessions set revoked_at = @now, revoked_reason = 'reuse' where id = @session", new { session = token.Session, now }, ct);
        await log.AppendAsync(tx, new AuditRecord(actor, "auth.reuse", AuditOutcome.Refused, Subject: family.Name), ct);
        return (Refreshed.Reused, null);
    }

    Task RotateAsync(NpgsqlConnection tx, RefreshToken token, byte[] hash, DateTimeOffset now, CancellationToken ct) => tx.ExecuteAsync(
        """
        with session as (
            update sessions set refresh_hash = @next, previous_hash = @hash, rotated_at = @now, last_used_at = @now
            where id = @session
            returning user_id)
        update users u set last_seen_at = @now from session s where u.id = s.user_id
        """,
        new { session = token.Session, next = token.Successor(keys.Refresh).Hash(), hash, now },
        ct);

    SessionTokens Tokens(UserId user, Guid stamp, RefreshToken token) =>
        new(accessTokens.Issue(new AccessClaims(user, token.Session, stamp)), accessTokens.LifetimeSeconds, token.Write(keys.Refresh));

    enum Refreshed
    {
        Rotated,
        Repeated,
        Expired,
        Ended,
        Reused,
    }

    sealed record Owner(UserId Id, string Name);

    sealed record Family(
        UserId UserId, string Name, byte[] RefreshHash, byte[]? PreviousHash, DateTimeOffset? RotatedAt, DateTimeOffset LastUsedAt, DateTimeOffset ExpiresAt, bool Ended, Guid SecurityStamp);
}

/// <summary>A running session as lists show it.</summary>
sealed record SessionRow(Guid Id, string Name, string? Device, DateTimeOffset CreatedAt, DateTimeOffset LastUsedAt, DateTimeOffset ExpiresAt);
