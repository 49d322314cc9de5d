using System.Collections.Concurrent;
using FileServer.Audit;
using FileServer.Database;
using FileServer.Http;
using FileServer.Protocol;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using Npgsql;

namespace FileServer.Identity;

/// <summary>
/// Finds the caller behind a request's token. A valid signature is not enough: the session or personal token must still
/// stand and its account be enabled, which is read from the database and trusted for a second, so that log-out and
/// group changes take effect on every node at once for all that people can tell, and on this one exactly.
/// </summary>
sealed class Callers(NpgsqlDataSource db, IOptions<IdentityOptions> options, TimeProvider clock)
{
    const int MaxRemembered = 10_000;

    readonly TimeSpan trust = TimeSpan.FromSeconds(options.Value.SessionCacheSeconds);
    readonly ConcurrentDictionary<string, Verified> verified = new(StringComparer.Ordinal);
    volatile ConcurrentDictionary<string, Remembered> standings = new(StringComparer.Ordinal);

    /// <summary>The caller of this request.</summary>
    /// <exception cref="Refusal">There is no token, or it does not hold (any more).</exception>
    public async Task<Caller> FindAsync(HttpContext context, CancellationToken ct)
    {
        if (context.Request.Query.ContainsKey("access_token"))
            throw Refusal.Invalid("A token never goes into the address, where logs and histories keep it: send 'Authorization: Bearer …'.");
        var token = Bearer.In(context) ?? throw Refusal.NotSignedIn();
        return PersonalTokens.IsOne(token) ? await FindByPersonalTokenAsync(token, context, ct) : await FindBySessionAsync(context, ct);
    }

    /// <summary>Forgets what was read before: somebody's rights to be here have changed.</summary>
    public void Forget() => standings = new(StringComparer.Ordinal);

    /// <summary>The caller behind a personal token, also where it comes as a WebDAV password.</summary>
    public async Task<Caller> FindByPersonalTokenAsync(string token, HttpContext context, CancellationToken ct)
    {
        var hash = PersonalTokens.Hash(token);
        var standing = await RememberAsync(Convert.ToHexString(hash), () => ReadPersonalTokenAsync(hash, ct));
        if (standing is null)
            throw Refusal.NotSignedIn("There is no such personal access token.");
        RequireStanding(standing);
        var scope = standing.SpaceId is null && standing.NodeId is null && standing.Rights is null ? null : new TokenScope(standing.SpaceId, standing.NodeId, standing.Rights);
        return ToCaller(standing, AuthKind.PersonalToken, scope, context);
    }

    async Task<Caller> FindBySessionAsync(HttpContext context, CancellationToken ct)
    {
        var claims = await ReadAsync(context);
        var standing = await RememberAsync(claims.Session.ToString(), () => ReadSessionAsync(claims.Session, ct));
        if (standing is null || standing.UserId != claims.User || standing.Stamp != claims.Stamp)
            throw Revoked();
        RequireStanding(standing);
        return ToCaller(standing, AuthKind.Session, null, context);
    }

    /// <summary>What the token says. A signature that was good stays good, so a token is verified once and then remembered until it expires.</summary>
    async Task<AccessClaims> ReadAsync(HttpContext context)
    {
        var token = Bearer.In(context)!;
        if (verified.TryGetValue(token, out var known) && known.Until > clock.GetUtcNow())
            return known.Claims;
        var signed = await context.AuthenticateAsync(AccessTokens.Scheme);
        if (signed.Failure is SecurityTokenExpiredException)
            throw new Refusal(RefusalKind.TokenExpired, "The access token has expired. Get the next one at /api/v1/auth/refresh.");
        if (!signed.Succeeded || AccessTokens.Read(signed.Principal) is not { } claims)
            throw Refusal.NotSignedIn("The access token is not valid. Sign in again.");
        if (verified.Count >= MaxRemembered)
            verified.Clear();
        if (signed.Properties.ExpiresUtc is { } expires)
            verified[token] = new Verified(claims, expires);
        return claims;
    }

