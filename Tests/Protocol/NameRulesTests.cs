using CsCheck;
using FileServer.Protocol;

namespace Tests.Protocol;

public sealed class NameRulesTests
{
    [Theory]
    [InlineData("a.txt")]
    [InlineData("...")]
    [InlineData(" ")]
    [InlineData("a:b")]
    [InlineData("CON")]
    [InlineData("日本語.txt")]
    [InlineData("😀")]
    public void Good_names_stay_as_they_are(string name) => Assert.Equal(name, NameRules.Normalize(name));

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a\\b")]
    [InlineData("a\0b")]
    [InlineData("a\nb")]
    [InlineData("a\u007f")]
    [InlineData("a\u0085")]
    [InlineData("txt.\u202Eexe")]
    [InlineData("a\u2066b")]
    [InlineData("a\u200Bb")]
    [InlineData("a\uFEFF")]
    public void Bad_names_are_refused_with_a_reason(string name)
    {
        Assert.EndsWith(".", Assert.Throws<InvalidNameException>(() => NameRules.Normalize(name)).Message);
        Assert.False(NameRules.TryNormalize(name, out _, out var reason));
        Assert.NotNull(reason);
    }

    // Not as test data: lone halves do not survive in attributes.
    [Fact]
    public void Half_a_surrogate_pair_is_refused()
    {
        foreach (var name in new[] { "half \ud83d", "\ude00 half", "\ud83d\ud83d\ude00" })
            Assert.Throws<InvalidNameException>(() => NameRules.Normalize(name));
    }

    [Fact]
    public void A_name_has_at_most_255_bytes_of_UTF8_after_normalization()
    {
        Assert.Equal(255, NameRules.Normalize(new string('a', 255)).Length);
        Assert.Throws<InvalidNameException>(() => NameRules.Normalize(new string('a', 256)));
        Assert.Throws<InvalidNameException>(() => NameRules.Normalize(new string('ü', 128)));
        Assert.Equal(new string('ü', 127), NameRules.Normalize(string.Concat(Enumerable.Repeat("u\u0308", 127))));
    }

    [Theory]
    [InlineData("Readme", "README")]
    [InlineData("Straße", "STRAẞE")]
    [InlineData("\u212A", "k")]
    [InlineData("u\u0308ber", "ÜBER")]
    [InlineData("ΟΔΟΣ", "οδος")]
    [InlineData("µ", "Μ")]
    [InlineData("ſ", "S")]
    [InlineData("ǅ", "ǆ")]
    [InlineData("\U00010400", "\U00010428")]
    public void Names_that_differ_only_in_case_share_a_key(string one, string other) => Assert.Equal(NameRules.FoldKey(one), NameRules.FoldKey(other));

    [Theory]
    [InlineData("Straße", "Strasse")]
    [InlineData("i", "ı")]
    [InlineData("i", "İ")]
    [InlineData("a", "ä")]
    [InlineData("a", "а")]
    public void Other_letters_do_not_share_a_key(string one, string other) => Assert.NotEqual(NameRules.FoldKey(one), NameRules.FoldKey(other));

    [Fact]
    public void Folding_a_key_changes_nothing() =>
        Gen.String.Sample(text => Assert.Equal(NameRules.FoldKey(text), NameRules.FoldKey(NameRules.FoldKey(text))), iter: 20_000, threads: 1);

    [Theory]
    [InlineData("a:b")]
    [InlineData("what?.txt")]
    [InlineData("CON")]
    [InlineData("nul.txt")]
    [InlineData("NUL .tar.gz")]
    [InlineData("COM¹")]
    [InlineData("lpt9.log")]
    [InlineData("conin$")]
    [InlineData("x.")]
    [InlineData("x ")]
    [InlineData("GIT~1")]
    [InlineData("PROGRA~1.TXT")]
    public void Names_that_Windows_cannot_keep_are_not_portable(string name)
    {
        Assert.False(NameRules.IsPortable(name, out var reason));
        Assert.NotEmpty(reason);
    }

    [Theory]
    [InlineData("console.log")]
    [InlineData("COM10")]
    [InlineData("nullable")]
    [InlineData("~$letter.docx")]
    [InlineData("notes~old")]
    [InlineData(".gitignore")]
    [InlineData("a b.txt")]
    public void Other_names_are_portable(string name) => Assert.True(NameRules.IsPortable(name, out _));
}
