using DbUp;
using DbUp.Engine;
using DbUp.Engine.Output;
using Npgsql;

namespace Migrations;

/// <summary>
/// Brings a database to the schema of this program. Only one runner works at a time, whatever the number of servers that
/// start: it holds an advisory lock, and whoever comes second finds nothing left to do.
/// </summary>
public static class Runner
{
    // Any number will do, as long as it stays the same: "FSmigrat" as bytes.
    const long AdvisoryLock = 0x46536D6967726174;

    /// <param name="connectionString">Connects as a role that may create tables.</param>
    /// <param name="log">Takes one line per script.</param>
    /// <exception cref="SchemaRefused">The schema is newer than this program, was changed by hand, or a script failed.</exception>
    public static Task<SchemaState> MigrateAsync(string connectionString, Action<string> log, CancellationToken ct) =>
        MigrateAsync(connectionString, Schema.Scripts, log, ct);

    internal static async Task<SchemaState> MigrateAsync(string connectionString, IReadOnlyList<Script> scripts, Action<string> log, CancellationToken ct)
    {
        // A script that waits for a table lock makes everybody behind it wait as well: it gives up and can be run again.
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            Pooling = false,
            Options = "-c lock_timeout=3s -c statement_timeout=0 -c idle_in_transaction_session_timeout=0",
            ApplicationName = "fileshare migrate",
        };
        await using var guard = new NpgsqlConnection(settings.ConnectionString);
        await guard.OpenAsync(ct);
        // The lock's own wait may be long: another server's migration is allowed to take its time.
        await ExecuteAsync(guard, "set lock_timeout = 0", ct);
        await ExecuteAsync(guard, $"select pg_advisory_lock({AdvisoryLock})", ct);
        var before = await Schema.CompareAsync(guard, scripts, ct);
        if (before.Pending.Count > 0)
            Run(settings.ConnectionString, scripts, log);
        if (!before.IsCurrent)
            await GrantRightsAsync(guard, ct);
        return before;
    }

    static void Run(string connectionString, IReadOnlyList<Script> scripts, Action<string> log)
    {
        var result = DeployChanges.To.PostgresqlDatabase(connectionString)
            .WithScripts(scripts.Select(script => new SqlScript(script.Name, script.Text)))
            .WithTransactionPerScript()
            .WithVariablesDisabled()
            .WithExecutionTimeout(TimeSpan.FromHours(1))
            .JournalTo((manager, _) => new ChecksumJournal(manager, scripts))
            .LogTo(new LineLog(log))
            .Build()
            .PerformUpgrade();
        if (!result.Successful)
        {
            throw new SchemaRefused(
                $"The script '{result.ErrorScript?.Name}' failed and was rolled back: {result.Error.Message} " +
                "Scripts before it stay applied; correct the cause and run the migration again.");
        }
    }

    static async Task GrantRightsAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await ExecuteAsync(connection, Schema.Rights.Text, ct);
        await using var journal = new NpgsqlCommand(
            """
            insert into schema_scripts (name, checksum) values (@name, @checksum)
            on conflict (name) do update set checksum = excluded.checksum, applied_at = clock_timestamp()
            """, connection);
        journal.Parameters.AddWithValue("name", Schema.RightsName);
        journal.Parameters.AddWithValue("checksum", Schema.Rights.Checksum);
        await journal.ExecuteNonQueryAsync(ct);
        await transaction.CommitAsync(ct);
    }

    static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>DbUp's report, of which only the scripts' names matter here; failures come back as an exception.</summary>
    sealed class LineLog(Action<string> log) : IUpgradeLog
    {
        public void LogTrace(string format, params object[] args)
        {
        }

        public void LogDebug(string format, params object[] args)
        {
        }

        public void LogInformation(string format, params object[] args)
        {
            if (format.StartsWith("Executing Database Server script", StringComparison.Ordinal))
                log($"Migrating: {args[0]}");
        }

        public void LogWarning(string format, params object[] args) => log(string.Format(null, format, args));

        public void LogError(string format, params object[] args)
        {
        }

        public void LogError(Exception ex, string format, params object[] args)
        {
        }
    }
}
