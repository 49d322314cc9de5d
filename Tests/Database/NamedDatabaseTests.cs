using FileServer.Database;
using FileServer.Settings;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Tests.Support;

namespace Tests.Database;

/// <summary>A database that the operator names instead of the embedded one.</summary>
public sealed class NamedDatabaseTests(TestCluster cluster) : IDisposable
{
    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task An_empty_database_is_migrated_and_used_without_the_owners_rights()
    {
        await using var database = await OpenAsync(await cluster.EmptyAsync(TestContext.Current.CancellationToken), new DatabaseOptions());
        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        Assert.Equal("fileshare_app", await source.QuerySingleAsync<string>("select current_user", null, TestContext.Current.CancellationToken));
        // Also on the second use of a pooled connection, which was reset in between.
        Assert.Equal("fileshare_app", await source.QuerySingleAsync<string>("select current_user", null, TestContext.Current.CancellationToken));
        Assert.Equal("30s", await source.QuerySingleAsync<string>("show statement_timeout", null, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_start_that_may_not_migrate_says_what_is_missing()
    {
        var empty = await cluster.EmptyAsync(TestContext.Current.CancellationToken);
        var refused = await Assert.ThrowsAsync<StartRefused>(() => OpenAsync(empty, new DatabaseOptions { MigrateOnStart = false }));
        Assert.Contains("'0001_spaces_and_nodes.sql'", refused.Message, StringComparison.Ordinal);
        Assert.Contains("FileServer migrate", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_does_not_answer_is_named_without_its_password()
    {
        var refused = await Assert.ThrowsAsync<StartRefused>(() => OpenAsync("Host=127.0.0.1;Port=1;Username=fileshare;Password=hunter2", new DatabaseOptions()));
        Assert.Contains("FILESHARE_DATABASE cannot be reached", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connection_string_that_is_none_is_refused_without_repeating_it()
    {
        var refused = await Assert.ThrowsAsync<StartRefused>(() => OpenAsync("postgres://fileshare:hunter2@db/fileshare", new DatabaseOptions()));
        Assert.Contains("Host=db;Username=fileshare;Database=fileshare", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", refused.Message, StringComparison.Ordinal);
    }

    async Task<OpenDatabase> OpenAsync(string named, DatabaseOptions options)
    {
        using var owned = DataFolder.Own(folder.Path);
        return await OpenDatabase.OpenAsync(owned, named, options, NullLogger.Instance, TestContext.Current.CancellationToken);
    }
}
