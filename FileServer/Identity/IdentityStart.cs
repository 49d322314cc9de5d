namespace FileServer.Identity;

/// <summary>What identity does beside requests: loads its keys and makes the first administrator before the first request comes, and clears away every hour what has ended.</summary>
sealed partial class IdentityStart(
    ServerKeys keys, FirstAdministrator administrator, LoginThrottle throttle, Sessions sessions, IConfiguration configuration, TimeProvider clock, ILogger<IdentityStart> logger)
    : BackgroundService
{
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await keys.LoadAsync(cancellationToken);
        await administrator.EnsureAsync(configuration["Admin_Password"], Console.Out, cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromHours(1), clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                await SweepAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
    }

    async Task SweepAsync(CancellationToken ct)
    {
        try
        {
            await throttle.SweepAsync(ct);
            await sessions.SweepAsync(ct);
        }
        catch (Npgsql.NpgsqlException fault)
        {
            // Nothing depends on it today; the next hour tries again.
            Log.NotSwept(logger, fault);
        }
    }

    static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Ended sessions could not be cleared away")]
        public static partial void NotSwept(ILogger logger, Exception fault);
    }
}
