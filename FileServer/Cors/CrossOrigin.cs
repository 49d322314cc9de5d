using Microsoft.Extensions.Options;

namespace FileServer.Cors;

/// <summary>
/// Lets pages of named origins call this server (Fetch standard, CORS): before routing and before anybody is asked who they
/// are, so that errors carry the headers too and a preflight needs no credentials. Off unless origins are set. Never with
/// credentials of the browser's own: tokens travel in the Authorization header.
/// </summary>
sealed class CrossOrigin(RequestDelegate next, IOptions<CorsOptions> options)
{
    const string Uploads = "/api/v1/uploads";
    const string Methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    const string Exposed =
        "Location, Content-Location, ETag, Link, Retry-After, Allow, Accept-Patch, Accept-Ranges, Content-Range, Content-Disposition, Repr-Digest, Content-Digest, Preference-Applied, "
        + "Idempotency-Replayed, X-Request-Id, WWW-Authenticate, Upload-Offset, Upload-Length, Upload-Metadata, Upload-Expires, Upload-Concat, Upload-Defer-Length, "
        + "Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm";
    const string Accepted =
        "Authorization, Content-Type, Accept, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, If-Range, Range, Prefer, Idempotency-Key, Repr-Digest, Content-Digest, "
        + "Want-Content-Digest, Want-Repr-Digest, X-Modified-At, Tus-Resumable, Upload-Length, Upload-Offset, Upload-Metadata, Upload-Defer-Length, Upload-Concat, Upload-Checksum, "
        + "X-HTTP-Method-Override, X-Requested-With, X-Request-ID";

    readonly string[] origins = OriginsAttribute.Split(options.Value.Origins);

    public Task InvokeAsync(HttpContext context)
    {
        if (origins.Length == 0)
            return next(context);
        var (request, response) = (context.Request, context.Response);
        var origin = request.Headers.Origin.ToString();
        var anybody = origins.Contains("*", StringComparer.Ordinal);
        if (!anybody)
            response.Headers.Append("Vary", "Origin");
        if (origin.Length == 0 || !(anybody || origins.Contains(origin, StringComparer.OrdinalIgnoreCase)))
            return next(context);
        response.Headers.AccessControlAllowOrigin = anybody ? "*" : origin;
        response.Headers.AccessControlExposeHeaders = Exposed;
        if (!HttpMethods.IsOptions(request.Method) || !request.Headers.ContainsKey("Access-Control-Request-Method"))
            return next(context);
        response.Headers.AccessControlAllowMethods = Methods;
        response.Headers.AccessControlAllowHeaders = Accepted;
        response.Headers.AccessControlMaxAge = "86400";
        // Uploads and WebDAV have more to say to OPTIONS, and say it to everybody.
        if (request.Path.StartsWithSegments(Uploads, StringComparison.OrdinalIgnoreCase) || request.Path.StartsWithSegments("/dav"))
            return next(context);
        response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }
}
