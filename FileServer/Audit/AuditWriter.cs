using FileServer.Http;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Audit;

/// <summary>
/// Records reads and refusals with one commit for all that come at the same time: while one batch is being written the
/// next one gathers. <see cref="RecordAsync"/> returns when the row is durable, so what follows it is on record; when
/// the row cannot be written, the request fails instead of going on unseen.
/// </summary>
sealed partial class AuditWriter(NpgsqlDataSource db, AuditLog log, IOptions<AuditOptions> options, ILogger<AuditWriter> logger) : IAsyncDisposable
{
    readonly Lock gate = new();
    readonly SemaphoreSlim room = new(options.Value.MaxQueuedRows);
    readonly Queue<Waiting> queue = [];
    Task flushing = Task.CompletedTask;
    bool running;

    // Kept from batch to batch: requests that hold all connections of the pool may be waiting for this very commit.
    NpgsqlConnection? connection;

    public async Task RecordAsync(AuditRecord record, CancellationToken ct)
    {
        // Back-pressure, never dropping: a full queue makes the request wait before it counts.
        await room.WaitAsync(ct);
        var waiting = new Waiting(record);
        lock (gate)
        {
            queue.Enqueue(waiting);
            if (!running)
            {
                running = true;
                flushing = Task.Run(FlushAsync, CancellationToken.None);
            }
        }
        await waiting.Written.Task.WaitAsync(ct);
    }

    /// <summary>Returns when everything that was handed in has been written.</summary>
    public async ValueTask DisposeAsync()
    {
        await flushing;
        room.Dispose();
        await DropConnectionAsync();
    }

    async Task FlushAsync()
    {
        var batch = new List<Waiting>();
        while (Take(batch))
        {
            try
            {
                // A batch belongs to many requests: none of their tokens may end it for the others. It is one statement,
                // which commits when it ends.
                connection ??= await db.OpenConnectionAsync(CancellationToken.None);
                await log.AppendAsync(connection, batch.ConvertAll(waiting => waiting.Record), CancellationToken.None);
                Release(batch, waiting => waiting.Written.SetResult());
            }
            catch (Exception fault)
            {
                Log.NotWritten(logger, fault, batch.Count);
                await DropConnectionAsync();
                Release(batch, waiting => waiting.Written.SetException(
                    Refusal.Unavailable("This access could not be recorded, so it was not carried out. Try again in a moment.", 5, fault)));
            }
        }
    }

    async Task DropConnectionAsync()
    {
        var broken = connection;
        connection = null;
        if (broken is not null)
            await broken.DisposeAsync();
    }

    bool Take(List<Waiting> batch)
    {
        batch.Clear();
        lock (gate)
        {
            while (batch.Count < options.Value.MaxBatchRows && queue.TryDequeue(out var waiting))
                batch.Add(waiting);
            return running = batch.Count > 0;
        }
    }

    void Release(List<Waiting> batch, Action<Waiting> settle)
    {
        room.Release(batch.Count);
        batch.ForEach(settle);
    }

    sealed record Waiting(AuditRecord Record)
    {
        public TaskCompletionSource Written { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "{Rows} audit rows could not be written; their requests fail")]
        public static partial void NotWritten(ILogger logger, Exception fault, int rows);
    }
}
