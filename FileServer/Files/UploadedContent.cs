using System.Buffers.Binary;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Storage;

namespace FileServer.Files;

/// <summary>
/// The form of <c>uploads.content</c>: what a finished upload holds, so that the changeset that names it needs nothing else.
/// Byte 1 (the form), content id, size (int64), 1 and SHA-256 or 0, number of chunks (int32), then for each chunk its hash,
/// length (int32), and 1 with pack and offset (int64) where the index has still to learn its place, or 0. Little endian.
/// </summary>
static class UploadedContent
{
    const byte Form = 1;

    public static byte[] Encode(StoredContent content)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(Form);
        writer.Write(content.ContentId.ToArray());
        writer.Write(content.Size);
        writer.Write(content.Sha256 is not null);
        if (content.Sha256 is { } sha256)
            writer.Write(sha256.ToArray());
        writer.Write(content.Chunks.Count);
        foreach (var chunk in content.Chunks)
        {
            writer.Write(chunk.Hash.ToArray());
            writer.Write(chunk.Size);
            var fresh = content.Fresh.TryGetValue(chunk.Hash, out var place);
            writer.Write(fresh);
            if (!fresh)
                continue;
            writer.Write(place.Pack.Value.ToByteArray(bigEndian: true));
            writer.Write(place.Offset);
        }
        writer.Flush();
        return stream.ToArray();
    }

    /// <exception cref="InvalidDataException">The bytes are of another form.</exception>
    public static StoredContent Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty || Take(ref bytes, 1)[0] != Form)
            throw new InvalidDataException("The content of an upload is written in a form that this server does not know.");
        var id = new Digest(Take(ref bytes, Digest.Size));
        var size = BinaryPrimitives.ReadInt64LittleEndian(Take(ref bytes, 8));
        Digest? sha256 = Take(ref bytes, 1)[0] == 1 ? new Digest(Take(ref bytes, Digest.Size)) : null;
        var chunks = new ChunkRef[BinaryPrimitives.ReadInt32LittleEndian(Take(ref bytes, 4))];
        var fresh = new Dictionary<Digest, ChunkPlace>();
        for (var i = 0; i < chunks.Length; i++)
        {
            chunks[i] = new ChunkRef(new Digest(Take(ref bytes, Digest.Size)), BinaryPrimitives.ReadInt32LittleEndian(Take(ref bytes, 4)));
            if (Take(ref bytes, 1)[0] == 0)
                continue;
            var pack = new PackId(new Guid(Take(ref bytes, 16), bigEndian: true));
            fresh[chunks[i].Hash] = new ChunkPlace(pack, BinaryPrimitives.ReadInt64LittleEndian(Take(ref bytes, 8)), chunks[i].Size);
        }
        return new StoredContent(id, size, sha256, chunks, fresh);
    }

    static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> bytes, int count)
    {
        var taken = bytes[..count];
        bytes = bytes[count..];
        return taken;
    }
}
