using System.Net;
using System.Net.Sockets;
using FileServer.Database;
using FileServer.Http;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Identity;

/// <summary>
/// Slows down guessing, in the database, so that neither a restart nor a second node forgets: per account a wait that
/// doubles with each failure, per address a number of failures a minute. The address is the connection's own, never
/// what a header says.
/// </summary>
sealed class LoginThrottle(NpgsqlDataSource db, IOptions<IdentityOptions> options, TimeProvider clock)
{
    static readonly TimeSpan Forgotten = TimeSpan.FromDays(1);

    /// <summary>Refuses an attempt while its name or its address has to wait: the same for names that exist and names that do not.</summary>
    public async Task AdmitAsync(string nameKey, IPAddress? ip, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var blockedUntil = await db.QuerySingleOrDefaultAsync<DateTimeOffset?>(
            """
            select max(case when key = @name then blocked_until else last_at + interval '1 minute' end)
            from login_throttle
            where (key = @name and blocked_until > @now)
                or (key = @address and last_at > @minuteAgo and failures >= @maxPerMinute)
            """,
            new { name = UserKey(nameKey), address = AddressKey(ip), now, minuteAgo = now.AddMinutes(-1), maxPerMinute = options.Value.MaxFailuresPerAddressAndMinute },
            ct);
        if (blockedUntil is { } until)
            throw Refusal.TooManyRequests("Too many failed sign-ins. Wait, then try again.", Math.Max(1, (int)Math.Ceiling((until - now).TotalSeconds)));
    }

    /// <summary>Counts a wrong password.</summary>
    /// <returns>How many sign-ins of this name have failed in a row, and until when it now waits.</returns>
    public Task<FailedSignIns> CountFailureAsync(NpgsqlConnection tx, string nameKey, IPAddress? ip, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        // An address's last_at is the start of its minute.
        return tx.QuerySingleAsync<FailedSignIns>(
            """
            with address as (
                insert into login_throttle as t (key, failures, last_at) values (@address, 1, @now)
                on conflict (key) do update set
                    failures = case when t.last_at <= @minuteAgo then 1 else t.failures + 1 end,
                    last_at = case when t.last_at <= @minuteAgo then @now else t.last_at end)
            insert into login_throttle as t (key, failures, last_at) values (@name, 1, @now)
            on conflict (key) do update set
                failures = case when t.last_at < @forgotten then 1 else t.failures + 1 end,
                blocked_until = case when t.last_at >= @forgotten and t.failures + 1 >= @free
                    then @now + least(@max, power(2, least(t.failures + 1 - @free, 30))) * interval '1 second' end,
                last_at = @now
            returning failures, blocked_until
            """,
            new
            {
                address = AddressKey(ip),
                name = UserKey(nameKey),
                now,
                minuteAgo = now.AddMinutes(-1),
                forgotten = now - Forgotten,
                free = options.Value.FreeFailures,
                max = options.Value.MaxBackoffSeconds,
            },
            ct);
    }

    /// <summary>The password was right, or an administrator has set a new one: the name starts anew.</summary>
    public static Task ClearAsync(NpgsqlConnection tx, string nameKey, CancellationToken ct) =>
        tx.ExecuteAsync("delete from login_throttle where key = @name", new { name = UserKey(nameKey) }, ct);

    /// <summary>Removes what no decision depends on any more.</summary>
    public Task SweepAsync(CancellationToken ct) =>
        db.ExecuteAsync("delete from login_throttle where last_at < @forgotten", new { forgotten = clock.GetUtcNow() - Forgotten }, ct);

    static string UserKey(string nameKey) => "user:" + nameKey;

    static string AddressKey(IPAddress? ip)
    {
        if (ip is null)
            return "ip:none";
        if (ip.IsIPv4MappedToIPv6)
            ip = ip.MapToIPv4();
        if (ip.AddressFamily == AddressFamily.InterNetwork)
            return $"ip:{ip}";
        // One customer has at least a /64 to choose addresses from.
        var network = ip.GetAddressBytes();
        network.AsSpan(8).Clear();
        return $"ip:{new IPAddress(network)}/64";
    }
}

/// <summary>The sign-ins of one name that have failed in a row.</summary>
sealed record FailedSignIns(int Failures, DateTimeOffset? BlockedUntil);
