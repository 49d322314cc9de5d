using Npgsql;

namespace FileServer.Rest;

/// <summary>The conventions that all REST endpoints share.</summary>
static class RestFeature
{
    public static void AddRest(this IServiceCollection services)
    {
        services.AddOptions<RestOptions>().BindConfiguration("Rest").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<IdempotencyTable>();
        services.AddHostedService<IdempotencySweep>();
    }

    /// <summary>Comes behind the gate, which says who the caller is.</summary>
    public static void UseRest(this IApplicationBuilder app) => app.UseMiddleware<Conventions>();
}

/// <summary>Clears away every hour what is remembered no longer.</summary>
sealed partial class IdempotencySweep(IdempotencyTable keys, TimeProvider clock, ILogger<IdempotencySweep> logger) : BackgroundService
{
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
            await keys.SweepAsync(ct);
        }
        catch (NpgsqlException fault)
        {
            Log.NotSwept(logger, fault);
        }
    }

    static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Old idempotency keys could not be cleared away; the next hour tries again")]
        public static partial void NotSwept(ILogger logger, Exception fault);
    }
}
