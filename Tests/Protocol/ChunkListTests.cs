using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace Tests.Protocol;

public sealed class ChunkListTests
{
    static List<ChunkRef> Chunks(int count, int seed = 0) =>
        [.. Enumerable.Range(0, count).Select(i => new ChunkRef(Digest.Of(BitConverter.GetBytes(seed + i)), 1 + (seed + i) % FastCdc.MaxSize))];

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(128, 0)]
    [InlineData(129, 1)]
    [InlineData(100_000, 90)]
    public void Lists_come_back_as_they_were(int count, int segments)
    {
        var chunks = Chunks(count);
        var (list, stored) = ChunkListCodec.Encode(chunks);
        Assert.Equal(segments, stored.Count);
        var byId = stored.ToDictionary(segment => segment.Id, segment => segment.Entries);
        Assert.Equal(stored.Select(segment => segment.Id), ChunkListCodec.SegmentIds(list));
        Assert.Equal(chunks, ChunkListCodec.Decode(list, id => byId[id]));
        Assert.All(stored, segment => Assert.Equal(Digest.Of(segment.Entries.Span), segment.Id));
    }

    [Fact]
    public void Segments_have_their_sizes()
    {
        var counts = ContentId.Segments(Chunks(100_000)).Select(segment => segment.Entries.Length / ChunkListCodec.EntrySize).ToList();
        Assert.All(counts.SkipLast(1), count => Assert.InRange(count, ContentId.MinSegmentEntries, ContentId.MaxSegmentEntries));
        Assert.InRange(counts.Average(), 800, 1300);
    }

    [Fact]
    public void A_change_in_one_place_leaves_the_other_segments()
    {
        var before = Chunks(50_000);
        List<ChunkRef> after = [.. before[..25_000], new(Digest.Of("new"u8), 3), .. before[25_000..]];
        var known = ContentId.Segments(before).Select(segment => segment.Id).ToHashSet();
        Assert.InRange(ContentId.Segments(after).Count(segment => !known.Contains(segment.Id)), 1, 2);
    }

    [Fact]
    public void Content_ids_are_pinned()
    {
        Assert.Equal("605974c58c8a2772b6c93247cc9f77578d20c9593e524773a1d2052146e7ee96", ContentId.Empty.ToString());
        Assert.Equal("4ea325298382af55d0fb03d963140906d2a2e84a0809179887ef83a378d418aa", ContentId.Of(3, [new ChunkRef(Digest.Of("abc"u8), 3)]).ToString());
        Assert.Equal("e031963e65b84fa1e73d545410e1a0f933be224c555f07dfe3ac4b99e950c458", ContentId.Of(1, Chunks(5000)).ToString());
    }

    [Fact]
    public void Content_ids_depend_on_size_order_and_chunks()
    {
        var chunks = Chunks(3);
        Digest[] ids =
        [
            ContentId.Of(6, chunks), ContentId.Of(7, chunks), ContentId.Of(6, [chunks[1], chunks[0], chunks[2]]), ContentId.Of(6, chunks[..2]), ContentId.Empty,
        ];
        Assert.Equal(ids.Length, ids.Distinct().Count());
    }

    [Theory]
    [InlineData("")]
    [InlineData("03")]
    [InlineData("0100")]
    [InlineData("020000")]
    public void Other_bytes_are_no_chunk_list(string hex) =>
        Assert.Throws<FormatException>(() => ChunkListCodec.Decode(Convert.FromHexString(hex), _ => default));

    [Fact]
    public void A_chunk_of_no_bytes_or_of_too_many_is_refused()
    {
        Assert.Throws<FormatException>(() => ChunkListCodec.DecodeEntries(new byte[36]));
        Assert.Throws<FormatException>(() => ChunkListCodec.DecodeEntries([.. new byte[32], 1, 0, 64, 0]));
    }

    [Fact]
    public void Frames_come_back_as_they_were()
    {
        var frame = new ContentFrame(NodeId.New(), 7, ContentFrameStatus.Ok, 1L << 40);
        var bytes = new byte[ContentFrame.Size];
        frame.CopyTo(bytes);
        Assert.Equal(frame, ContentFrame.Read(bytes));
        Assert.Equal(Convert.FromHexString(frame.NodeId.Value.ToString("N")), bytes[..16]);
    }

    [Theory]
    [InlineData(20, 3)]
    [InlineData(21, 1)]
    [InlineData(31, 0x80)]
    public void A_broken_frame_is_noticed(int at, byte value)
    {
        var bytes = new byte[ContentFrame.Size];
        new ContentFrame(NodeId.New(), 1, ContentFrameStatus.Ok, 5).CopyTo(bytes);
        bytes[at] = value;
        Assert.Throws<FormatException>(() => ContentFrame.Read(bytes));
    }
}
