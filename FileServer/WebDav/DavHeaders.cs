using System.Globalization;
using FileServer.Http;
using Microsoft.Extensions.Primitives;

namespace FileServer.WebDav;

/// <summary>How far below a collection a request reaches (RFC 4918 §10.2).</summary>
enum DavDepth
{
    Zero,
    One,
    Infinity,
}

/// <summary>Reads WebDAV's request headers. What cannot be read is refused, never guessed.</summary>
static class DavHeaders
{
    public static DavDepth Depth(HttpRequest request, DavDepth whenMissing) => Single(request, "Depth") switch
    {
        null => whenMissing,
        "0" => DavDepth.Zero,
        "1" => DavDepth.One,
        { } word when word.Equals("infinity", StringComparison.OrdinalIgnoreCase) => DavDepth.Infinity,
        _ => throw Refusal.Invalid("'Depth' is 0, 1 or infinity (RFC 4918 §10.2)."),
    };

    /// <summary>As <see cref="Depth(HttpRequest, DavDepth)"/>, for methods that have no depth of 1.</summary>
    public static DavDepth WholeDepth(HttpRequest request) => Depth(request, DavDepth.Infinity) is var depth and not DavDepth.One
        ? depth
        : throw Refusal.Invalid("This method knows a 'Depth' of 0 and infinity only.");

    /// <summary>Whether what stands at the destination may be replaced (§10.6).</summary>
    public static bool Overwrite(HttpRequest request) => Single(request, "Overwrite") switch
    {
        null or "T" or "t" => true,
        "F" or "f" => false,
        _ => throw Refusal.Invalid("'Overwrite' is T or F (RFC 4918 §10.6)."),
    };

    /// <summary>The first lifetime that is asked for and understood (§10.7); null when there is none, the longest for "Infinite".</summary>
    public static TimeSpan? Timeout(HttpRequest request)
    {
        foreach (var wish in request.Headers["Timeout"].SelectMany(line => (line ?? "").Split(',', StringSplitOptions.TrimEntries)))
        {
            if (wish.Equals("Infinite", StringComparison.OrdinalIgnoreCase))
                return TimeSpan.MaxValue;
            if (wish.StartsWith("Second-", StringComparison.OrdinalIgnoreCase)
                && uint.TryParse(wish.AsSpan("Second-".Length), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds > 0)
                return TimeSpan.FromSeconds(seconds);
        }
        return null;
    }

    /// <summary>The modification time that ownCloud's clients and rclone send: Unix seconds; null when none was sent.</summary>
    public static DateTimeOffset? ModifiedAt(HttpRequest request)
    {
        if (Single(request, "X-OC-Mtime") is not { } text)
            return null;
        return UnixTime(text) ?? throw Refusal.Invalid("'X-OC-Mtime' is a number of seconds since 1970.");
    }

    /// <summary>A time as seconds since 1970, fractions allowed; null when it is none that a file can have.</summary>
    public static DateTimeOffset? UnixTime(string text)
    {
        // From year 1 to 9999, as far as both we and PostgreSQL write dates in one way.
        return decimal.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seconds)
            && seconds is > -62_000_000_000m and < 253_000_000_000m
                ? DateTimeOffset.UnixEpoch.AddTicks((long)(seconds * TimeSpan.TicksPerSecond))
                : null;
    }

    /// <summary>The header's one value; null when it was not sent.</summary>
    /// <exception cref="Refusal">It was sent more than once.</exception>
    public static string? Single(HttpRequest request, string name) => request.Headers[name] switch
    {
        { Count: 0 } => null,
        { Count: 1 } only => only[0]!.Trim(),
        StringValues => throw Refusal.Invalid($"'{name}' was sent more than once."),
    };
}
