using FileServer.Protocol;

namespace FileClient.Api;

/// <summary>Reads the answer of <c>POST …/contents</c>: frame after frame, each followed by its bytes.</summary>
sealed class ContentsReader(ApiResponse response, Stream body) : IDisposable
{
    readonly byte[] header = new byte[ContentFrame.Size];
    long left;

    /// <summary>The next frame, or null at the end. Bytes of the one before that were not read are skipped.</summary>
    public async ValueTask<ContentFrame?> NextAsync(CancellationToken ct)
    {
        if (left > 0)
            await SkipAsync(ct);
        var read = await body.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, ct);
        if (read == 0)
            return null;
        if (read < header.Length)
            throw BrokeOff();
        try
        {
            var frame = ContentFrame.Read(header);
            left = frame.Length;
            return frame;
        }
        catch (FormatException broken)
        {
            throw ApiException.Protocol(broken.Message, broken);
        }
    }

    /// <summary>Reads bytes of the current content; 0 at its end.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken ct)
    {
        if (left == 0 || buffer.IsEmpty)
            return 0;
        var read = await body.ReadAsync(buffer[..(int)Math.Min(buffer.Length, left)], ct);
        if (read == 0)
            throw BrokeOff();
        left -= read;
        return read;
    }

    async ValueTask SkipAsync(CancellationToken ct)
    {
        var sink = new byte[64 * 1024];
        while (left > 0)
            await ReadAsync(sink, ct);
    }

    ApiException BrokeOff() => ApiException.Unreachable(response.Message.RequestMessage!.RequestUri!, new EndOfStreamException("The contents stream broke off."));

    public void Dispose()
    {
        body.Dispose();
        response.Dispose();
    }
}
