using System.Text;
using FileServer.Protocol;

namespace Tests.Protocol;

public sealed class ConflictNameTests
{
    static readonly DateTimeOffset Time = new(2026, 11, 23, 14, 15, 30, TimeSpan.Zero);

    static string Make(string name, string who = "alice laptop") => ConflictName.Make(name, who, Time, _ => false);

    [Theory]
    [InlineData("Report.docx", "Report (conflicted copy alice laptop 2026-11-23 141530).docx")]
    [InlineData("backup.tar.gz", "backup (conflicted copy alice laptop 2026-11-23 141530).tar.gz")]
    [InlineData(".bashrc", ".bashrc (conflicted copy alice laptop 2026-11-23 141530)")]
    [InlineData("Makefile", "Makefile (conflicted copy alice laptop 2026-11-23 141530)")]
    [InlineData("a.b.c", "a.b (conflicted copy alice laptop 2026-11-23 141530).c")]
    [InlineData("Report (conflicted copy bob pc 2025-01-01 000000).docx", "Report (conflicted copy alice laptop 2026-11-23 141530).docx")]
    [InlineData("Report (conflicted copy bob pc 2025-01-01 000000 2).docx", "Report (conflicted copy alice laptop 2026-11-23 141530).docx")]
    public void The_stamp_stands_before_the_extension(string name, string expected) => Assert.Equal(expected, Make(name));

    [Fact]
    public void A_taken_name_gets_a_number()
    {
        var taken = new HashSet<string> { Make("a.txt") };
        var second = ConflictName.Make("a.txt", "alice laptop", Time, taken.Contains);
        Assert.Equal("a (conflicted copy alice laptop 2026-11-23 141530 2).txt", second);
        taken.Add(second);
        Assert.EndsWith(" 3).txt", ConflictName.Make("a.txt", "alice laptop", Time, taken.Contains));
    }

    [Fact]
    public void A_long_stem_is_shortened_at_a_whole_character()
    {
        foreach (var character in new[] { "x", "ü", "日", "😀", "e\u0323\u0302", "👨‍👩‍👧" })
        {
            var name = Make(string.Concat(Enumerable.Repeat(character, 80)) + ".docx");
            Assert.True(Encoding.UTF8.GetByteCount(name) <= NameRules.MaxBytes);
            Assert.EndsWith(" (conflicted copy alice laptop 2026-11-23 141530).docx", name);
            Assert.EndsWith(character, name[..name.IndexOf(" (conflicted", StringComparison.Ordinal)]);
        }
    }

    [Theory]
    [InlineData("a/b:c*\u202E")]
    [InlineData("")]
    [InlineData("a very long name of a device that somebody thought would be helpful to tell apart from others, and more")]
    public void Whoever_it_was_the_name_is_valid_and_portable(string who)
    {
        var name = Make("Report.docx", who);
        Assert.Equal(name, NameRules.Normalize(name));
        Assert.True(NameRules.IsPortable(name, out _));
    }
}
