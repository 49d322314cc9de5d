using FileServer.Changes;
using FileServer.Database;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Tests.Support;

namespace Tests.Changes;

public sealed class ChangeNotifierTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_subscriber_hears_the_present_revision_then_each_committed_one()
    {
        using var notifier = await StartedAsync();
        var space = await SpaceAsync();
        await using var heard = notifier.Subscribe(space, Cancelled).GetAsyncEnumerator(Cancelled);
        Assert.Equal(0, await NextAsync(heard));
        await CommitAsync(space, 1);
        Assert.Equal(1, await NextAsync(heard));
        await CommitAsync(space, 2);
        Assert.Equal(2, await NextAsync(heard));
    }

    [Fact]
    public async Task What_is_rolled_back_was_never_announced()
    {
        using var notifier = await StartedAsync();
        var space = await SpaceAsync();
        await using var heard = notifier.Subscribe(space, Cancelled).GetAsyncEnumerator(Cancelled);
        Assert.Equal(0, await NextAsync(heard));
        await Assert.ThrowsAsync<InvalidOperationException>(() => database.Source.InTransactionAsync(
            async tx =>
            {
                await ChangeNotifier.NotifyAsync(tx, space, 7, Guid.Empty, Cancelled);
                throw new InvalidOperationException();
            },
            Cancelled));
        await CommitAsync(space, 1);
        Assert.Equal(1, await NextAsync(heard));
    }

    [Fact]
    public async Task A_slow_subscriber_hears_the_newest_and_nothing_of_other_spaces()
    {
        using var notifier = await StartedAsync();
        var (space, other) = (await SpaceAsync(), await SpaceAsync());
        await using var heard = notifier.Subscribe(space, Cancelled).GetAsyncEnumerator(Cancelled);
        await using var witness = notifier.Subscribe(other, Cancelled).GetAsyncEnumerator(Cancelled);
        Assert.Equal(0, await NextAsync(heard));
        Assert.Equal(0, await NextAsync(witness));
        for (var revision = 1; revision <= 20; revision++)
            await CommitAsync(space, revision);
        // Announcements come in order: when the witness has heard this one, all before it are delivered.
        await CommitAsync(other, 1);
        Assert.Equal(1, await NextAsync(witness));
        Assert.Equal(20, await NextAsync(heard));
    }

    [Fact]
    public async Task After_a_lost_connection_everybody_is_told_to_look()
    {
        using var notifier = await StartedAsync();
        var space = await SpaceAsync();
        await using var heard = notifier.Subscribe(space, Cancelled).GetAsyncEnumerator(Cancelled);
        Assert.Equal(0, await NextAsync(heard));
        // Committed without a word, as if the announcement had gone out while nobody listened.
        await database.Source.ExecuteAsync("update spaces set revision = 5 where id = @space", new { space }, Cancelled);
        await using (var owner = new NpgsqlConnection(database.ConnectionString))
        {
            await owner.OpenAsync(Cancelled);
            var ended = await owner.ExecuteAsync(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like 'listen %'", null, Cancelled);
        }
        Assert.Equal(5, await NextAsync(heard));
    }

    async Task<ChangeNotifier> StartedAsync()
    {
        var notifier = new ChangeNotifier(database.Source, TimeProvider.System, NullLogger<ChangeNotifier>.Instance);
        await notifier.StartAsync(Cancelled);
        // It listens when an announcement arrives.
        var probe = await SpaceAsync();
        await using var heard = notifier.Subscribe(probe, Cancelled).GetAsyncEnumerator(Cancelled);
        await NextAsync(heard);
        var next = NextAsync(heard);
        for (var revision = 1; !next.IsCompleted; revision++)
        {
            await CommitAsync(probe, revision);
            await Task.WhenAny(next, Task.Delay(10, Cancelled));
        }
        return notifier;
    }

    async Task<SpaceId> SpaceAsync()
    {
        var space = SpaceId.New();
        await database.Source.ExecuteAsync(
            "insert into spaces (id, name, name_key, epoch) values (@space, @name, @name, @epoch)",
            new { space, name = space.ToString(), epoch = Guid.Empty },
            Cancelled);
        return space;
    }

    Task CommitAsync(SpaceId space, long revision) => database.Source.InTransactionAsync(
        async tx =>
        {
            await tx.ExecuteAsync("update spaces set revision = @revision where id = @space", new { space, revision }, Cancelled);
            await ChangeNotifier.NotifyAsync(tx, space, revision, Guid.Empty, Cancelled);
        },
        Cancelled);

    static async Task<long> NextAsync(IAsyncEnumerator<RevisionEvent> heard)
    {
        Assert.True(await heard.MoveNextAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20), Cancelled));
        return heard.Current.Revision;
    }
}
