using System.Security.Cryptography;
using FileServer.Audit;
using FileServer.Database;
using Npgsql;

namespace FileServer.Identity;

/// <summary>The account that a new server starts with; without it nobody could let anybody in.</summary>
sealed partial class FirstAdministrator(
    NpgsqlDataSource db, Accounts accounts, PasswordHasher hasher, PasswordPolicy policy, ILogger<FirstAdministrator> logger)
{
    public const string Name = "admin";

    const string PasswordVariable = "FILESHARE_ADMIN_PASSWORD";

    /// <summary>Creates the administrator if there is no account yet, and prints a made-up password, once.</summary>
    public async Task EnsureAsync(string? chosen, TextWriter output, CancellationToken ct)
    {
        if (await AnybodyAsync(db, ct))
            return;
        var password = string.IsNullOrEmpty(chosen) ? MakeUp() : chosen;
        if (policy.Fault(password, Name) is { } fault)
            Log.WeakPassword(logger, PasswordVariable, fault);
        var hash = await hasher.HashAsync(password, ct);
        var created = await db.InTransactionAsync(
            async tx =>
            {
                // Two nodes that start at once must not print two passwords.
                await tx.ExecuteAsync("select pg_advisory_xact_lock(hashtext('administrators'))", null, ct);
                if (await tx.QuerySingleAsync<bool>("select exists (select from users)", null, ct))
                    return false;
                await accounts.InsertAsync(tx, Actor.System("first start"), Name, hash, "Administrator", AccountRole.Admin, ct);
                return true;
            },
            ct);
        if (created && string.IsNullOrEmpty(chosen))
            await output.WriteLineAsync($"First start: sign in as '{Name}' with the password {password} (shown only now; {PasswordVariable} sets another one at the first start).");
    }

    /// <summary>A password of 100 random bits, in letters and digits that are not mistaken for each other.</summary>
    public static string MakeUp() => string.Join('-', Enumerable.Range(0, 4).Select(_ => RandomNumberGenerator.GetString("abcdefghijkmnpqrstuvwxyz23456789", 5)));

    static Task<bool> AnybodyAsync(NpgsqlDataSource db, CancellationToken ct) => db.QuerySingleAsync<bool>("select exists (select from users)", null, ct);

    static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "The password in {Variable} is weak: {Fault}")]
        public static partial void WeakPassword(ILogger logger, string variable, string fault);
    }
}
