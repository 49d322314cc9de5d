using System.Net;
using Microsoft.Extensions.Primitives;

namespace FileServer.Proxies;

/// <summary>
/// What trusted proxies say about a request: whose it is, and the address that its client used. Headers count only as far as
/// trusted proxies wrote them; what stood there before is the client's own claim and is not looked at.
/// </summary>
readonly record struct Forwarded(IPAddress? Client, string? Scheme, HostString? Host, string? Prefix)
{
    const int MaxHops = 32;
    const int MaxPrefix = 256;

    /// <summary>Null when the request did not come through a trusted proxy.</summary>
    public static Forwarded? Read(IPAddress? peer, IHeaderDictionary headers, IReadOnlyList<IPNetwork> trusted)
    {
        if (peer is null || !IsTrusted(peer, trusted))
            return null;
        var way = List(headers["X-Forwarded-For"]);
        var client = peer;
        var hops = 1;
        // From the nearest hop outwards: each entry was written by the one whose address we have just believed.
        for (var at = way.Count - 1; at >= 0 && hops <= MaxHops; at--, hops++)
        {
            if (Address(way[at]) is not { } next)
                break;
            client = next;
            if (!IsTrusted(next, trusted))
                break;
        }
        return new Forwarded(client, SchemeOf(Said(headers["X-Forwarded-Proto"], hops)), HostOf(Said(headers["X-Forwarded-Host"], hops)), PrefixOf(Said(headers["X-Forwarded-Prefix"], hops)));
    }

    static bool IsTrusted(IPAddress address, IReadOnlyList<IPNetwork> trusted)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        foreach (var network in trusted)
        {
            if (network.Contains(plain))
                return true;
        }
        return false;
    }

    /// <summary>The entry of the outermost trusted proxy: those before it were written by somebody else, and one that replaces the list leaves a single one.</summary>
    static string? Said(StringValues header, int hops) => List(header) is { Count: > 0 } list ? list[Math.Max(0, list.Count - hops)] : null;

    static List<string> List(StringValues header)
    {
        var list = new List<string>();
        foreach (var line in header)
            list.AddRange((line ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
        return list;
    }

    /// <summary>An address, perhaps with a port or in brackets.</summary>
    static IPAddress? Address(string text)
    {
        if (IPAddress.TryParse(text, out var bare))
            return bare;
        return IPEndPoint.TryParse(text, out var with) ? with.Address : null;
    }

    static string? SchemeOf(string? text) => text?.ToLowerInvariant() is "http" or "https" ? text.ToLowerInvariant() : null;

    static HostString? HostOf(string? text)
    {
        if (string.IsNullOrEmpty(text) || !Uri.TryCreate($"http://{text}/", UriKind.Absolute, out var uri) || uri.PathAndQuery != "/" || uri.UserInfo.Length > 0)
            return null;
        return new HostString(text);
    }

    /// <summary>Segments of unreserved characters, so that it can stand in any address as it is.</summary>
    public static string? PrefixOf(string? text)
    {
        var prefix = text?.TrimEnd('/');
        if (string.IsNullOrEmpty(prefix) || prefix.Length > MaxPrefix || prefix[0] != '/' || prefix.Contains("//", StringComparison.Ordinal))
            return null;
        foreach (var c in prefix)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('/' or '-' or '_' or '.' or '~'))
                return null;
        }
        return prefix.Split('/').Any(segment => segment is "." or "..") ? null : prefix;
    }
}
