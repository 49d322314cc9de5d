using FileServer.Http;
using Microsoft.AspNetCore.Http.Features;

namespace FileServer.WebDav;

/// <summary>Tells refusals in WebDAV's form: <c>DAV:error</c> with the precondition of RFC 4918 that a refusal stands for, and in words.</summary>
static class DavErrors
{
    public const string ContentType = "application/xml; charset=utf-8";

    public static async Task WriteAsync(HttpContext context, Refusal refusal)
    {
        var response = context.Response;
        response.StatusCode = refusal.Kind.Status;
        if (response.StatusCode == StatusCodes.Status401Unauthorized)
            response.Headers.WWWAuthenticate = Challenge(context.Request);
        if (response.StatusCode == StatusCodes.Status405MethodNotAllowed)
            response.Headers.Allow = DavProtocol.Methods;
        response.ContentType = ContentType;
        if (HttpMethods.IsHead(context.Request.Method))
            return;
        using var xml = new DavWriter(response.BodyWriter);
        xml.Raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:error xmlns:D=\"DAV:\" xmlns:F=\"urn:fileshare:problem\">"u8);
        if (DavRefusals.Precondition(refusal.Kind.Code) is { } precondition)
            Precondition(xml, context, precondition);
        xml.Raw("<F:code>"u8);
        xml.Text(refusal.Kind.Code);
        xml.Raw("</F:code><F:detail>"u8);
        xml.Text(refusal.Message);
        xml.Raw("</F:detail><F:requestId>"u8);
        xml.Text(context.TraceIdentifier);
        xml.Raw("</F:requestId></D:error>\n"u8);
        await xml.FlushAsync(CancellationToken.None);
    }

    static void Precondition(DavWriter xml, HttpContext context, string name)
    {
        xml.Raw($"<D:{name}");
        if (name is not ("lock-token-submitted" or "no-conflicting-lock"))
        {
            xml.Raw("/>"u8);
            return;
        }
        xml.Raw("><D:href>"u8);
        xml.Text(context.Features.Get<LockedAddress>()?.Href ?? context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?')[0]);
        xml.Raw($"</D:href></D:{name}>");
    }

    /// <summary>Basic, which all clients speak; who came with a token of another kind is told about that kind.</summary>
    static string Challenge(HttpRequest request) =>
        request.Headers.Authorization is [{ } sent] && sent.StartsWith("Bearer eyJ", StringComparison.OrdinalIgnoreCase)
            ? "Bearer realm=\"FileShare\""
            : "Basic realm=\"FileShare\", charset=\"UTF-8\"";
}
