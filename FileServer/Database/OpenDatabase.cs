using FileServer.Database.Embedded;
using FileServer.Settings;
using Migrations;
using Npgsql;

namespace FileServer.Database;

/// <summary>
/// The database that this server works with: its own embedded one, or one that the operator named. Open means: it runs,
/// has this program's schema, and <see cref="ConnectionString"/> connects to it as a role that cannot change the schema.
/// </summary>
sealed partial class OpenDatabase : IAsyncDisposable
{
    const int OldestVersion = 150000;

    readonly EmbeddedPostgres? embedded;
    readonly ILogger logger;

    OpenDatabase(EmbeddedPostgres? embedded, ILogger logger)
    {
        this.embedded = embedded;
        this.logger = logger;
    }

    /// <summary>How the server connects; statements run with the timeouts of <see cref="DatabaseOptions"/>.</summary>
    public required string ConnectionString { get; init; }

    /// <summary>How migrations connect: as the owner of the tables, where we know one.</summary>
    public required string OwnerConnectionString { get; init; }

    public bool IsEmbedded => embedded is not null;

    /// <param name="named">The operator's connection string, or null for the embedded database.</param>
    public static async Task<OpenDatabase> OpenAsync(DataFolder folder, string? named, DatabaseOptions options, ILogger logger, CancellationToken ct)
    {
        if (named is not null)
            return await OpenNamedAsync(named, options, logger, ct);
        if (OperatingSystem.IsWindows())
            throw new StartRefused("On Windows the server does not bring a database of its own. Name a PostgreSQL 15 or newer in FILESHARE_DATABASE.");
        var embedded = new EmbeddedPostgres(folder, options.PostgresBinaries, durable: true, logger);
        try
        {
            await embedded.StartAsync(ct);
            var database = new OpenDatabase(embedded, logger)
            {
                OwnerConnectionString = embedded.ConnectionString(EmbeddedPostgres.Owner, "fileshare"),
                ConnectionString = WithLimits(embedded.ConnectionString(EmbeddedPostgres.AppRole, "fileshare"), options, role: null),
            };
            await database.MigrateAsync(folder.IsOwned, ct);
            return database;
        }
        catch
        {
            await embedded.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the embedded PostgreSQL again if it has died.</summary>
    public Task ReviveAsync(CancellationToken ct) => embedded is null || OperatingSystem.IsWindows() ? Task.CompletedTask : embedded.ReviveAsync(ct);

    public async ValueTask DisposeAsync()
    {
        if (embedded is not null && !OperatingSystem.IsWindows())
            await embedded.DisposeAsync();
    }

    static async Task<OpenDatabase> OpenNamedAsync(string named, DatabaseOptions options, ILogger logger, CancellationToken ct)
    {
        var owner = Checked(named);
        try
        {
            await using var connection = new NpgsqlConnection(owner);
            await connection.OpenAsync(ct);
            if (connection.PostgreSqlVersion.Major * 10000 < OldestVersion)
                throw new StartRefused($"The database named in FILESHARE_DATABASE is PostgreSQL {connection.PostgreSqlVersion}; valid is 15 or newer.");
            await new OpenDatabase(null, logger) { OwnerConnectionString = owner, ConnectionString = owner }.MigrateAsync(options.MigrateOnStart, ct);
            var role = await RoleAsync(connection, ct);
            if (role is null)
                Log.NoRole(logger);
            return new OpenDatabase(null, logger)
            {
                OwnerConnectionString = owner,
                ConnectionString = WithLimits(owner, options, role),
            };
        }
        catch (NpgsqlException unreachable) when (unreachable is not PostgresException)
        {
            throw new StartRefused($"The database named in FILESHARE_DATABASE cannot be reached: {unreachable.Message}", unreachable);
        }
        catch (PostgresException refused) when (refused.SqlState.StartsWith("28", StringComparison.Ordinal) || refused.SqlState == PostgresErrorCodes.InvalidCatalogName)
        {
            throw new StartRefused($"The database named in FILESHARE_DATABASE refuses us: {refused.MessageText}", refused);
        }
    }

    static string Checked(string named)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(named).ConnectionString;
        }
        catch (ArgumentException invalid)
        {
            // The value is not repeated: it may hold a password.
            throw new StartRefused($"FILESHARE_DATABASE is no Npgsql connection string ({invalid.Message}). Valid is, for example, 'Host=db;Username=fileshare;Database=fileshare'.", invalid);
        }
    }

    async Task MigrateAsync(bool allowed, CancellationToken ct)
    {
        await using (var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(OwnerConnectionString) { Pooling = false }.ConnectionString))
        {
            await connection.OpenAsync(ct);
            var state = await Schema.CompareAsync(connection, ct);
            if (state.IsCurrent)
                return;
            if (!allowed && state.Pending.Count > 0)
                throw new StartRefused($"The database lacks {state.Pending.Count} migration(s), the first is '{state.Pending[0]}'. Run 'FileServer migrate' with the database owner's connection first.");
            if (!allowed)
                return;
        }
        await Runner.MigrateAsync(OwnerConnectionString, line => Log.Migrating(logger, line), ct);
    }

    /// <summary>The role to work as: none to take when we came as the application role already, or when it is not there.</summary>
    static async Task<string?> RoleAsync(NpgsqlConnection connection, CancellationToken ct) => await connection.QuerySingleAsync<bool>(
        """
        select exists (
            select from pg_roles
            where rolname = 'fileshare_app' and pg_has_role(current_user, oid, 'member'))
        """, null, ct) ? "fileshare_app" : null;

    static string WithLimits(string connectionString, DatabaseOptions options, string? role)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        settings.MaxPoolSize = options.MaxPoolSize;
        settings.MaxAutoPrepare = 200;
        settings.AutoPrepareMinUsages = 2;
        settings.IncludeErrorDetail = false;
        settings.ApplicationName ??= "fileshare";
        // PostgreSQL's own timeouts end statements; ours only guards against a server that does not answer at all.
        settings.CommandTimeout = options.StatementTimeoutSeconds + 5;
        settings.Options =
            $"{settings.Options} -c statement_timeout={options.StatementTimeoutSeconds}s -c lock_timeout={options.LockTimeoutSeconds}s " +
            $"-c idle_in_transaction_session_timeout={options.IdleInTransactionTimeoutSeconds}s" + (role is null ? "" : $" -c role={role}");
        return settings.ConnectionString;
    }

    static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "{Step}")]
        public static partial void Migrating(ILogger logger, string step);

        [LoggerMessage(LogLevel.Warning, "The role fileshare_app is missing: the server works with the full rights of the account in FILESHARE_DATABASE. Let an administrator run 'create role fileshare_app' and 'migrate' again")]
        public static partial void NoRole(ILogger logger);
    }
}
