using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace FileServer.Http;

/// <summary>
/// The path of a request as the client sent it, split and decoded once. <see cref="HttpRequest.Path"/> cannot be used for
/// names: it collapses <c>%2e%2e</c>, turns <c>%5c</c> around, and does not tell <c>%2F</c> from <c>%252F</c>.
/// </summary>
static class RawPath
{
    static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The raw segments behind a number of leading ones, decoded; and whether the path ends with a slash.</summary>
    /// <exception cref="Refusal">A segment is no valid percent-encoded UTF-8, is empty, or decodes to a separator or a dot segment.</exception>
    public static (IReadOnlyList<string> Names, bool TrailingSlash) After(HttpContext context, int segmentsToSkip)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.AsSpan();
        if (target.IndexOf('?') is var query and >= 0)
            target = target[..query];
        // A proxy's path prefix has been taken off before.
        return Split(target, segmentsToSkip);
    }

    /// <summary>The same for a path that came in a header, as an address of this server.</summary>
    /// <exception cref="Refusal">As for the path of a request.</exception>
    public static (IReadOnlyList<string> Names, bool TrailingSlash) Split(ReadOnlySpan<char> target, int segmentsToSkip)
    {
        if (!target.StartsWith("/"))
            throw Refusal.Invalid("Send the path in origin form, starting with '/'.");
        var names = new List<string>();
        var trailing = target.EndsWith("/");
        var skip = segmentsToSkip;
        foreach (var range in target[1..].Split('/'))
        {
            var segment = target[1..][range];
            if (skip-- > 0)
            {
                // Routing has collapsed it, so that it would count other segments than we do here.
                if (segment.IsEmpty || Decode(segment) is "." or "..")
                    throw Refusal.InvalidName("The path holds '.' or '..' in place of a name.");
                continue;
            }
            if (segment.IsEmpty && trailing && range.End.Value == target.Length - 1)
                break;
            names.Add(Decode(segment));
        }
        return (names, trailing);
    }

    static string Decode(ReadOnlySpan<char> segment)
    {
        if (segment.IsEmpty)
            throw Refusal.InvalidName("The path holds an empty name ('//').");
        var bytes = new byte[segment.Length];
        var length = 0;
        for (var i = 0; i < segment.Length; i++)
        {
            if (segment[i] != '%')
                bytes[length++] = segment[i] < 0x80 ? (byte)segment[i] : throw Refusal.InvalidName("The path holds a character that must be percent-encoded.");
            else if (i + 2 < segment.Length && char.IsAsciiHexDigit(segment[i + 1]) && char.IsAsciiHexDigit(segment[i + 2]))
            {
                bytes[length++] = (byte)((HexValue(segment[i + 1]) << 4) | HexValue(segment[i + 2]));
                i += 2;
            }
            else
                throw Refusal.InvalidName("The path holds a '%' that is not followed by two hex digits.");
        }
        try
        {
            return Strict.GetString(bytes, 0, length);
        }
        catch (DecoderFallbackException invalid)
        {
            throw new Refusal(RefusalKind.InvalidName, "The path is not valid UTF-8.", invalid);
        }
    }

    static int HexValue(char digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}
