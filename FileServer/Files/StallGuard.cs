using System.IO.Pipelines;

namespace FileServer.Files;

/// <summary>
/// A response body that gives up on a reader who takes nothing for too long. Kestrel's own limit is an average over the
/// whole response: it would cut a paused download that is entitled to wait, and let a dead one live for hours.
/// </summary>
sealed class StallGuard : PipeWriter, IDisposable
{
    readonly PipeWriter body;
    readonly TimeSpan patience;
    readonly ITimer timer;
    readonly int gather;
    int gathered;

    /// <param name="gather">Flushes are put off until so many bytes have come together: many small contents then share one write.</param>
    public StallGuard(HttpContext context, TimeProvider clock, TimeSpan patience, int gather = 0)
    {
        this.gather = gather;
        body = context.Response.BodyWriter;
        this.patience = patience;
        timer = clock.CreateTimer(_ => context.Abort(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public override bool CanGetUnflushedBytes => body.CanGetUnflushedBytes;

    public override long UnflushedBytes => body.UnflushedBytes;

    public override void Advance(int bytes)
    {
        body.Advance(bytes);
        gathered += bytes;
    }

    public override Memory<byte> GetMemory(int sizeHint = 0) => body.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => body.GetSpan(sizeHint);

    public override void CancelPendingFlush() => body.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => body.Complete(exception);

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (gathered < gather)
            return default;
        gathered = 0;
        var flush = body.FlushAsync(cancellationToken);
        return flush.IsCompletedSuccessfully ? flush : Guarded(flush);
    }

    /// <summary>Sends what was put off.</summary>
    public ValueTask<FlushResult> FinishAsync(CancellationToken ct)
    {
        gathered = Math.Max(gathered, gather);
        return FlushAsync(ct);
    }

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        var write = body.WriteAsync(source, cancellationToken);
        return write.IsCompletedSuccessfully ? write : Guarded(write);
    }

    public void Dispose() => timer.Dispose();

    /// <summary>The timer runs only while the reader is waited for.</summary>
    async ValueTask<FlushResult> Guarded(ValueTask<FlushResult> flush)
    {
        timer.Change(patience, Timeout.InfiniteTimeSpan);
        try
        {
            return await flush;
        }
        finally
        {
            timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }
}
