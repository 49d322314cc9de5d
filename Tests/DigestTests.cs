using System.Buffers;
using System.Text.Json;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace Tests;

public class DigestTests
{
    [Fact]
    public void Prints_and_parses_as_64_hex_digits()
    {
        var digest = Digest.Of("abc"u8);
        Assert.Equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", digest.ToString());
        Assert.Equal(digest, Digest.Parse(digest.ToString()));
    }

    [Fact]
    public void Is_read_wherever_the_pieces_of_a_body_part_it()
    {
        var digest = Digest.Of("abc"u8);
        var json = JsonSerializer.SerializeToUtf8Bytes(digest, WireJson.Default.Digest);
        for (var cut = 1; cut < json.Length; cut++)
        {
            var last = new Piece(json.AsMemory(cut), null);
            var pieces = new ReadOnlySequence<byte>(new Piece(json.AsMemory(0, cut), last), 0, last, json.Length - cut);
            var reader = new Utf8JsonReader(pieces);
            Assert.Equal(digest, JsonSerializer.Deserialize(ref reader, WireJson.Default.Digest));
        }
    }

    sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, Piece? next)
        {
            Memory = memory;
            Next = next;
            if (next is not null)
                next.RunningIndex = memory.Length;
        }
    }
}
