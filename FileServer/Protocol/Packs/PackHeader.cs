using System.Buffers.Binary;

namespace FileServer.Protocol.Packs;

/// <summary>How a pack came to be.</summary>
public enum PackKind
{
    /// <summary>Written as one: the body is chunks back to back, listed by the footer alone.</summary>
    Whole = 0,

    /// <summary>Appended to in group commits: the body is batches, each listing its chunks in front of them.</summary>
    Appended = 1,
}

/// <summary>The first 64 bytes of a pack: which pack of which space this is, and when it was begun.</summary>
/// <param name="Created">Kept to the millisecond.</param>
public sealed record PackHeader(SpaceId Space, PackId Pack, DateTimeOffset Created, PackKind Kind = PackKind.Whole)
{
    public void CopyTo(Span<byte> destination)
    {
        var header = destination[..PackFormat.HeaderSize];
        header.Clear();
        PackFormat.HeaderMagic.CopyTo(header);
        Space.Value.TryWriteBytes(header[8..], bigEndian: true, out _);
        Pack.Value.TryWriteBytes(header[24..], bigEndian: true, out _);
        BinaryPrimitives.WriteInt64LittleEndian(header[40..], Created.ToUnixTimeMilliseconds());
        header[48] = (byte)Kind;
        BinaryPrimitives.WriteUInt32LittleEndian(header[60..], PackFormat.Crc32C(header[..60]));
    }

    public byte[] ToArray()
    {
        var bytes = new byte[PackFormat.HeaderSize];
        CopyTo(bytes);
        return bytes;
    }

    /// <exception cref="PackDamagedException">These are not the first bytes of a pack.</exception>
    public static PackHeader Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < PackFormat.HeaderSize || !bytes.StartsWith(PackFormat.HeaderMagic))
            throw new PackDamagedException("The file does not begin like a pack of format version 1.");
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[60..]) != PackFormat.Crc32C(bytes[..60]))
            throw new PackDamagedException("The pack's header is damaged: its checksum differs.");
        var created = BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]);
        if (created < DateTimeOffset.MinValue.ToUnixTimeMilliseconds() || created > DateTimeOffset.MaxValue.ToUnixTimeMilliseconds())
            throw new PackDamagedException("The pack's header names a time that cannot exist.");
        if (bytes[48] > (byte)PackKind.Appended || bytes[49..60].ContainsAnyExcept((byte)0))
            throw new PackDamagedException("The pack is of a kind that this version does not know.");
        return new PackHeader(
            new SpaceId(new Guid(bytes[8..24], bigEndian: true)),
            new PackId(new Guid(bytes[24..40], bigEndian: true)),
            DateTimeOffset.FromUnixTimeMilliseconds(created),
            (PackKind)bytes[48]);
    }
}
