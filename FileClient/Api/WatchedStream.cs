namespace FileClient.Api;

/// <summary>A body that resets its watchdog with every byte, and turns what breaks below it into an <see cref="ApiException"/>.</summary>
sealed class WatchedStream(Stream inner, Watchdog watchdog, Uri server) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => inner.Length;

    public override long Position
    {
        get => inner.Position;
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            var read = inner.ReadAsync(buffer, watchdog.Token);
            var count = read.IsCompletedSuccessfully ? read.GetAwaiter().GetResult() : await read;
            watchdog.Beat();
            return count;
        }
        catch (OperationCanceledException fault) when (watchdog.Bit)
        {
            throw ApiException.Unreachable(server, fault);
        }
        catch (IOException fault)
        {
            throw ApiException.Unreachable(server, fault);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Read it asynchronously.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }
}
