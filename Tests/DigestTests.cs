using FileServer.Protocol;

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
}
