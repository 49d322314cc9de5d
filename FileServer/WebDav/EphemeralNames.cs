using System.IO.Enumeration;
using FileServer.Protocol;

namespace FileServer.WebDav;

/// <summary>Tells files that programs make for themselves by their names.</summary>
sealed class EphemeralNames(string patterns)
{
    readonly string[] patterns = patterns.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    public bool Match(string name)
    {
        foreach (var pattern in patterns)
        {
            if (FileSystemName.MatchesSimpleExpression(pattern, name))
                return true;
        }
        return false;
    }

    /// <summary>A name under which a program puts a file aside while it saves: one of those above, or a backup's.</summary>
    public bool IsAside(string name, string original) =>
        Match(name)
        || name.EndsWith('~') || name.StartsWith('~') || name.StartsWith('.')
        || (NameRules.FoldKey(name).StartsWith(NameRules.FoldKey(original), StringComparison.Ordinal) && EndsLikeABackup(name));

    static bool EndsLikeABackup(string name)
    {
        foreach (var ending in (ReadOnlySpan<string>)[".bak", ".old", ".orig", ".backup", ".tmp", ".temp", ".swp"])
        {
            if (name.EndsWith(ending, StringComparison.OrdinalIgnoreCase))
                return true;
        }
        // macOS: a.txt.sb-1a2b3c4d-x5y6z7
        return name.Contains(".sb-", StringComparison.Ordinal);
    }
}
