using FileServer.Audit;
using FileServer.Database;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Identity;

/// <summary>
/// Checks passwords. Whether an account exists, is disabled or has another password, the answer, its time and the
/// waiting after failures are the same.
/// </summary>
sealed class SignIn(
    NpgsqlDataSource db,
    AuditLog log,
    Sessions sessions,
    LoginThrottle throttle,
    PasswordHasher hasher,
    PasswordPolicy policy,
    Callers callers,
    IOptions<IdentityOptions> options) : IDisposable
{
    const int Lanes = 64;

    // Attempts for one name go one after the other: guesses in parallel would all be let through before the first is counted.
    readonly SemaphoreSlim[] lanes = [.. Enumerable.Range(0, Lanes).Select(_ => new SemaphoreSlim(1))];
    int waiting;

    public async Task<SessionTokens> LoginAsync(HttpContext context, LoginRequest request, CancellationToken ct)
    {
        if (string.IsNullOrEmpty(request.User) || request.Password is null)
            throw Refusal.Invalid("Send {\"user\": …, \"password\": …}.");
        PasswordPolicy.RequireHashable(request.Password);
        var account = await CheckAsync(context, request.User, request.Password, ct);
        var renewed = hasher.IsOutdated(account.PasswordHash!) ? await hasher.HashAsync(request.Password, ct) : null;
        var session = Guid.CreateVersion7();
        var ip = context.Connection.RemoteIpAddress;
        return await db.InTransactionAsync(
            async tx =>
            {
                await LoginThrottle.ClearAsync(tx, AccountNames.Key(account.Name), ct);
                if (renewed is not null)
                    await tx.ExecuteAsync("update users set password_hash = @renewed where id = @id", new { renewed, id = account.Id }, ct);
                var tokens = await sessions.StartAsync(tx, account.Id, account.SecurityStamp, session, request.Device, ip, ct);
                var actor = new Actor(account.Id, account.Name, AuthKind.Session, session, ip, context.TraceIdentifier);
                await log.AppendAsync(tx, new AuditRecord(actor, "auth.login", AuditOutcome.Done, Subject: account.Name, DetailJson: Detail.Of(("device", request.Device))), ct);
                return tokens;
            },
            ct);
    }

    /// <summary>Changes one's own password: every other device is signed out, this one goes on with a new session.</summary>
    public async Task<SessionTokens> ChangePasswordAsync(HttpContext context, Caller caller, PasswordChange change, CancellationToken ct)
    {
        if (caller.Auth != AuthKind.Session)
            throw Refusal.Forbidden("A password is changed by who signed in with it, not with a personal access token.");
        if (change.Current is null)
            throw Refusal.Invalid("Send {\"current\": …, \"new\": …}.");
        PasswordPolicy.RequireHashable(change.Current);
        policy.Require(change.New, caller.Name);
        await CheckAsync(context, caller.Name, change.Current, ct);
        var hash = await hasher.HashAsync(change.New, ct);
        var (session, stamp) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var tokens = await db.InTransactionAsync(
            async tx =>
            {
                await tx.ExecuteAsync(
                    "update users set password_hash = @hash, security_stamp = @stamp where id = @id", new { hash, stamp, id = caller.UserId }, ct);
                await LoginThrottle.ClearAsync(tx, AccountNames.Key(caller.Name), ct);
                await sessions.EndAllAsync(tx, caller.UserId, except: null, "password changed", ct);
                await log.AppendAsync(tx, new AuditRecord(caller.Actor, "user.password", AuditOutcome.Done, Subject: caller.Name), ct);
                return await sessions.StartAsync(tx, caller.UserId, stamp, session, device: null, caller.Ip, ct);
            },
            ct);
        callers.Forget();
        return tokens;
    }

    public void Dispose() => Array.ForEach(lanes, lane => lane.Dispose());

    /// <exception cref="Refusal">Wrong name, wrong password, disabled, or too many attempts.</exception>
    async Task<Account> CheckAsync(HttpContext context, string name, string password, CancellationToken ct)
    {
        // A name that no account can have goes the same way as one that no account has.
        var key = AccountNames.IsUserName(name) ? AccountNames.Key(name) : "?";
        if (Interlocked.Increment(ref waiting) > options.Value.MaxQueuedHashes)
        {
            Interlocked.Decrement(ref waiting);
            throw Refusal.TooManyRequests("Too many people are signing in at this moment.", 2);
        }
        var lane = lanes[(uint)StringComparer.Ordinal.GetHashCode(key) % Lanes];
        try
        {
            await lane.WaitAsync(ct);
            try
            {
                return await CheckInLaneAsync(context, key, password, ct);
            }
            finally
            {
                lane.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }
    }

    async Task<Account> CheckInLaneAsync(HttpContext context, string key, string password, CancellationToken ct)
    {
        var ip = context.Connection.RemoteIpAddress;
        await throttle.AdmitAsync(key, ip, ct);
        var account = await db.QuerySingleOrDefaultAsync<Account>(
            "select id, name, password_hash, security_stamp, disabled_at is not null as disabled from users where name_key = @key", new { key }, ct);
        var right = await hasher.VerifyAsync(password, account?.PasswordHash, ct);
        if (right && account is { Disabled: false })
            return account;
        // Past this point a client that leaves must not undo the count.
        await db.InTransactionAsync(
            async tx =>
            {
                var failed = await throttle.CountFailureAsync(tx, key, ip, CancellationToken.None);
                await log.AppendAsync(tx, Failure(context, account, failed), CancellationToken.None);
            },
            CancellationToken.None);
        throw new Refusal(RefusalKind.WrongCredentials, "There is no such user with this password.");
    }

    /// <summary>A name that no account has is not written down: people type their passwords there by mistake.</summary>
    static AuditRecord Failure(HttpContext context, Account? account, FailedSignIns failed) => new(
        Actor.Anonymous(context),
        "auth.login",
        AuditOutcome.Refused,
        Subject: account?.Name ?? "(unknown name)",
        DetailJson: Detail.Of(
            ("reason", account is null ? "unknown" : account.Disabled ? "disabled" : "password"),
            ("failures", failed.Failures.ToString()),
            ("blockedUntil", failed.BlockedUntil?.ToString("O"))));

    sealed record Account(UserId Id, string Name, string? PasswordHash, Guid SecurityStamp, bool Disabled);
}
