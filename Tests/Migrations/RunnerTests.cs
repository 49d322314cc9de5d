using FileServer.Database;
using Migrations;
using Npgsql;
using Tests.Support;

namespace Tests.Migrations;

public sealed class RunnerTests(TestCluster cluster)
{
    static readonly Script First = new("0001_first.sql", "create table first (id int primary key);");
    static readonly Script Second = new("0002_second.sql", "create table second (id int primary key);\ncreate table audit_events (id int);");

    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_empty_database_gets_every_script_once()
    {
        var database = await cluster.EmptyAsync(Cancelled);
        var lines = new List<string>();
        await Runner.MigrateAsync(database, lines.Add, Cancelled);
        Assert.Equal(Schema.Scripts.Select(script => $"Migrating: {script.Name}"), lines);
        lines.Clear();
        Assert.True((await Runner.MigrateAsync(database, lines.Add, Cancelled)).IsCurrent);
        Assert.Empty(lines);
    }

    [Fact]
    public async Task A_script_that_was_changed_after_it_ran_is_refused_by_name()
    {
        var database = await cluster.EmptyAsync(Cancelled);
        await MigrateAsync(database, First, Second);
        var refused = await Assert.ThrowsAsync<SchemaRefused>(() => MigrateAsync(database, First with { Text = "create table first (id bigint primary key);" }, Second));
        Assert.Contains("'0001_first.sql' was changed", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Other_line_ends_are_no_change()
    {
        Assert.Equal(Second.Checksum, new Script(Second.Name, Second.Text.Replace("\n", "\r\n", StringComparison.Ordinal)).Checksum);
        var database = await cluster.EmptyAsync(Cancelled);
        await MigrateAsync(database, First, Second);
        await MigrateAsync(database, First, new Script(Second.Name, Second.Text.Replace("\n", "\r\n", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_schema_from_a_newer_program_is_refused_by_name()
    {
        var database = await cluster.EmptyAsync(Cancelled);
        await MigrateAsync(database, First, Second);
        var refused = await Assert.ThrowsAsync<SchemaRefused>(() => MigrateAsync(database, First));
        Assert.Contains("newer FileShare", refused.Message, StringComparison.Ordinal);
        Assert.Contains("'0002_second.sql'", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_script_that_fails_leaves_nothing_and_can_be_corrected()
    {
        var database = await cluster.EmptyAsync(Cancelled);
        var broken = new Script("0003_third.sql", "create table third (id int); create table first (id int);");
        var refused = await Assert.ThrowsAsync<SchemaRefused>(() => MigrateAsync(database, First, Second, broken));
        Assert.Contains("'0003_third.sql' failed", refused.Message, StringComparison.Ordinal);
        await MigrateAsync(database, First, Second, broken with { Text = "create table third (id int);" });
    }

    [Fact]
    public async Task Runners_that_start_together_take_turns()
    {
        var database = await cluster.EmptyAsync(Cancelled);
        var lines = new System.Collections.Concurrent.ConcurrentQueue<string>();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => Runner.MigrateAsync(database, lines.Enqueue, Cancelled), Cancelled)));
        Assert.Equal(Schema.Scripts.Count, lines.Count);
    }

    [Fact]
    public async Task An_owner_who_may_not_make_roles_can_still_migrate()
    {
        var database = await cluster.EmptyAsync(Cancelled);
        var name = new NpgsqlConnectionStringBuilder(database).Database!;
        await using (var owner = new NpgsqlConnection(database))
        {
            await owner.OpenAsync(Cancelled);
            await using var batch = new NpgsqlCommand($"create role plain_{name} nologin; alter database {name} owner to plain_{name};", owner);
            await batch.ExecuteNonQueryAsync(Cancelled);
        }
        var plain = $"{database};Options=-c role=plain_{name}";
        // The runner sets options of its own, so the plain owner comes in by a default of the role for this database.
        await using (var owner = new NpgsqlConnection(database))
        {
            await owner.OpenAsync(Cancelled);
            await using var asPlain = new NpgsqlCommand($"alter database {name} set role = 'plain_{name}'", owner);
            await asPlain.ExecuteNonQueryAsync(Cancelled);
        }
        await Runner.MigrateAsync(plain, _ => { }, Cancelled);
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync(Cancelled);
        Assert.Equal($"plain_{name}", await connection.QuerySingleAsync<string>("select tableowner from pg_tables where tablename = 'nodes'", null, Cancelled));
    }

    static Task MigrateAsync(string database, params Script[] scripts) => Runner.MigrateAsync(database, scripts, _ => { }, Cancelled);
}
