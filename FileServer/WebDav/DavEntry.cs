using FileServer.Files;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileServer.WebDav;

/// <summary>A resource as its properties show it: a row of a listing, or the one that was asked for.</summary>
/// <param name="Tag">The bytes of its entity tag; null on what has none.</param>
readonly record struct DavEntry(
    NodeId Id, string Name, NodeKind Kind, long Size, byte[]? Tag, DateTimeOffset ModifiedAt, DateTimeOffset CreatedAt, bool Executable)
{
    public bool IsCollection => Kind == NodeKind.Folder;

    public static DavEntry Of(NodeRow row) => new(
        row.Id, row.Name, row.Kind, row.Target is { } target ? System.Text.Encoding.UTF8.GetByteCount(target) : row.Size, row.ContentId?.ToArray(), row.ModifiedAt,
        MadeAt(row.Id.Value, row.ModifiedAt), row.Executable);

    /// <summary>A digest as an entity tag. In base64 since litmus and others have short buffers for conditions that hold two of them.</summary>
    public static string TagOf(ReadOnlySpan<byte> digest) => $"\"{System.Buffers.Text.Base64Url.EncodeToString(digest)}\"";

    /// <summary>A version 7 id tells when its node was made; whatever id a client made up otherwise tells nothing.</summary>
    public static DateTimeOffset MadeAt(Guid id, DateTimeOffset modifiedAt)
    {
        if (id.Version != 7)
            return modifiedAt;
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        var milliseconds = (long)System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(bytes) >>> 16;
        return milliseconds < MaxMilliseconds ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds) : modifiedAt;
    }

    static readonly long MaxMilliseconds = new DateTimeOffset(3000, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();
}
