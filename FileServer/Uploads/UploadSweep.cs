using FileServer.Database;
using FileServer.Protocol;
using Npgsql;

namespace FileServer.Uploads;

/// <summary>Closes the files of uploads that nobody goes on with, and drops uploads and claims whose time is over.</summary>
sealed partial class UploadSweep(
    NpgsqlDataSource db, LiveUploads live, UploadSinks sinks, UploadTable table, TimeProvider clock, ILogger<UploadSweep> logger) : BackgroundService
{
    const int Batch = 500;

    static readonly TimeSpan Pace = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pace, clock);
        while (await NextAsync(timer, stoppingToken))
        {
            try
            {
                await live.CloseIdleAsync();
                await RunAsync(stoppingToken);
            }
            catch (NpgsqlException fault)
            {
                Log.Failed(logger, fault);
            }
        }
    }

    /// <returns>The number of uploads that ended.</returns>
    public async Task<int> RunAsync(CancellationToken ct)
    {
        var ended = 0;
        List<Guid> packs;
        do
        {
            const string sql =
                """
                update uploads
                set state = 3, content = null, expires_at = @until
                where id in (select id from uploads where expires_at <= @now and state in (0, 1) order by expires_at limit @batch for update skip locked)
                returning pack_id
                """;
            packs = await db.QueryAsync<Guid>(sql, new { now = clock.GetUtcNow(), until = table.Forgotten(), batch = Batch }, ct);
            foreach (var pack in packs)
                sinks.Drop(new PackId(pack));
            ended += packs.Count;
        }
        while (packs.Count == Batch);
        await db.ExecuteAsync("delete from uploads where expires_at <= @now and state in (2, 3)", new { now = clock.GetUtcNow() }, ct);
        await db.ExecuteAsync("delete from pack_claims where expires_at <= @now", new { now = clock.GetUtcNow() }, ct);
        if (ended > 0)
            Log.Swept(logger, ended);
        return ended;
    }

    static async Task<bool> NextAsync(PeriodicTimer timer, CancellationToken ct)
    {
        try
        {
            return await timer.WaitForNextTickAsync(ct);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "{Uploads} unfinished uploads were dropped: their time was over")]
        public static partial void Swept(ILogger logger, int uploads);

        [LoggerMessage(LogLevel.Warning, "Uploads could not be swept; the next round tries again")]
        public static partial void Failed(ILogger logger, Exception fault);
    }
}
