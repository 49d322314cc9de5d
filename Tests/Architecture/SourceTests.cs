using System.Text.RegularExpressions;

namespace Tests.Architecture;

public sealed partial class SourceTests
{
    const int MostLines = 500;

    [Fact]
    public void Namespace_is_folder()
    {
        var offences =
            from file in Sources.Files
            let declared = Declaration().Match(Sources.Read(file))
            where declared.Success && declared.Groups["name"].Value != Expected(file)
            select $"{file} declares {declared.Groups["name"].Value}";
        Offences.None(offences);
    }

    [Fact]
    public void No_file_is_longer_than_a_reader_can_hold()
    {
        Offences.None(Sources.Files.Where(file => Sources.Read(file).AsSpan().Count('\n') > MostLines));
    }

    [Fact]
    public void Every_type_of_the_program_says_in_one_sentence_what_it_is()
    {
        var silent =
            from file in Sources.Files
            where !file.StartsWith("Tests/", StringComparison.Ordinal)
            from match in UndocumentedType().Matches(Sources.Read(file))
            where !match.Value.Contains(" partial ", StringComparison.Ordinal)
            select $"{file}: {match.Groups["type"].Value.Trim()}";
        Offences.None(silent);
    }

    [Fact]
    public void Statements_stand_as_they_run_and_are_never_put_together()
    {
        var built =
            from file in Sources.Files
            where file.StartsWith("FileServer/", StringComparison.Ordinal)
            from match in BuiltStatement().Matches(Sources.Read(file))
            where match.Groups["joined"].Success || Hole().Matches(match.Groups["text"].Value).Any(hole => !Constant().IsMatch(hole.Value))
            select $"{file}: {match.Value[..Math.Min(90, match.Length)].ReplaceLineEndings(" ")}";
        Offences.None(built);
    }

    [Fact]
    public void Nothing_is_left_for_later() =>
        Offences.None(Sources.Files.Where(file => file != "Tests/Architecture/SourceTests.cs" && Later().IsMatch(Sources.Read(file))));

    static string Expected(string file)
    {
        var project = House.Projects.First(project => file.StartsWith($"{project.Folder}/", StringComparison.Ordinal));
        var folder = Path.GetDirectoryName(file)!.Replace('\\', '/')[project.Folder.Length..];
        return project.Namespace + folder.Replace('/', '.');
    }

    [GeneratedRegex(@"^namespace (?<name>[\w.]+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Declaration();

    // A type at the left margin whose line, above its attributes, is no comment.
    [GeneratedRegex(
        @"(?<=^(?!\s*(///|\[))[^\n]*\n)(\[[^\n]*\]\n)*(?<type>(public |internal |file )?(static |sealed |abstract |readonly |partial |ref |unsafe )*(class|record|struct|interface|enum) [^\n]*)",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 5000)]
    private static partial Regex UndocumentedType();

    // An interpolated literal that opens like a statement, or a literal statement that something is added to.
    [GeneratedRegex(
        "\\$+(?<quotes>\"\"\"|\")\\s*(?<text>(select|insert into|update|delete from|with|create|alter|drop|truncate)\\s.*?)\\k<quotes>" +
        "|\"\\s*(select|insert into|update \\w+ set|delete from)\\s[^\"\\n]*\"\\s*(?<joined>\\+)",
        RegexOptions.ExplicitCapture | RegexOptions.Singleline, matchTimeoutMilliseconds: 5000)]
    private static partial Regex BuiltStatement();

    [GeneratedRegex(@"\{[^}]+\}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Hole();

    // A constant's name: what the compiler puts in cannot come from a caller.
    [GeneratedRegex(@"^\{[A-Z]\w*(\.[A-Z]\w*)*\}$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Constant();

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|NotImplementedException)\b", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Later();
}
