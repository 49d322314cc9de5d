namespace FileServer.Database;

/// <summary>Looks after the embedded PostgreSQL: one that was killed is started again, so that nobody has to.</summary>
sealed class DatabaseWatch(OpenDatabase database, TimeProvider clock) : BackgroundService
{
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!database.IsEmbedded)
            return;
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            await database.ReviveAsync(stoppingToken);
    }
}
