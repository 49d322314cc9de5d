using System.Text;
using FileServer.Http;
using FileServer.Identity;

namespace FileServer.WebDav;

/// <summary>
/// What holds for every request below <c>/dav</c>, before routing and before anybody is asked who they are: OPTIONS is answered to strangers, a personal
/// token may come as the password of Basic, and refusals are told in WebDAV's form. Clients climb to the server's root, so that answers too.
/// </summary>
sealed class DavProtocol(RequestDelegate next)
{
    public const string Methods = "OPTIONS, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE, PROPFIND, PROPPATCH, LOCK, UNLOCK";

    const string BasicPrefix = "Basic ";

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        var here = request.Path.StartsWithSegments(DavPath.Prefix, StringComparison.OrdinalIgnoreCase);
        var root = request.Path.Value is "" or "/" && (HttpMethods.IsOptions(request.Method) || request.Method == "PROPFIND");
        if (!here && !root)
            return next(context);
        if (HttpMethods.IsOptions(request.Method))
        {
            // A page of another origin asks whether it may call. It may not, and that is not WebDAV's to say.
            Describe(context.Response);
            return Task.CompletedTask;
        }
        context.Features.Set<RefusalWriter>(DavErrors.WriteAsync);
        if (root)
            return AboveAsync(context);
        TakeToken(request);
        return next(context);
    }

    /// <summary>Windows, Office and gvfs look here first, without credentials, and believe what they see for long.</summary>
    static void Describe(HttpResponse response)
    {
        response.StatusCode = StatusCodes.Status200OK;
        response.Headers["DAV"] = "1, 2, 3";
        response.Headers["MS-Author-Via"] = "DAV";
        response.Headers.Allow = Methods;
        response.Headers.CacheControl = "no-store";
        response.ContentLength = 0;
    }

    /// <summary>A personal token as Basic's password. The name before it, with or without a domain, is the client's; the token says who it is.</summary>
    static void TakeToken(HttpRequest request)
    {
        if (request.Headers.Authorization is not [{ } header] || !header.StartsWith(BasicPrefix, StringComparison.OrdinalIgnoreCase))
            return;
        var token = PasswordOf(header[BasicPrefix.Length..].Trim());
        if (!PersonalTokens.IsOne(token))
            throw Refusal.NotSignedIn("Sign in with a personal access token as the password: passwords of accounts are not taken here. Make one with POST /api/v1/tokens.");
        request.Headers.Authorization = $"Bearer {token}";
    }

    static string? PasswordOf(string credentials)
    {
        var bytes = new byte[credentials.Length];
        if (!Convert.TryFromBase64String(credentials, bytes, out var length))
            return null;
        var text = Encoding.UTF8.GetString(bytes, 0, length);
        var colon = text.IndexOf(':');
        return colon < 0 ? null : text[(colon + 1)..].Trim();
    }

    /// <summary>The server's root as a folder that holds this door, and nothing that a stranger may not know.</summary>
    static async Task AboveAsync(HttpContext context)
    {
        var depth = DavHeaders.Depth(context.Request, DavDepth.Infinity);
        if (depth == DavDepth.Infinity)
            throw new Refusal(DavRefusals.FiniteDepth, "Ask with 'Depth: 0' or 'Depth: 1'.");
        context.Response.StatusCode = StatusCodes.Status207MultiStatus;
        context.Response.ContentType = DavErrors.ContentType;
        using var xml = new DavWriter(context.Response.BodyWriter);
        xml.Raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\">"u8);
        Folder(xml, $"{context.Request.PathBase.ToUriComponent()}/");
        if (depth == DavDepth.One)
            Folder(xml, $"{context.Request.PathBase.ToUriComponent()}{DavPath.Prefix}/");
        xml.Raw("</D:multistatus>\n"u8);
        await xml.FlushAsync(context.RequestAborted);
    }

    static void Folder(DavWriter xml, string href)
    {
        xml.Raw("<D:response><D:href>"u8);
        xml.Text(href);
        xml.Raw("</D:href><D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"u8);
    }
}
