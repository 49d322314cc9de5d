using System.Text;
using FileServer.Protocol;

namespace FileServer.Audit;

/// <summary>How an action ended.</summary>
enum AuditOutcome : short
{
    Done = 0,
    Refused = 1,
    Failed = 2,
}

/// <summary>One event for the audit log, before it is written.</summary>
/// <param name="Action">What was done, as <c>noun.verb</c>: <c>file.put</c>, <c>file.read</c>, <c>auth.login</c>.</param>
/// <param name="Subject">What the event is about, by its name at that time.</param>
/// <param name="DetailJson">What else belongs to the event: the text of one JSON object.</param>
sealed record AuditRecord(
    Actor Actor,
    string Action,
    AuditOutcome Outcome,
    SpaceId? SpaceId = null,
    NodeId? NodeId = null,
    string? Subject = null,
    string? DetailJson = null)
{
    public const int MaxTextChars = 8 * 1024;
    public const int MaxDetailChars = 64 * 1024;

    /// <summary>
    /// Text that PostgreSQL stores and gives back unchanged: lone surrogates and NUL, which it has no bytes for, become
    /// U+FFFD, and what is longer than the limit is cut. An event must never be lost because of what it says.
    /// </summary>
    public static string? Canonical(string? text, int maxChars = MaxTextChars)
    {
        if (text is null || (text.Length <= maxChars && IsStorable(text)))
            return text;
        var clean = new StringBuilder(Math.Min(text.Length, maxChars));
        foreach (var rune in text.EnumerateRunes())
        {
            if (clean.Length + rune.Utf16SequenceLength > maxChars - 1)
            {
                clean.Append('…');
                break;
            }
            clean.Append(rune.Value == 0 ? "\uFFFD" : rune.ToString());
        }
        return clean.ToString();
    }

    /// <summary>A detail that is too long is replaced, since half a JSON object is none.</summary>
    public static string? CanonicalDetail(string? json) =>
        json?.Length > MaxDetailChars ? $"{{\"omitted\":\"too long\",\"chars\":{json.Length}}}" : Canonical(json, MaxDetailChars + 1);

    static bool IsStorable(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\0')
                return false;
            if (!char.IsSurrogate(text[i]))
                continue;
            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
                return false;
            i++;
        }
        return true;
    }
}
