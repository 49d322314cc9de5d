using System.Net;
using FileClient.Api;

namespace FileClient.Transfer;

/// <summary>Bytes of unknown number from a pipe as the body of a request. They pass once: such a request cannot be sent again.</summary>
sealed class PipeContent(Stream input, Watchdog watchdog) : HttpContent
{
    const int BlockSize = 256 * 1024;

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        var buffer = new byte[BlockSize];
        for (int read; (read = await input.ReadAsync(buffer, cancellationToken)) > 0;)
        {
            await stream.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            watchdog.Beat();
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
