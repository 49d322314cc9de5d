using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Options;

namespace FileServer.Uploads;

/// <summary>How the body of a request ended.</summary>
enum BodyEnd
{
    Whole,

    /// <summary>The client is gone, or sent nothing for too long.</summary>
    Cut,

    /// <summary>A newer request took the upload over.</summary>
    Interrupted,

    /// <summary>More bytes came than the upload has room for.</summary>
    TooLong,
}

/// <summary>
/// Receives the body of a request. Kestrel's own limits do not fit here: its rate is an average since the body began, so that a dead connection could
/// hold an upload for hours.
/// </summary>
sealed class UploadBody(IOptions<UploadsOptions> options, TimeProvider clock)
{
    /// <summary>Feeds the body to the sink.</summary>
    /// <param name="room">Bytes that the upload may still take.</param>
    /// <param name="recordAsync">Told of each offset that has become durable; not called while a checksum is still to be verified.</param>
    public async Task<BodyEnd> ReceiveAsync(
        HttpContext context, UploadSink sink, long room, UploadChecksum? checksum, Func<long, Task>? recordAsync, CancellationToken interrupted)
    {
        LiftLimits(context);
        using var idle = new CancellationTokenSource(Timeout.InfiniteTimeSpan, clock);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, interrupted, idle.Token);
        var reader = context.Request.BodyReader;
        long unsynced = 0;
        try
        {
            while (true)
            {
                var reading = reader.ReadAsync(linked.Token);
                if (!reading.IsCompletedSuccessfully)
                    idle.CancelAfter(TimeSpan.FromSeconds(options.Value.IdleSeconds));
                var result = await reading;
                idle.CancelAfter(Timeout.InfiniteTimeSpan);
                if (result.Buffer.Length > room)
                {
                    reader.AdvanceTo(result.Buffer.Start);
                    return BodyEnd.TooLong;
                }
                foreach (var segment in result.Buffer)
                {
                    checksum?.Append(segment.Span);
                    await sink.WriteAsync(segment, CancellationToken.None);
                }
                room -= result.Buffer.Length;
                unsynced += result.Buffer.Length;
                reader.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                    return BodyEnd.Whole;
                if (unsynced < options.Value.SyncBytes || checksum is not null || recordAsync is null)
                    continue;
                await recordAsync(await sink.SyncAsync(CancellationToken.None));
                unsynced = 0;
            }
        }
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            return BodyEnd.Interrupted;
        }
        // Kestrel tells of a client that vanished in the middle of a body by the second or the third of these.
        catch (Exception gone) when (gone is OperationCanceledException or BadHttpRequestException or IOException)
        {
            return BodyEnd.Cut;
        }
    }

    static void LiftLimits(HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = null;
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
    }
}
