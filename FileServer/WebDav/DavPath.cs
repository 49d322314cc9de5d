using FileServer.Http;

namespace FileServer.WebDav;

/// <summary>An address below <c>/dav/</c>: the space's name first, then the names down from its root. None at all is the list of spaces.</summary>
/// <param name="Slash">The address ends with a slash, as a collection's does.</param>
sealed record DavPath(IReadOnlyList<string> Names, bool Slash)
{
    public const string Prefix = "/dav";

    public bool IsSpaceList => Names.Count == 0;

    public bool IsRoot => Names.Count == 1;

    /// <summary>The names below the space's root.</summary>
    public IReadOnlyList<string> Inner => [.. Names.Skip(1)];

    /// <summary>The address that the request is for, from its raw target.</summary>
    public static DavPath Of(HttpContext context)
    {
        var (names, slash) = RawPath.After(context, 1);
        return new DavPath(names, slash);
    }

    /// <summary>The address in a <c>Destination</c> header: a path, or a URL of this server as its clients know it.</summary>
    /// <exception cref="Refusal">None was sent, it is on another server (502), or it is no address of this door.</exception>
    public static DavPath DestinationOf(HttpContext context)
    {
        var text = DavHeaders.Single(context.Request, "Destination") ?? throw Refusal.Invalid("'Destination' says where to; it was not sent.");
        return Read(context, text) ?? throw new Refusal(DavRefusals.OtherServer, "'Destination' is on another server; this one moves and copies within itself only.");
    }

    /// <summary>An address in an <c>If</c> header; null when it is none of this door.</summary>
    public static DavPath? ResourceOf(HttpContext context, string text)
    {
        try
        {
            return Read(context, text);
        }
        catch (Refusal)
        {
            // Whatever it is, there is nothing there whose state could match.
            return null;
        }
    }

    /// <returns>Null when it is on another server.</returns>
    static DavPath? Read(HttpContext context, string text)
    {
        var path = text.AsSpan();
        if (!path.StartsWith("/"))
        {
            var scheme = path.IndexOf("://");
            if (scheme <= 0)
                throw Refusal.Invalid("'Destination' is neither a path nor a URL.");
            var authority = path[(scheme + 3)..];
            var slash = authority.IndexOf('/');
            path = slash < 0 ? "/" : authority[slash..];
            authority = slash < 0 ? authority : authority[..slash];
            if (!IsHere(context, authority.ToString()))
                return null;
        }
        if (path.IndexOfAny('?', '#') is var tail and >= 0)
            path = path[..tail];
        var prefix = $"{context.Request.PathBase}{Prefix}";
        if (!path.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) || (path.Length > prefix.Length && path[prefix.Length] != '/'))
            throw new Refusal(DavRefusals.OutsideDav, $"'Destination' lies outside of {prefix}/.");
        var (names, trailing) = RawPath.Split(path, prefix.Count('/'));
        return new DavPath(names, trailing);
    }

    /// <summary>Behind a proxy that ends TLS the scheme differs while the server is the same, so only host and port count.</summary>
    static bool IsHere(HttpContext context, string authority) =>
        string.Equals(WithoutUsualPort(authority), WithoutUsualPort(context.Request.Host.Value ?? ""), StringComparison.OrdinalIgnoreCase);

    static string WithoutUsualPort(string authority)
    {
        // What stands before an '@' are credentials, which have no business here and name no server.
        authority = authority[(authority.LastIndexOf('@') + 1)..];
        foreach (var port in (ReadOnlySpan<string>)[":80", ":443"])
        {
            if (authority.EndsWith(port, StringComparison.Ordinal))
                return authority[..^port.Length];
        }
        return authority;
    }
}
