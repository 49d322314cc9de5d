using System.Buffers;
using FileServer.Protocol;
using FileServer.Protocol.Packs;

namespace Tests.Storage;

/// <summary>The bytes of FileServer/Storage/FORMAT.md: whoever changes one of these changes the format.</summary>
public class PackFormatTests
{
    static readonly SpaceId Space = new(Guid.Parse("01020304-0506-7708-890a-0b0c0d0e0f10"));
    static readonly PackId Pack = new(Guid.Parse("11121314-1516-7718-991a-1b1c1d1e1f20"));
    static readonly DateTimeOffset Created = DateTimeOffset.FromUnixTimeMilliseconds(0x0102030405);

    [Fact]
    public void Header_has_these_bytes()
    {
        var header = new PackHeader(Space, Pack, Created, PackKind.Appended);
        Assert.Equal("46535041434B31000102030405067708890A0B0C0D0E0F10" + "1112131415167718991A1B1C1D1E1F200504030201000000010000000000000000000000F3325AFF", Convert.ToHexString(header.ToArray()));
        Assert.Equal(header, PackHeader.Read(header.ToArray()));
    }

    [Fact]
    public void Footer_has_these_bytes()
    {
        // Made by another program from FORMAT.md.
        var abc = Digest.Of("abc"u8);
        var footer = new PackFooter([PackEntry.Gap(68), PackEntry.Chunk(abc, 3), PackEntry.Elsewhere(abc, 3)]);
        string[] lines =
        [
            "000000000000000000000000000000000000000000000000000000000000000044000000",
            "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD03000000",
            "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD03000080",
            "4A00000000000000030000000000000023AB6831F19B31CE8718A401FE76508D",
            "3C5936860E87047BD8D5F66EDF4A11F83F43D4EE000000004653504B454E4431",
        ];
        Assert.Equal(string.Concat(lines), Convert.ToHexString(footer.Encode()));
        Assert.Equal(64 + 74 + (3 * 36) + 64, footer.FileLength);
    }

    [Fact]
    public void Batch_header_has_these_bytes_and_belongs_to_one_place_of_one_pack()
    {
        var batch = new PackBatch([PackEntry.Chunk(Digest.Of("abc"u8), 3)]);
        var header = batch.EncodeHeader(Pack, 64);
        Assert.Equal("465342415443483101000000030000004000000000000000935C2B9700000000" + "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD03000000", Convert.ToHexString(header));
        Assert.Equal(batch.Chunks, PackBatch.TryDecodeHeader(header, Pack, 64)!.Chunks);
        Assert.Null(PackBatch.TryDecodeHeader(header, Pack, 65));
        Assert.Null(PackBatch.TryDecodeHeader(header, PackId.New(), 64));
    }

    [Fact]
    public void Crc_is_the_one_of_the_standard() => Assert.Equal(0xE3069283u, PackFormat.Crc32C("123456789"u8));

    [Fact]
    public void A_built_pack_proves_itself()
    {
        var (pack, chunks) = Build();
        var (header, footer) = PackReader.Verify(pack);
        Assert.Equal(Pack, header.Pack);
        Assert.Equal(chunks, footer.Entries);
    }

    [Fact]
    public void No_flipped_bit_goes_unnoticed()
    {
        var (pack, _) = Build(small: true);
        for (var bit = 0; bit < pack.Length * 8; bit++)
        {
            pack[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<PackDamagedException>(() => PackReader.Verify(pack));
            pack[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void No_cut_or_added_byte_goes_unnoticed()
    {
        var (pack, _) = Build(small: true);
        for (var length = 0; length < pack.Length; length++)
            Assert.Throws<PackDamagedException>(() => PackReader.Verify(pack.AsSpan(0, length)));
        Assert.Throws<PackDamagedException>(() => PackReader.Verify((byte[])[.. pack, 0]));
        Assert.Throws<PackDamagedException>(() => PackReader.Verify((byte[])[0, .. pack]));
    }

    [Fact]
    public void The_builder_keeps_to_its_limit()
    {
        using var builder = new PackBuilder(new PackHeader(Space, Pack, Created), maxSize: 10_000);
        var chunk = new byte[1000];
        while (builder.Fits(chunk.Length))
        {
            chunk[0]++;
            builder.Add(Digest.Of(chunk), chunk);
        }
        Assert.Throws<InvalidOperationException>(() => builder.Add(Digest.Of(chunk), chunk));
        Assert.Equal(9, builder.Count);
        Assert.Equal(builder.Length, builder.Finish().Length);
        Assert.InRange(builder.Length, 9_000, 10_000);
    }

    [Fact]
    public void An_empty_pack_is_a_pack()
    {
        using var builder = new PackBuilder(new PackHeader(Space, Pack, Created));
        Assert.Empty(PackReader.Verify(builder.Finish().ToArray()).Footer.Entries);
    }

    static (byte[] Pack, PackEntry[] Chunks) Build(bool small = false)
    {
        using var builder = new PackBuilder(new PackHeader(Space, Pack, Created));
        var chunks = Enumerable.Range(1, 5).Select(i => StoreWorld.Random(small ? i : i * 700_000, i)).ToArray();
        foreach (var chunk in chunks)
            builder.Add(Digest.Of(chunk), chunk);
        return (builder.Finish().ToArray(), [.. chunks.Select(chunk => PackEntry.Chunk(Digest.Of(chunk), chunk.Length))]);
    }
}
