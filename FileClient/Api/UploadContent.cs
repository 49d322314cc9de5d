using System.Buffers;
using System.Net;

namespace FileClient.Api;

/// <summary>Bytes that can be read at any offset, so that an upload can go on where it stopped.</summary>
abstract class UploadSource
{
    public abstract ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct);

    /// <summary>Waits until the source has let go of every buffer.</summary>
    public virtual Task ReleaseAsync() => Task.CompletedTask;
}

/// <summary>Bytes that are in memory.</summary>
sealed class MemorySource(ReadOnlySequence<byte> bytes) : UploadSource
{
    public override ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        var part = bytes.Slice(offset, Math.Min(buffer.Length, bytes.Length - offset));
        part.CopyTo(buffer.Span);
        return ValueTask.FromResult((int)part.Length);
    }
}

/// <summary>A stretch of a source as the body of a request, with its length known beforehand.</summary>
/// <param name="sent">Told how many bytes more went out.</param>
sealed class UploadContent(UploadSource source, long offset, long count, Watchdog watchdog, Action<long>? sent) : HttpContent
{
    const int BlockSize = 256 * 1024;

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(BlockSize, Math.Max(count, 1)));
        try
        {
            for (long done = 0; done < count;)
            {
                var want = (int)Math.Min(buffer.Length, count - done);
                var read = await source.ReadAsync(offset + done, buffer.AsMemory(0, want), cancellationToken);
                if (read == 0)
                    throw new IOException("The file became shorter while it was sent.");
                await stream.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                done += read;
                watchdog.Beat();
                sent?.Invoke(read);
            }
        }
        finally
        {
            await source.ReleaseAsync();
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = count;
        return true;
    }
}
