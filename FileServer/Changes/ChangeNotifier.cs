using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using FileServer.Database;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.Changes;

/// <summary>
/// Tells whoever listens, on any server process, that a space has reached a new revision. It says only how far the space
/// is, never what changed: the listener pulls the feed, where access is checked.
/// </summary>
sealed partial class ChangeNotifier(NpgsqlDataSource db, TimeProvider clock, ILogger<ChangeNotifier> logger) : BackgroundService
{
    static readonly TimeSpan ProbeEvery = TimeSpan.FromSeconds(30);
    static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    readonly ConcurrentDictionary<Channel<RevisionEvent>, SpaceId> subscribers = new();

    /// <summary>Announces a revision when, and only if, the transaction commits.</summary>
    public static Task NotifyAsync(NpgsqlConnection tx, SpaceId space, long revision, Guid epoch, CancellationToken ct) =>
        tx.ExecuteAsync(
            """
            select pg_notify('fileshare_revisions', concat_ws(' ', @space::uuid, @revision::bigint, @epoch::uuid))
            """,
            new { space, revision, epoch },
            ct);

    /// <summary>
    /// The space's present revision at once, then each newer one; a slow reader misses those in between, never the newest.
    /// A repeated revision means that something may have been missed: look again.
    /// </summary>
    public async IAsyncEnumerable<RevisionEvent> Subscribe(SpaceId space, [EnumeratorCancellation] CancellationToken ct)
    {
        var newest = Channel.CreateBounded<RevisionEvent>(
            new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
        // Subscribed first, looked up second: a revision that commits in between is heard twice rather than never.
        subscribers[newest] = space;
        try
        {
            foreach (var now in await CurrentAsync([space], ct))
                yield return now;
            await foreach (var revision in newest.Reader.ReadAllAsync(ct))
                yield return revision;
        }
        finally
        {
            subscribers.TryRemove(newest, out _);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var pause = TimeSpan.Zero;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(pause, clock, stoppingToken);
                await ListenAsync(() => pause = TimeSpan.Zero, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception lost) when (lost is NpgsqlException or IOException or TimeoutException)
            {
                pause = TimeSpan.FromTicks(Math.Min(LongestPause.Ticks, Math.Max(TimeSpan.FromMilliseconds(100).Ticks, 2 * pause.Ticks)));
                Log.ConnectionLost(logger, lost, pause.TotalMilliseconds);
            }
        }
        foreach (var subscriber in subscribers.Keys)
            subscriber.Writer.TryComplete();
    }

    async Task ListenAsync(Action connected, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        connection.Notification += (_, notification) => Publish(notification.Payload);
        await connection.ExecuteAsync("listen fileshare_revisions", null, ct);
        connected();
        // What was announced while nobody listened is lost, so everybody is told to look once.
        foreach (var now in await CurrentAsync([.. subscribers.Values.Distinct()], ct))
            Publish(now);
        while (true)
        {
            // A silent connection may be a dead one: a statement finds out.
            if (!await connection.WaitAsync(ProbeEvery, ct))
                await connection.ExecuteAsync("select 1", null, ct);
        }
    }

    void Publish(string payload)
    {
        var parts = payload.Split(' ');
        if (parts.Length == 3 && Guid.TryParse(parts[0], out var space) && long.TryParse(parts[1], out var revision) && Guid.TryParse(parts[2], out var epoch))
            Publish(new RevisionEvent(new SpaceId(space), revision, epoch));
        else
            Log.Unreadable(logger, payload);
    }

    void Publish(RevisionEvent revision)
    {
        foreach (var (subscriber, space) in subscribers)
        {
            if (space == revision.Space)
                subscriber.Writer.TryWrite(revision);
        }
    }

    async Task<List<RevisionEvent>> CurrentAsync(Guid[] spaces, CancellationToken ct) =>
        (await db.QueryAsync<(SpaceId Id, long Revision, Guid Epoch)>(
            """
            select id, revision, epoch from spaces where id = any(@spaces) and deleted_at is null
            """,
            new { spaces },
            ct)).ConvertAll(row => new RevisionEvent(row.Id, row.Revision, row.Epoch));

    Task<List<RevisionEvent>> CurrentAsync(SpaceId[] spaces, CancellationToken ct) =>
        CurrentAsync(Array.ConvertAll(spaces, space => space.Value), ct);

    static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "The connection that listens for revisions was lost; trying again in {PauseMs} ms")]
        public static partial void ConnectionLost(ILogger logger, Exception lost, double pauseMs);

        [LoggerMessage(LogLevel.Warning, "A revision announcement could not be read: {Payload}")]
        public static partial void Unreadable(ILogger logger, string payload);
    }
}
