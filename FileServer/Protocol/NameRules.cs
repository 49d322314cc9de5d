using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace FileServer.Protocol;

/// <summary>A name that no node may have; the message says what is wrong with it.</summary>
public sealed class InvalidNameException(string reason) : Exception(reason);

/// <summary>
/// What a node may be called: NFC, 1 to 255 bytes of UTF-8, no separators, no control characters, nothing that makes a name look like another one or
/// turns its direction. Siblings must differ by their <see cref="FoldKey"/>.
/// </summary>
public static class NameRules
{
    public const int MaxBytes = 255;

    // Zero-width characters and marks of direction: U+200B-200F, U+202A-202E, U+2066-2069, U+FEFF.
    static readonly SearchValues<char> Unwanted = SearchValues.Create(
        [.. Range('\0', '\u001f'), .. Range('\u007f', '\u009f'), '/', '\\',
         .. Range('\u200b', '\u200f'), .. Range('\u202a', '\u202e'), .. Range('\u2066', '\u2069'), '\ufeff']);

    /// <summary>The name as it is stored.</summary>
    /// <exception cref="InvalidNameException">No node may have this name.</exception>
    public static string Normalize(string name) =>
        TryNormalize(name, out var normal, out var reason) ? normal : throw new InvalidNameException(reason);

    /// <summary>The name as it is stored, or why no node may have it.</summary>
    public static bool TryNormalize(string name, [NotNullWhen(true)] out string? normal, [NotNullWhen(false)] out string? reason)
    {
        normal = Nfc.Normalize(name);
        reason = WhatIsWrong(normal);
        if (reason is null)
            return true;
        normal = null;
        return false;
    }

    /// <summary>
    /// The key by which siblings must differ: NFC and simple case folding. Takes any text. ß and ẞ are alike but not like ss; the Kelvin sign is like k;
    /// i and I are alike, while the Turkish İ and ı are letters of their own, as Windows has it.
    /// </summary>
    public static string FoldKey(string name)
    {
        if (Ascii.IsValid(name))
            return name.ToLowerInvariant();
        // Up and down again joins the letters that have several small forms (σ and ς, µ and μ). ſ is left out by .NET since its partner is ASCII.
        var folded = Nfc.Normalize(name).Replace('ſ', 's').ToUpperInvariant().ToLowerInvariant();
        return Nfc.Normalize(folded);
    }

    /// <summary>Whether every system can store this name as it is; <paramref name="reason"/> says why not.</summary>
    public static bool IsPortable(string name, [NotNullWhen(false)] out string? reason)
    {
        reason = PortableNames.WhatIsWrong(name);
        return reason is null;
    }

    static string? WhatIsWrong(string name) => name switch
    {
        "" => "A name is not empty.",
        _ when LacksPartner(name) => "A name consists of whole Unicode characters; this one holds half a surrogate pair.",
        "." or ".." => "'.' and '..' are no names.",
        _ when name.AsSpan().ContainsAny(Unwanted) =>
            @"A name has no '/', no '\', no control characters and no invisible ones (zero-width characters, marks of direction).",
        _ when Encoding.UTF8.GetByteCount(name) > MaxBytes => $"A name has at most {MaxBytes} bytes of UTF-8; this one has {Encoding.UTF8.GetByteCount(name)}.",
        _ => null,
    };

    static bool LacksPartner(string name)
    {
        if (name.AsSpan().IndexOfAnyInRange('\ud800', '\udfff') < 0)
            return false;
        for (var i = 0; i < name.Length; i++)
        {
            if (!char.IsSurrogate(name[i]))
                continue;
            if (!char.IsSurrogatePair(name, i))
                return true;
            i++;
        }
        return false;
    }

    static IEnumerable<char> Range(char first, char last) => Enumerable.Range(first, last - first + 1).Select(value => (char)value);
}

/// <summary>Names that all systems can store as they are. Windows is the narrowest of them.</summary>
static class PortableNames
{
    static readonly SearchValues<char> Forbidden = SearchValues.Create("<>:\"|?*");

    public static string? WhatIsWrong(string name)
    {
        var at = name.AsSpan().IndexOfAny(Forbidden);
        if (at >= 0)
            return $"Windows allows no '{name[at]}' in a name.";
        if (name.EndsWith('.') || name.EndsWith(' '))
            return "Windows drops a dot or a space at the end of a name.";
        if (IsDevice(name))
            return "Windows keeps this name for a device.";
        return IsShortName(name) ? "On Windows this can be the short name of another file." : null;
    }

    // The part before the first dot decides, spaces before the dot are ignored: "nul .txt" is the null device.
    static bool IsDevice(ReadOnlySpan<char> name)
    {
        var dot = name.IndexOf('.');
        var stem = (dot < 0 ? name : name[..dot]).TrimEnd(' ');
        Span<char> upper = stackalloc char[7];
        if (stem.Length is < 3 or > 7)
            return false;
        upper = upper[..stem.ToUpperInvariant(upper)];
        return upper is "CON" or "PRN" or "AUX" or "NUL" or "CONIN$" or "CONOUT$"
            || (upper.Length == 4 && (upper.StartsWith("COM") || upper.StartsWith("LPT")) && "0123456789¹²³".Contains(upper[3]));
    }

    // 8.3 names such as GIT~1 or PROGRA~1.TXT.
    static bool IsShortName(ReadOnlySpan<char> name)
    {
        var dot = name.IndexOf('.');
        var stem = dot < 0 ? name : name[..dot];
        var extension = dot < 0 ? [] : name[(dot + 1)..];
        var tilde = stem.LastIndexOf('~');
        return stem.Length <= 8 && extension.Length <= 3 && !extension.Contains('.') && tilde > 0 && tilde < stem.Length - 1
            && stem[(tilde + 1)..].IndexOfAnyExceptInRange('0', '9') < 0;
    }
}
