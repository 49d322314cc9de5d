using System.Buffers.Binary;
using System.Security.Cryptography;
using CsCheck;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace Tests.Protocol;

public sealed class FastCdcTests
{
    // Bytes that any language can make: SplitMix64 from this seed, each value as eight bytes, little endian.
    internal static byte[] SplitMix(ulong seed, int length)
    {
        var bytes = new byte[length + 8];
        for (var at = 0; at < length; at += 8)
        {
            seed += 0x9e3779b97f4a7c15;
            var z = seed;
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
            z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), z ^ (z >> 31));
        }
        return bytes[..length];
    }

    static List<int> Cuts(ReadOnlySpan<byte> data)
    {
        var cuts = new List<int>();
        for (; data.Length > 0; data = data[cuts[^1]..])
            cuts.Add(FastCdc.FindCut(data));
        return cuts;
    }

    [Fact]
    public void Gear_table_is_the_first_half_of_the_MD5_of_each_byte()
    {
        for (var i = 0; i < 256; i++)
            Assert.Equal(BinaryPrimitives.ReadUInt64BigEndian(MD5.HashData([(byte)i])), GearTable.Values[i]);
    }

    [Fact]
    public void Cut_points_are_the_golden_ones()
    {
        Assert.Equal([1407716, 1109143, 1087762, 1101273, 1214912, 1164973, 301517, 1078707, 626818, 1350945, 2496229, 1313313, 1446924, 1089329], Cuts(SplitMix(1, 16 * 1024 * 1024 + 12345)));
        Assert.Equal([1866034, 1242964, 1177767, 627346, 1231629, 1137799, 1164642, 751142, 800677], Cuts(SplitMix(2026, 10_000_000)));
    }

    [Fact]
    public void Equal_bytes_are_cut_at_the_longest_size()
    {
        Assert.Equal([FastCdc.MaxSize, FastCdc.MaxSize, 1], Cuts(new byte[2 * FastCdc.MaxSize + 1]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(FastCdc.MinSize - 1)]
    [InlineData(FastCdc.MinSize)]
    public void Short_files_are_one_chunk(int length) => Assert.Equal([length], Cuts(SplitMix(3, length)));

    [Fact]
    public void Cuts_are_those_of_the_plain_byte_by_byte_algorithm()
    {
        var data = SplitMix(77, 24 * 1024 * 1024 + 1);
        Assert.Equal(PlainCuts(data), Cuts(data));
    }

    // The algorithm as the paper words it, one byte at a time.
    static List<int> PlainCuts(byte[] data)
    {
        var cuts = new List<int>();
        for (var start = 0; start < data.Length; start += cuts[^1])
        {
            var end = Math.Min(data.Length - start, FastCdc.MaxSize);
            var length = Math.Min(FastCdc.MinSize, end);
            for (ulong hash = 0; length < end; length++)
            {
                hash = (hash << 1) + GearTable.Values[data[start + length]];
                if ((hash & (length < FastCdc.AverageSize ? 0x0000_d937_6753_7000ul : 0x0000_d907_0753_7000ul)) == 0)
                    break;
            }
            cuts.Add(length);
        }
        return cuts;
    }

    [Fact]
    public void Chunks_do_not_depend_on_the_pieces_in_which_bytes_arrive()
    {
        var data = SplitMix(5, 6 * 1024 * 1024 + 7);
        var whole = ChunkSplitter.Split(data).ToList();
        Gen.Int[1, 700_001].Array[1, 20].Sample(pieces =>
        {
            using var splitter = new ChunkSplitter();
            var chunks = new List<ChunkRef>();
            for (int at = 0, i = 0; at < data.Length; i++)
            {
                var count = Math.Min(pieces[i % pieces.Length], data.Length - at);
                splitter.Append(data.AsSpan(at, count), chunks);
                at += count;
            }
            if (splitter.Complete() is { } last)
                chunks.Add(last);
            Assert.Equal(data.Length, splitter.Length);
            Assert.Equal(whole, chunks);
        }, iter: 30, threads: 1);
    }

    [Fact]
    public void An_insertion_changes_only_the_chunks_around_it()
    {
        var data = SplitMix(9, 64 * 1024 * 1024);
        byte[] changed = [.. data[..30_000_000], 42, .. data[30_000_000..]];
        var before = ChunkSplitter.Split(data).Select(chunk => chunk.Hash).ToHashSet();
        Assert.InRange(ChunkSplitter.Split(changed).Count(chunk => !before.Contains(chunk.Hash)), 1, 3);
    }

    [Fact]
    public void Nothing_is_no_chunk()
    {
        using var splitter = new ChunkSplitter();
        Assert.Null(splitter.Complete());
        Assert.Empty(ChunkSplitter.Split(ReadOnlyMemory<byte>.Empty));
    }
}
