namespace FileServer.Protocol.Packs;

/// <summary>Reads a sealed pack that is held in memory, and proves every byte of it.</summary>
public static class PackReader
{
    /// <summary>Checks header, footer and the SHA-256 of every chunk.</summary>
    /// <exception cref="PackDamagedException">Something differs; the message says what.</exception>
    public static (PackHeader Header, PackFooter Footer) Verify(ReadOnlySpan<byte> pack)
    {
        var (header, footer) = Open(pack);
        foreach (var (entry, offset) in footer.Places())
        {
            if (entry.Kind == PackEntryKind.Chunk && Digest.Of(pack.Slice((int)offset, entry.Length)) != entry.Hash)
                throw new PackDamagedException($"The chunk {entry.Hash} at offset {offset} has other bytes than its name says.");
        }
        return (header, footer);
    }

    /// <summary>Checks header and footer only.</summary>
    /// <exception cref="PackDamagedException">Something differs; the message says what.</exception>
    public static (PackHeader Header, PackFooter Footer) Open(ReadOnlySpan<byte> pack)
    {
        var header = PackHeader.Read(pack);
        if (pack.Length < PackFormat.HeaderSize + PackFormat.TrailerSize)
            throw new PackDamagedException("The pack has no footer: it was never sealed, or it was cut off.");
        var trailer = PackTrailer.Read(pack[^PackFormat.TrailerSize..]);
        if (trailer.FileLength != pack.Length)
            throw new PackDamagedException($"The pack has {pack.Length} bytes, its footer says {trailer.FileLength}.");
        var entries = pack.Slice((int)(PackFormat.HeaderSize + trailer.BodyLength), (int)trailer.EntriesLength);
        return (header, PackFooter.Decode(trailer, entries));
    }
}
