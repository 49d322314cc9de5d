using System.Buffers.Binary;

namespace FileServer.Protocol;

/// <summary>Whether the bytes of an asked version follow.</summary>
public enum ContentFrameStatus : byte
{
    Ok = 0,

    /// <summary>No such version, or not for this caller.</summary>
    NotFound = 1,

    /// <summary>The version exists, its bytes cannot be had now.</summary>
    Unavailable = 2,
}

/// <summary>
/// The 32 bytes before each version in a stream of many: node id (RFC 9562 byte order), version (int32, little endian), status, three zero bytes, length
/// (int64, little endian). As many bytes follow as the length says; none unless the status is ok.
/// </summary>
public readonly record struct ContentFrame(NodeId NodeId, int Version, ContentFrameStatus Status, long Length)
{
    public const int Size = 32;

    public void CopyTo(Span<byte> destination)
    {
        destination[..Size].Clear();
        NodeId.Value.TryWriteBytes(destination, bigEndian: true, out _);
        BinaryPrimitives.WriteInt32LittleEndian(destination[16..], Version);
        destination[20] = (byte)Status;
        BinaryPrimitives.WriteInt64LittleEndian(destination[24..], Length);
    }

    /// <exception cref="FormatException">The bytes are no frame, so the stream cannot be read on.</exception>
    public static ContentFrame Read(ReadOnlySpan<byte> source)
    {
        var frame = new ContentFrame(
            new NodeId(new Guid(source[..16], bigEndian: true)),
            BinaryPrimitives.ReadInt32LittleEndian(source[16..]),
            (ContentFrameStatus)source[20],
            BinaryPrimitives.ReadInt64LittleEndian(source[24..Size]));
        if (frame.Status > ContentFrameStatus.Unavailable || frame.Length < 0 || (frame.Status != ContentFrameStatus.Ok && frame.Length != 0)
            || source[21] != 0 || source[22] != 0 || source[23] != 0)
            throw new FormatException("The stream of contents is broken: no frame begins here.");
        return frame;
    }
}
