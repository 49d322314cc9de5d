using FileServer.Http;
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

/// <summary>Receives the body of a request.</summary>
sealed class UploadBody(IOptions<UploadsOptions> options, TimeProvider clock)
{
    /// <summary>Feeds the body to the sink.</summary>
    /// <param name="room">Bytes that the upload may still take.</param>
    /// <param name="recordAsync">Told of each offset that has become durable; not called while a checksum is still to be verified.</param>
    public async Task<BodyEnd> ReceiveAsync(
        HttpContext context, UploadSink sink, long room, UploadChecksum? checksum, Func<long, Task>? recordAsync, CancellationToken interrupted)
    {
        using var body = new PatientReader(context, TimeSpan.FromSeconds(options.Value.IdleSeconds), clock, interrupted);
        long unsynced = 0;
        try
        {
            while (true)
            {
                var result = await body.ReadAsync(context.RequestAborted);
                if (result.Buffer.Length > room)
                {
                    body.AdvanceTo(result.Buffer.Start);
                    return BodyEnd.TooLong;
                }
                foreach (var segment in result.Buffer)
                {
                    checksum?.Append(segment.Span);
                    await sink.WriteAsync(segment, CancellationToken.None);
                }
                room -= result.Buffer.Length;
                unsynced += result.Buffer.Length;
                body.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                    return BodyEnd.Whole;
                if (result.IsCanceled)
                    return body.IsSilent ? BodyEnd.Cut : BodyEnd.Interrupted;
                if (unsynced < options.Value.SyncBytes || checksum is not null || recordAsync is null)
                    continue;
                await recordAsync(await sink.SyncAsync(CancellationToken.None));
                unsynced = 0;
            }
        }
        // Kestrel tells of a client that vanished in the middle of a body in each of these ways.
        catch (Exception gone) when (gone is OperationCanceledException or BadHttpRequestException or IOException)
        {
            return BodyEnd.Cut;
        }
    }
}
