using FileServer.Files;

namespace Tests.Files;

public class ContentDispositionTests
{
    [Theory]
    [InlineData("report.pdf", "attachment; filename=\"report.pdf\"")]
    [InlineData("a b;c.txt", "attachment; filename=\"a b;c.txt\"")]
    [InlineData("naïve €.txt", "attachment; filename=\"na_ve _.txt\"; filename*=UTF-8''na%C3%AFve%20%E2%82%AC.txt")]
    [InlineData("50%41.txt", "attachment; filename=\"50_41.txt\"; filename*=UTF-8''50%2541.txt")]
    [InlineData("say \"hi\".txt", "attachment; filename=\"say _hi_.txt\"; filename*=UTF-8''say%20%22hi%22.txt")]
    [InlineData("a\r\nSet-Cookie: x", "attachment; filename=\"a__Set-Cookie: x\"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x")]
    public void Names_are_carried_in_ASCII_only(string name, string expected) => Assert.Equal(expected, ContentDisposition.For(name, inline: false));

    [Fact]
    public void Whatever_the_name_the_header_is_printable_ASCII_without_escapes()
    {
        var random = new Random(7);
        for (var round = 0; round < 2000; round++)
        {
            var name = string.Concat(Enumerable.Range(0, random.Next(1, 40)).Select(_ => char.ConvertFromUtf32(Rune())));
            var header = ContentDisposition.For(name, inline: true);
            Assert.All(header, c => Assert.InRange(c, ' ', '~'));
            Assert.Equal(2, header.Count(c => c == '"'));
            Assert.DoesNotContain('\\', header);
        }

        int Rune() => random.Next(4) switch { 0 => random.Next(0x20), 1 => random.Next(0x20, 0x7f), 2 => random.Next(0x80, 0xD800), _ => random.Next(0x10000, 0x110000) };
    }
}
