using Npgsql;

namespace FileServer.WebDav;

/// <summary>Drops, now and then, the ephemeral files that nobody writes any more.</summary>
sealed partial class EphemeralSweep(Ephemerals ephemerals, TimeProvider clock, ILogger<EphemeralSweep> logger) : BackgroundService
{
    static readonly TimeSpan Every = TimeSpan.FromMinutes(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                var dropped = await ephemerals.SweepAsync(stoppingToken);
                if (dropped > 0)
                    Log.Dropped(logger, dropped);
            }
            catch (NpgsqlException away)
            {
                Log.NotSwept(logger, away);
            }
        }
    }

    static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "{Count} ephemeral files of WebDAV clients were dropped")]
        public static partial void Dropped(ILogger logger, long count);

        [LoggerMessage(LogLevel.Warning, "Ephemeral files could not be swept; they will be the next time")]
        public static partial void NotSwept(ILogger logger, Exception fault);
    }
}
