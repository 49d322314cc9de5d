using System.Buffers.Binary;
using FileServer.Protocol;

namespace FileClient.Api;

/// <summary>What became of one item that <c>contents</c> was asked for.</summary>
enum ContentStatus : byte
{
    Ok = 0,
    NotFound = 1,
    Unavailable = 2,
}

/// <summary>The header before each content in a <c>contents</c> stream; <paramref name="Length"/> bytes follow.</summary>
sealed record ContentHeader(NodeId NodeId, int Version, ContentStatus Status, long Length);

/// <summary>Reads the answer of <c>POST …/contents</c>: header after header, each followed by its bytes.</summary>
sealed class ContentsReader(ApiResponse response, Stream body) : IDisposable
{
    const int HeaderSize = 32;

    readonly byte[] header = new byte[HeaderSize];
    long left;

    /// <summary>The next header, or null at the end. Bytes of the one before that were not read are skipped.</summary>
    public async ValueTask<ContentHeader?> NextAsync(CancellationToken ct)
    {
        if (left > 0)
            await SkipAsync(ct);
        var read = await body.ReadAtLeastAsync(header, HeaderSize, throwOnEndOfStream: false, ct);
        if (read == 0)
            return null;
        if (read < HeaderSize)
            throw BrokeOff();
        var length = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(24));
        if (length < 0 || header[20] > (byte)ContentStatus.Unavailable)
            throw ApiException.Protocol("A header in the contents stream makes no sense.");
        left = length;
        return new ContentHeader(
            new NodeId(new Guid(header.AsSpan(0, 16), bigEndian: true)),
            BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(16)),
            (ContentStatus)header[20],
            length);
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
