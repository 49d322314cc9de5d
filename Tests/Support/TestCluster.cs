using FileServer.Database;
using FileServer.Database.Embedded;
using Microsoft.Extensions.Logging.Abstractions;
using Migrations;
using Npgsql;
using Tests.Support;

[assembly: AssemblyFixture(typeof(TestCluster))]

namespace Tests.Support;

/// <summary>
/// The one PostgreSQL of a test run: the server's own embedded one, without its syncs. A migrated database is its
/// template; whoever needs a database gets a copy in a few milliseconds.
/// </summary>
public sealed class TestCluster : IAsyncLifetime
{
    const string Template = "fileshare";

    readonly TemporaryFolder folder = new();
    DataFolder? owned;
    EmbeddedPostgres? postgres;
    int copies;

    public async ValueTask InitializeAsync()
    {
        owned = DataFolder.Own(folder.Path);
        postgres = new EmbeddedPostgres(owned, configuredBinaries: null, durable: false, NullLogger.Instance);
        // A run that is interrupted does not come to its end: the cluster must not outlive it.
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            if (postgres.ProcessId is { } running)
                SystemCalls.Signal(running, SystemCalls.Interrupt);
        };
        await postgres.StartAsync(CancellationToken.None);
        await Runner.MigrateAsync(Owner(Template), _ => { }, CancellationToken.None);
        NpgsqlConnection.ClearAllPools();
    }

    /// <returns>The connection string of a new migrated database, as its owner.</returns>
    public Task<string> CopyAsync(CancellationToken ct) => CreateAsync(Template, ct);

    /// <returns>The connection string of a new empty database, as its owner.</returns>
    public Task<string> EmptyAsync(CancellationToken ct) => CreateAsync("template0", ct);

    public async Task DropAsync(string connectionString, CancellationToken ct) =>
        await RunAsync($"drop database if exists \"{new NpgsqlConnectionStringBuilder(connectionString).Database}\" with (force)", ct);

    public async ValueTask DisposeAsync()
    {
        if (postgres is not null)
            await postgres.DisposeAsync();
        owned?.Dispose();
        folder.Dispose();
    }

    async Task<string> CreateAsync(string template, CancellationToken ct)
    {
        var name = $"test_{Interlocked.Increment(ref copies)}";
        // Copying files beats logging their pages, since nothing is synced here.
        await RunAsync($"create database {name} template {template} strategy file_copy", ct);
        return Owner(name);
    }

    async Task RunAsync(string sql, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(Owner("postgres"));
        await connection.OpenAsync(ct);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(ct);
    }

    string Owner(string database) => $"{postgres!.ConnectionString(EmbeddedPostgres.Owner, database)};Pooling=false";
}
