using FileClient.Terminal;

namespace Tests.Commands;

public sealed class WordingTests
{
    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1024, "1.0 KiB")]
    [InlineData(5L * 1024 * 1024 * 1024, "5.0 GiB")]
    public void Sizes_have_units(long bytes, string text) => Assert.Equal(text, Wording.Size(bytes));

    [Theory]
    [InlineData("1048576", 1048576)]
    [InlineData("500M", 500L * 1024 * 1024)]
    [InlineData("10GiB", 10L * 1024 * 1024 * 1024)]
    [InlineData("1.5k", 1536)]
    [InlineData("7B", 7)]
    public void Sizes_are_read_as_people_write_them(string text, long bytes) => Assert.Equal(bytes, Sizes.Parse(text));

    [Theory]
    [InlineData("much")]
    [InlineData("-5M")]
    [InlineData("")]
    [InlineData("9999999P")]
    public void What_is_no_size_is_refused(string text) => Assert.Equal(ExitCode.Usage, Assert.Throws<Failure>(() => Sizes.Parse(text)).Exit);

    [Fact]
    public void A_name_cannot_steer_the_terminal() => Assert.Equal("a?[31mb?c", Wording.Printable("a\u001b[31mb\nc"));
}
