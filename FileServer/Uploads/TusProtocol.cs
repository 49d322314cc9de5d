using FileServer.Http;
using Microsoft.Extensions.Options;

namespace FileServer.Uploads;

/// <summary>
/// What holds for every request below the uploads' address, before routing and before anybody is asked who they are: the method that is meant, the
/// version, what this server can do, and the headers that each answer carries (tus 1.0.0).
/// </summary>
sealed class TusProtocol(RequestDelegate next, IOptions<UploadsOptions> options)
{
    public const string Path = "/api/v1/uploads";

    const string Extensions = "creation,creation-with-upload,creation-defer-length,expiration,checksum,checksum-trailer,termination,concatenation";
    const string Override = "X-HTTP-Method-Override";

    static readonly string[] Methods = ["POST", "HEAD", "PATCH", "DELETE", "OPTIONS", "GET"];

    public Task InvokeAsync(HttpContext context) =>
        context.Request.Path.StartsWithSegments(Path, StringComparison.OrdinalIgnoreCase) ? AnswerAsync(context) : next(context);

    Task AnswerAsync(HttpContext context)
    {
        var (request, response) = (context.Request, context.Response);
        // The outer method is ignored from here on, so that routing and access checks see the one that is carried out.
        if (TusHeaders.Single(request.Headers, Override) is { } method)
        {
            request.Method = Array.Find(Methods, known => known.Equals(method, StringComparison.OrdinalIgnoreCase))
                ?? throw Refusal.Invalid($"'{Override}' names a method that is not taken here.");
            context.Items[typeof(TusProtocol)] = this;
        }
        if (HttpMethods.IsOptions(request.Method))
        {
            Describe(response);
            return Task.CompletedTask;
        }
        response.Headers[TusHeaders.Resumable] = TusHeaders.Version;
        if (request.Headers[TusHeaders.Resumable] != TusHeaders.Version)
        {
            response.Headers["Tus-Version"] = TusHeaders.Version;
            throw Refusal.PreconditionFailed($"This address speaks tus {TusHeaders.Version}: send 'Tus-Resumable: {TusHeaders.Version}'.");
        }
        return next(context);
    }

    /// <summary>The method came by another one, whose client would wait for the body that an answer to HEAD does not have.</summary>
    public static bool IsOverridden(HttpContext context) => context.Items.ContainsKey(typeof(TusProtocol));

    void Describe(HttpResponse response)
    {
        response.StatusCode = StatusCodes.Status204NoContent;
        response.Headers["Tus-Version"] = TusHeaders.Version;
        response.Headers["Tus-Extension"] = Extensions;
        response.Headers["Tus-Max-Size"] = options.Value.MaxUploadBytes.ToString();
        response.Headers["Tus-Checksum-Algorithm"] = UploadChecksum.Algorithms;
        response.Headers.Allow = "POST, HEAD, PATCH, DELETE, OPTIONS";
        response.Headers.CacheControl = "no-store";
    }
}
