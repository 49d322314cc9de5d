using System.Collections.Concurrent;
using FileServer.Audit;
using FileServer.Database;
using FileServer.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;
using Tests.Support;

namespace Tests.Audit;

/// <summary>Reads and refusals are on record before anything is answered, many with one commit.</summary>
public sealed class AuditWriterTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_reads_in_parallel_finds_each_row_written_when_its_own_call_returns()
    {
        await using var writer = Writer(database.Source);
        var unwritten = new ConcurrentBag<string>();
        await Task.WhenAll(Enumerable.Range(0, 64).Select(reader => Task.Run(
            async () =>
            {
                for (var i = 0; i < 20; i++)
                {
                    var subject = $"reader {reader} read {i}";
                    await writer.RecordAsync(Record("test.read", subject), Ct);
                    if (!await ExistsAsync(subject))
                        unwritten.Add(subject);
                }
            },
            Ct)));
        Assert.Empty(unwritten);
        var (rows, commits) = await CountAsync("test.read");
        Assert.Equal(64 * 20, rows);
        // That many rows came in far fewer transactions: those who wait share one.
        Assert.InRange(commits, 20, rows / 2);
    }

    [Fact]
    public async Task A_row_that_cannot_be_written_fails_its_request_and_the_next_one_works()
    {
        await using var writer = Writer(database.Source);
        var refusal = await Assert.ThrowsAsync<Refusal>(() => writer.RecordAsync(Record(null!, "no action"), Ct));
        Assert.Equal(503, refusal.Kind.Status);
        await writer.RecordAsync(Record("test.after", "after a failure"), Ct);
        Assert.True(await ExistsAsync("after a failure"));
    }

    [Fact]
    public async Task Without_its_database_the_writer_refuses_and_recovers_with_it()
    {
        await using var source = NpgsqlDataSource.Create($"{database.ConnectionString};Pooling=true;Application Name=audit-writer-test");
        await using var writer = Writer(source);
        await writer.RecordAsync(Record("test.cut", "before"), Ct);
        await using (var owner = new NpgsqlConnection(database.ConnectionString))
        {
            await owner.OpenAsync(Ct);
            await owner.ExecuteAsync("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'audit-writer-test'", null, Ct);
        }
        await Assert.ThrowsAsync<Refusal>(() => writer.RecordAsync(Record("test.cut", "while cut off"), Ct));
        await writer.RecordAsync(Record("test.cut", "after"), Ct);
        Assert.True(await ExistsAsync("after"));
        Assert.False(await ExistsAsync("while cut off"));
    }

    [Fact]
    public async Task Requests_that_hold_every_connection_still_get_their_rows()
    {
        await using var source = NpgsqlDataSource.Create($"{database.ConnectionString};Pooling=true;Maximum Pool Size=4;Timeout=2");
        await using var writer = Writer(source);
        await writer.RecordAsync(Record("test.pool", "the first"), Ct);
        var held = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => source.OpenConnectionAsync(Ct).AsTask()));
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => writer.RecordAsync(Record("test.pool", $"held {i}"), Ct)));
        foreach (var connection in held)
            await connection.DisposeAsync();
    }

    [Fact]
    public async Task A_full_queue_makes_wait_and_drops_nothing()
    {
        await using var writer = Writer(database.Source, new AuditOptions { MaxQueuedRows = 2, MaxBatchRows = 1 });
        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => writer.RecordAsync(Record("test.full", $"row {i}"), Ct)));
        Assert.Equal((50, 50), await CountAsync("test.full"));
    }

    [Fact]
    public async Task A_client_that_leaves_takes_nobody_elses_row_with_it()
    {
        await using var writer = Writer(database.Source);
        using var left = new CancellationTokenSource();
        var leaving = Enumerable.Range(0, 20).Select(i => writer.RecordAsync(Record("test.left", $"leaving {i}"), left.Token)).ToArray();
        var staying = Enumerable.Range(0, 20).Select(i => writer.RecordAsync(Record("test.left", $"staying {i}"), Ct)).ToArray();
        await left.CancelAsync();
        await Task.WhenAll(staying);
        await Task.WhenAll(leaving).ContinueWith(_ => { }, Ct, TaskContinuationOptions.None, TaskScheduler.Default);
        Assert.True(await ExistsAsync("staying 19"));
    }

    static AuditWriter Writer(NpgsqlDataSource source, AuditOptions? options = null) =>
        new(source, new AuditLog(), Options.Create(options ?? new AuditOptions()), NullLogger<AuditWriter>.Instance);

    static AuditRecord Record(string action, string subject) => new(Actor.System("test"), action, AuditOutcome.Done, Subject: subject);

    Task<bool> ExistsAsync(string subject) => database.Source.QuerySingleAsync<bool>("select exists (select from audit_events where subject = @subject)", new { subject }, Ct);

    async Task<(int Rows, int Commits)> CountAsync(string action)
    {
        var counted = await database.Source.QuerySingleAsync<Counted>(
            "select count(*)::int as rows, count(distinct xid)::int as commits from audit_events where action = @action", new { action }, Ct);
        return (counted.Rows, counted.Commits);
    }

    sealed record Counted(int Rows, int Commits);
}
