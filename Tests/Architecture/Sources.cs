using System.Text.RegularExpressions;

namespace Tests.Architecture;

/// <summary>The source files of the solution, found from where the tests were built.</summary>
static partial class Sources
{
    public static readonly string Root = FindRoot();

    public static readonly IReadOnlyList<string> Files = [.. House.Projects
        .SelectMany(project => Directory.EnumerateFiles(Path.Combine(Root, project.Folder), "*.cs", SearchOption.AllDirectories))
        .Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/'))
        .Where(path => !Generated().IsMatch(path))
        .Distinct(StringComparer.Ordinal)
        .Order(StringComparer.Ordinal)];

    public static string Read(string file) => File.ReadAllText(Path.Combine(Root, file));

    static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "FileShare.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("The tests must run from a build inside the source tree.");
    }

    [GeneratedRegex("(^|/)(bin|obj|node_modules)/", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Generated();
}