    void RequireStanding(Standing standing)
    {
        if (standing.Ended)
            throw Revoked();
        if (standing.ExpiresAt <= clock.GetUtcNow())
            throw new Refusal(RefusalKind.TokenExpired, "The token has expired.");
    }

    static Refusal Revoked() => new(RefusalKind.TokenRevoked, "This token has been ended: by log-out, by a changed password, or by an administrator. Sign in again.");

    static Caller ToCaller(Standing standing, AuthKind kind, TokenScope? scope, HttpContext context) => new(
        standing.UserId,
        standing.Name,
        standing.Role,
        kind,
        standing.CredentialId,
        [standing.UserId.Value, .. standing.Groups],
        scope,
        context.Connection.RemoteIpAddress,
        context.TraceIdentifier);

    async Task<Standing?> RememberAsync(string key, Func<Task<Standing?>> read)
    {
        // The dictionary that is in use before reading: what is read before a change is never remembered after it.
        var remembered = standings;
        var now = clock.GetUtcNow();
        if (remembered.TryGetValue(key, out var known) && known.Until > now)
            return known.Standing;
        var standing = await read();
        if (remembered.Count >= MaxRemembered)
            remembered.Clear();
        if (standing is not null)
            remembered[key] = new Remembered(standing, now + trust);
        return standing;
    }

    Task<Standing?> ReadSessionAsync(Guid session, CancellationToken ct) => db.QuerySingleOrDefaultAsync<Standing>(
        """
        with recursive above (id, depth) as (
            select m.group_id, 1
            from sessions s join group_members m on m.member_id = s.user_id and not m.is_group
            where s.id = @session
            union
            select m.group_id, a.depth + 1
            from above a join group_members m on m.member_id = a.id and m.is_group
            where a.depth < 5)
        select s.id as credential_id, u.id as user_id, u.name, u.role, s.security_stamp as stamp, s.expires_at,
            s.revoked_at is not null or u.disabled_at is not null or s.security_stamp <> u.security_stamp as ended,
            array(select distinct id from above) as groups
        from sessions s join users u on u.id = s.user_id
        where s.id = @session
        """,
        new { session },
        ct);

    async Task<Standing?> ReadPersonalTokenAsync(byte[] hash, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var standing = await db.QuerySingleOrDefaultAsync<Standing>(
            """
            with recursive above (id, depth) as (
                select m.group_id, 1
                from personal_tokens t join group_members m on m.member_id = t.user_id and not m.is_group
                where t.token_hash = @hash
                union
                select m.group_id, a.depth + 1
                from above a join group_members m on m.member_id = a.id and m.is_group
                where a.depth < 5)
            select t.id as credential_id, u.id as user_id, u.name, u.role, t.expires_at, t.space_id, t.node_id, t.rights,
                t.revoked_at is not null or u.disabled_at is not null as ended,
                t.last_used_at is null or t.last_used_at < @minuteAgo as unnoted,
                array(select distinct id from above) as groups
            from personal_tokens t join users u on u.id = t.user_id
            where t.token_hash = @hash
            """,
            new { hash, minuteAgo = now.AddMinutes(-1) },
            ct);
        if (standing is { Unnoted: true, Ended: false })
            await db.ExecuteAsync("update personal_tokens set last_used_at = @now where id = @id", new { id = standing.CredentialId, now }, ct);
        return standing;
    }

    readonly record struct Verified(AccessClaims Claims, DateTimeOffset Until);

    readonly record struct Remembered(Standing Standing, DateTimeOffset Until);

    /// <summary>How a session or personal token stands, and with it its account.</summary>
    sealed record Standing
    {
        public Guid CredentialId { get; init; }

        public UserId UserId { get; init; }

        public string Name { get; init; } = "";

        public AccountRole Role { get; init; }

        public Guid Stamp { get; init; }

        public DateTimeOffset? ExpiresAt { get; init; }

        public bool Ended { get; init; }

        public bool Unnoted { get; init; }

        public SpaceId? SpaceId { get; init; }

        public NodeId? NodeId { get; init; }

        public int? Rights { get; init; }

        public Guid[] Groups { get; init; } = [];
    }
}
