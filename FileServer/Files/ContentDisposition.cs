using System.Text;

namespace FileServer.Files;

/// <summary>The Content-Disposition header: how a browser is told to save a file, and under which name (RFC 6266, RFC 8187).</summary>
static class ContentDisposition
{
    public static string For(string name, bool inline)
    {
        var kind = inline ? "inline" : "attachment";
        var plain = Plain(name);
        return plain == name
            ? $"{kind}; filename=\"{plain}\""
            : $"{kind}; filename=\"{plain}\"; filename*=UTF-8''{Extended(name)}";
    }

    /// <summary>For old programs: what a quoted string can hold without any escape. A '%' would be decoded by some of them (RFC 6266 appendix D).</summary>
    static string Plain(string name) => string.Create(name.Length, name, static (plain, name) =>
    {
        for (var i = 0; i < name.Length; i++)
            plain[i] = name[i] is >= ' ' and <= '~' and not ('"' or '\\' or '%' or '/') ? name[i] : '_';
    });

    static string Extended(string name)
    {
        var text = new StringBuilder(name.Length * 3);
        foreach (var octet in Encoding.UTF8.GetBytes(name))
        {
            if (IsAttrChar((char)octet))
                text.Append((char)octet);
            else
                text.Append('%').Append(octet.ToString("X2"));
        }
        return text.ToString();
    }

    // RFC 8187 §3.2.1
    static bool IsAttrChar(char c) => char.IsAsciiLetterOrDigit(c) || "!#$&+-.^_`|~".Contains(c);
}
