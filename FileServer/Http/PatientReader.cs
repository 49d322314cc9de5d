using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace FileServer.Http;

/// <summary>
/// Reads the body of a request, for as long as something comes. Kestrel's own rate is an average since the body began: a dead
/// connection could hold a large upload for hours, and who pauses would be cut off. Gives up by cancelling the pending read, not by a
/// token: the body can then still be drained, so that its sender gets to read why.
/// </summary>
sealed class PatientReader : IDisposable
{
    readonly PipeReader reader;
    readonly TimeSpan patience;
    readonly ITimer timer;
    readonly CancellationTokenRegistration interrupting;
    volatile bool silent;
    SequencePosition? unread;

    /// <param name="interrupted">Ends the read that is under way, or the next one.</param>
    public PatientReader(HttpContext context, TimeSpan patience, TimeProvider clock, CancellationToken interrupted = default)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = null;
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
        reader = context.Request.BodyReader;
        this.patience = patience;
        timer = clock.CreateTimer(_ => GiveUp(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        interrupting = interrupted.Register(reader.CancelPendingRead);
    }

    /// <summary>Nothing came for too long.</summary>
    public bool IsSilent => silent;

    /// <summary>What has come; cancelled when nothing did for too long, or somebody interrupted. What it holds still counts then.</summary>
    public async ValueTask<ReadResult> ReadAsync(CancellationToken ct)
    {
        var reading = reader.ReadAsync(ct);
        var result = reading.IsCompletedSuccessfully ? reading.Result : await WaitAsync(reading);
        unread = result.Buffer.Start;
        return result;
    }

    public void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        unread = null;
        reader.AdvanceTo(consumed, examined);
    }

    /// <summary>What to say to a sender who was silent for too long.</summary>
    public static Refusal TooSlow() =>
        new(RefusalKind.RequestTimeout, "No bytes came for too long; nothing was kept. Send the request again.");

    public void Dispose()
    {
        interrupting.Dispose();
        timer.Dispose();
        // Who refuses what it has just read leaves the rest to be drained.
        if (unread is { } start)
            reader.AdvanceTo(start);
    }

    async ValueTask<ReadResult> WaitAsync(ValueTask<ReadResult> reading)
    {
        timer.Change(patience, Timeout.InfiniteTimeSpan);
        try
        {
            return await reading;
        }
        finally
        {
            timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    void GiveUp()
    {
        silent = true;
        reader.CancelPendingRead();
    }
}
