using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace FileServer.Protocol.Packs;

/// <summary>
/// The end of a sealed pack: what its body consists of, run by run, and a trailer of fixed size from which it is read
/// backwards. Entries cover the body without overlap or hole in the numbering, so offsets are sums.
/// </summary>
public sealed class PackFooter
{
    public PackFooter(IReadOnlyList<PackEntry> entries)
    {
        Entries = entries;
        BodyLength = entries.Sum(entry => (long)entry.Length);
    }

    public IReadOnlyList<PackEntry> Entries { get; }

    /// <summary>Bytes between header and footer.</summary>
    public long BodyLength { get; }

    /// <summary>Bytes of the whole file.</summary>
    public long FileLength => PackFormat.HeaderSize + BodyLength + EncodedSize(Entries.Count);

    /// <summary>Bytes that a footer of so many entries takes.</summary>
    public static long EncodedSize(long entries) => entries * PackFormat.EntrySize + PackFormat.TrailerSize;

    /// <summary>The entries with the offset at which each stands in the file.</summary>
    public IEnumerable<(PackEntry Entry, long Offset)> Places()
    {
        long offset = PackFormat.HeaderSize;
        foreach (var entry in Entries)
        {
            yield return (entry, offset);
            offset += entry.Length;
        }
    }

    /// <summary>The bytes to write behind the body. What was encoded is read back first: a footer that does not say the same is never handed out.</summary>
    public byte[] Encode()
    {
        var bytes = new byte[EncodedSize(Entries.Count)];
        for (var i = 0; i < Entries.Count; i++)
            Entries[i].CopyTo(bytes.AsSpan(i * PackFormat.EntrySize));
        var entries = bytes.AsSpan(0, bytes.Length - PackFormat.TrailerSize);
        WriteTrailer(bytes.AsSpan(entries.Length), entries);
        var trailer = PackTrailer.Read(bytes.AsSpan(entries.Length));
        if (trailer.FileLength != FileLength || !Decode(trailer, entries).Entries.SequenceEqual(Entries))
            throw new PackDamagedException("The footer that was about to be written does not read back as the same.");
        return bytes;
    }

    /// <summary>Reads the entries that the trailer announced.</summary>
    /// <exception cref="PackDamagedException">They are not the ones that were written.</exception>
    public static PackFooter Decode(PackTrailer trailer, ReadOnlySpan<byte> entries)
    {
        if (entries.Length != trailer.EntriesLength || Hash(entries, trailer.BodyLength, trailer.Count) != trailer.Hash)
            throw new PackDamagedException("The pack's footer is damaged: its SHA-256 differs.");
        var list = new List<PackEntry>(trailer.Count);
        for (; entries.Length > 0; entries = entries[PackFormat.EntrySize..])
            list.Add(PackEntry.Read(entries[..PackFormat.EntrySize]));
        var footer = new PackFooter(list);
        if (footer.BodyLength != trailer.BodyLength)
            throw new PackDamagedException("The pack's footer is damaged: its entries do not add up to the body's length.");
        return footer;
    }

    void WriteTrailer(Span<byte> trailer, ReadOnlySpan<byte> entries)
    {
        BinaryPrimitives.WriteInt64LittleEndian(trailer, BodyLength);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[8..], (uint)Entries.Count);
        Hash(entries, BodyLength, Entries.Count).CopyTo(trailer[16..]);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[48..], PackFormat.Crc32C(trailer[..48]));
        PackFormat.TrailerMagic.CopyTo(trailer[56..]);
    }

    static Digest Hash(ReadOnlySpan<byte> entries, long bodyLength, int count)
    {
        Span<byte> fixedPart = stackalloc byte[16];
        fixedPart.Clear();
        BinaryPrimitives.WriteInt64LittleEndian(fixedPart, bodyLength);
        BinaryPrimitives.WriteUInt32LittleEndian(fixedPart[8..], (uint)count);
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData(entries);
        sha.AppendData(fixedPart);
        Span<byte> hash = stackalloc byte[Digest.Size];
        sha.GetHashAndReset(hash);
        return new Digest(hash);
    }
}

/// <summary>The last 64 bytes of a sealed pack.</summary>
/// <param name="Hash">SHA-256 over the entries and the lengths.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct PackTrailer(long BodyLength, int Count, Digest Hash)
{
    public long EntriesLength => (long)Count * PackFormat.EntrySize;

    public long FileLength => PackFormat.HeaderSize + BodyLength + EntriesLength + PackFormat.TrailerSize;

    /// <summary>Whether these 64 bytes claim to be a trailer; whether they are a sound one says <see cref="Read"/>.</summary>
    public static bool IsTrailer(ReadOnlySpan<byte> bytes) => bytes.Length == PackFormat.TrailerSize && bytes[56..].SequenceEqual(PackFormat.TrailerMagic);

    /// <exception cref="PackDamagedException">These are not the last bytes of a sealed pack.</exception>
    public static PackTrailer Read(ReadOnlySpan<byte> bytes)
    {
        if (!IsTrailer(bytes))
            throw new PackDamagedException("The pack has no footer: it was never sealed, or it was cut off.");
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[48..]) != PackFormat.Crc32C(bytes[..48]))
            throw new PackDamagedException("The pack's footer is damaged: the trailer's checksum differs.");
        var body = BinaryPrimitives.ReadInt64LittleEndian(bytes);
        var count = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        if (body < 0 || count > Array.MaxLength / PackFormat.EntrySize || BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]) != 0
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes[52..]) != 0)
            throw new PackDamagedException("The pack's footer is of a kind that this version does not know.");
        return new PackTrailer(body, (int)count, new Digest(bytes[16..48]));
    }
}
