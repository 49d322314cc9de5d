using System.Globalization;
using System.Text;

namespace FileServer.Protocol;

/// <summary>
/// The name under which a conflict copy stands beside the file it could not become: <c>Report (conflicted copy alice laptop 2026-11-23 141530).docx</c>.
/// </summary>
public static class ConflictName
{
    const string Marker = " (conflicted copy ";

    static readonly string[] DoubleExtensions = [".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tar.lz4"];

    /// <summary>A free name made from this one. The copy of a conflict copy gets a new stamp instead of a second one.</summary>
    /// <param name="who">User and device, as a person would say them: "alice laptop".</param>
    /// <param name="time">When the conflict was found, in the user's own time.</param>
    /// <param name="isTaken">Whether a sibling has this name already, case folded.</param>
    public static string Make(string name, string who, DateTimeOffset time, Func<string, bool> isTaken)
    {
        var (stem, extension) = Split(name);
        stem = WithoutStamp(stem);
        var stamp = $"{Marker}{Cleaned(who)} {time.ToString("yyyy-MM-dd HHmmss", CultureInfo.InvariantCulture)}";
        for (var number = 1; ; number++)
        {
            var suffix = number == 1 ? $"{stamp}){extension}" : $"{stamp} {number}){extension}";
            var candidate = Fit(stem, NameRules.MaxBytes - Encoding.UTF8.GetByteCount(suffix)) + suffix;
            if (!isTaken(candidate))
                return candidate;
        }
    }

    // A dotfile is all stem. An extension too long to be one would leave no room for the stem.
    static (string Stem, string Extension) Split(string name)
    {
        var extension = Array.Find(DoubleExtensions, known => name.Length > known.Length && name.EndsWith(known, StringComparison.OrdinalIgnoreCase));
        var at = extension is null ? name.LastIndexOf('.') : name.Length - extension.Length;
        return at <= 0 || at == name.Length - 1 || Encoding.UTF8.GetByteCount(name.AsSpan(at)) > 32 ? (name, "") : (name[..at], name[at..]);
    }

    static string WithoutStamp(string stem)
    {
        var at = stem.EndsWith(')') ? stem.LastIndexOf(Marker, StringComparison.Ordinal) : -1;
        return at > 0 ? stem[..at] : stem;
    }

    // User and device come from elsewhere: nothing in them may make the name invalid on some system, or longer than its stem allows.
    static string Cleaned(string who)
    {
        var text = new StringBuilder();
        foreach (var rune in who.EnumerateRunes())
            text.Append(Rune.IsLetterOrDigit(rune) || rune.Value is '-' or '_' or ' ' or '@' ? rune.ToString() : "-");
        var cleaned = Fit(Nfc.Normalize(text.ToString()).Trim(), 60).Trim();
        return cleaned.Length == 0 ? "somebody" : cleaned;
    }

    // Whole characters only; what combines with the first one left out goes with it.
    static string Fit(string text, int bytes)
    {
        if (Encoding.UTF8.GetByteCount(text) <= bytes)
            return text;
        var length = 0;
        foreach (var element in Elements(text))
        {
            bytes -= Encoding.UTF8.GetByteCount(element);
            if (bytes < 0)
                break;
            length += element.Length;
        }
        return text[..length].TrimEnd(' ');
    }

    static IEnumerable<string> Elements(string text)
    {
        var elements = StringInfo.GetTextElementEnumerator(text);
        while (elements.MoveNext())
            yield return elements.GetTextElement();
    }
}
