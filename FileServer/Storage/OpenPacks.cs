using System.Collections.Concurrent;
using FileServer.Http;
using FileServer.Protocol;
using Microsoft.Extensions.Options;

namespace FileServer.Storage;

/// <summary>The shared packs that small contents are appended to, one per space that is written to. Seals them when they are full or idle, and at shutdown.</summary>
sealed partial class OpenPacks(PackFiles files, PackRows rows, IOptions<StorageOptions> options, TimeProvider clock, ILogger<OpenPacks> logger)
    : BackgroundService
{
    readonly ConcurrentDictionary<SpaceId, PackAppender> appenders = new();
    volatile bool closed;

    /// <summary>Appends chunks to the space's open pack and returns when they are durable. The memory must stay valid until then, so this cannot be cancelled.</summary>
    /// <exception cref="Refusal">The bytes could not be made durable.</exception>
    public Task<ChunkPlace[]> AppendAsync(SpaceId space, IReadOnlyList<FreshChunk> chunks)
    {
        if (closed)
            throw Refusal.Unavailable("The server is shutting down.", 5);
        return Appender(space).AppendAsync(chunks);
    }

    /// <summary>Seals what is open now: before a backup, and at the end.</summary>
    public Task SealAllAsync() => Task.WhenAll(appenders.Values.Select(appender => appender.SealAsync()));

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        closed = true;
        await SealAsync(appenders.Values);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(Math.Max(1, options.Value.OpenPackIdleSeconds / 4)), clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                await SealAsync(appenders.Values.Where(appender => appender.IsIdle()));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Shutdown: StopAsync seals the rest.
        }
    }

    /// <summary>That a pack stays open is no reason to stop: it is sealed at the next occasion, at the latest by the next start.</summary>
    async Task SealAsync(IEnumerable<PackAppender> packs)
    {
        try
        {
            await Task.WhenAll(packs.Select(appender => appender.SealAsync()));
        }
        catch (Refusal refused)
        {
            Log.NotSealed(logger, refused);
        }
    }

    PackAppender Appender(SpaceId space) => appenders.GetOrAdd(space, id => new PackAppender(id, files, rows, options, clock, logger));

    static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Warning, Message = "Not every open pack could be sealed; it is tried again")]
        public static partial void NotSealed(ILogger logger, Exception exception);
    }
}
