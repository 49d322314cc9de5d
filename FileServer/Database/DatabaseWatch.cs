using FileServer.Settings;

namespace FileServer.Database;

/// <summary>Looks after the embedded PostgreSQL: one that was killed is started again, so that nobody has to.</summary>
sealed partial class DatabaseWatch(OpenDatabase database, TimeProvider clock, ILogger<DatabaseWatch> logger) : BackgroundService
{
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!database.IsEmbedded)
            return;
        try
        {
            await WatchAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The end of a start that failed elsewhere is no failure of this watch.
        }
    }

    async Task WatchAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await database.ReviveAsync(stoppingToken);
            }
            catch (StartRefused failed)
            {
                // Until somebody frees the disk, say: requests are answered with 503 meanwhile, and nothing is lost.
                Log.StillDown(logger, failed.Message);
                await Task.Delay(TimeSpan.FromSeconds(2), clock, stoppingToken);
            }
        }
    }

    static partial class Log
    {
        [LoggerMessage(LogLevel.Critical, "The database could not be started again; trying on. {Reason}")]
        public static partial void StillDown(ILogger logger, string reason);
    }
}
