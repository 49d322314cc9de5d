using System.Data.Common;
using System.Text.Json;
using FileServer.Protocol.Contracts;
using Microsoft.AspNetCore.Http.Features;

namespace FileServer.Http;

/// <summary>Writes the body of a refused request, for a door that has its own form instead of problem documents. Set as a feature of the request.</summary>
delegate Task RefusalWriter(HttpContext context, Refusal refusal);

/// <summary>Turns refusals and faults into problem documents (RFC 9457), once for all REST endpoints.</summary>
sealed partial class Problems(RequestDelegate next, ILogger<Problems> logger)
{
    public const string ContentType = "application/problem+json";
    public const string AcceptPatch = "application/merge-patch+json, application/json";

    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
            if (context.Response is { HasStarted: false, StatusCode: >= 400, ContentLength: null, ContentType: null })
                await AnswerAsync(context);
        }
        catch (Exception fault) when (context.RequestAborted.IsCancellationRequested && fault is OperationCanceledException or IOException)
        {
            Log.ClientLeft(logger, context.TraceIdentifier);
        }
        catch (Exception fault) when (!context.Response.HasStarted)
        {
            await WriteAsync(context, AsRefusal(fault, context));
        }
    }

    /// <summary>Says in words what routing and bindings say by a status alone.</summary>
    static Task AnswerAsync(HttpContext context)
    {
        var (request, response) = (context.Request, context.Response);
        switch (response.StatusCode)
        {
            // Which methods there are is no secret (RFC 9110 §9.3.7).
            case StatusCodes.Status405MethodNotAllowed when HttpMethods.IsOptions(request.Method):
                response.Headers.Allow = $"{response.Headers.Allow}, OPTIONS";
                response.StatusCode = StatusCodes.Status204NoContent;
                return Task.CompletedTask;
            // No request is ever echoed, wherever it goes: it may carry credentials (RFC 9110 §9.3.8).
            case StatusCodes.Status404NotFound when HttpMethods.IsTrace(request.Method):
                response.Headers.Allow = "GET, HEAD, OPTIONS";
                response.StatusCode = StatusCodes.Status405MethodNotAllowed;
                break;
            // RFC 5789 §3.1
            case StatusCodes.Status415UnsupportedMediaType when HttpMethods.IsPatch(request.Method):
                response.Headers["Accept-Patch"] = AcceptPatch;
                break;
        }
        return WriteAsync(context, ForStatus(response.StatusCode));
    }

    /// <summary>The refusal that a fault means to the client; what is nobody's fault but ours is logged with its stack and told without.</summary>
    public Refusal AsRefusal(Exception fault, HttpContext context)
    {
        switch (fault)
        {
            case Refusal refusal:
                return refusal;
            case BadHttpRequestException { InnerException: JsonException json }:
                return Malformed(json, fault);
            case JsonException json:
                return Malformed(json, fault);
            case BadHttpRequestException { StatusCode: 413 }:
                return new Refusal(RefusalKind.TooLarge, "The body is larger than this address takes.", fault);
            case BadHttpRequestException { StatusCode: 408 }:
                return new Refusal(RefusalKind.RequestTimeout, "No bytes came for too long. Send the request again.", fault);
            case BadHttpRequestException bad:
                return new Refusal(RefusalKind.Invalid, bad.Message, fault);
            // Raised by the database itself, whoever asked (0007): every door knows what is held before, but for races.
            case DbException { SqlState: "FSH01" }:
                return new Refusal(RefusalKind.Held, "A legal hold or a retention keeps this, or something below it; nothing was changed.", fault);
            // Not there, too busy, or a lock that somebody held for too long: nobody's request is wrong.
            case DbException { IsTransient: true } or DbException { SqlState: "57014" or "55P03" or "25006" }:
                Log.DatabaseAway(logger, context.TraceIdentifier, context.Request.Method, fault.Message);
                return Refusal.Unavailable("The database is not available for the moment. Send the request again; under the same id a change is made at most once.", 1, fault);
            default:
                Log.Fault(logger, fault, context.TraceIdentifier, context.Request.Method);
                return new Refusal(RefusalKind.Internal, "The fault was logged under this request's id; nothing half-done was kept.", fault);
        }
    }

    static Refusal Malformed(JsonException json, Exception cause) => new(
        RefusalKind.MalformedJson,
        $"The JSON breaks off or does not fit at {json.Path ?? "$"} (line {json.LineNumber + 1}, byte {json.BytePositionInLine}).",
        cause);

    /// <summary>Writes the problem document. The response must not have started.</summary>
    public static async Task WriteAsync(HttpContext context, Refusal refusal)
    {
        var response = context.Response;
        var allow = response.Headers.Allow;
        response.Headers.Remove("ETag");
        response.Headers.Remove("Content-Disposition");
        response.Headers.Remove("Last-Modified");
        response.Headers.Remove("Repr-Digest");
        response.ContentLength = null;
        response.StatusCode = refusal.Kind.Status;
        response.Headers.CacheControl = "no-store";
        if (allow.Count > 0)
            response.Headers.Allow = allow;
        if (refusal.RetryAfterSeconds is { } seconds)
            response.Headers.RetryAfter = seconds.ToString();
        if (refusal.Kind.Status == 401 && response.Headers.WWWAuthenticate.Count == 0)
            response.Headers.WWWAuthenticate = "Bearer realm=\"fileshare\"";
        // A body that was not read to its end must not be taken for the next request.
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true } && context.Request.ContentLength is > 65536 or null && HttpMethods.IsPut(context.Request.Method))
            response.Headers.Connection = "close";
        if (context.Features.Get<RefusalWriter>() is { } own)
        {
            await own(context, refusal);
            return;
        }
        response.ContentType = ContentType;
        if (HttpMethods.IsHead(context.Request.Method))
            return;
        await response.WriteAsJsonAsync(Document(refusal, context), WireJson.Default.Problem, ContentType, CancellationToken.None);
    }

    static Problem Document(Refusal refusal, HttpContext context) => new()
    {
        Type = $"urn:fileshare:problem:{refusal.Kind.Code}",
        Title = refusal.Kind.Title,
        Status = refusal.Kind.Status,
        Detail = refusal.Message,
        Code = refusal.Kind.Code,
        RequestId = context.TraceIdentifier,
        RetryAfter = refusal.RetryAfterSeconds,
        Limit = refusal.Limit,
        Conflicts = refusal.Conflicts,
        Lock = refusal.Lock,
        Errors = refusal.Errors,
    };

    static Refusal ForStatus(int status) => status switch
    {
        401 => Refusal.NotSignedIn(),
        403 => Refusal.Forbidden("You may not do this."),
        404 => new Refusal(RefusalKind.NotFound, "There is nothing at this address."),
        405 => new Refusal(RefusalKind.MethodNotAllowed, "See the Allow header for the methods that this address takes."),
        413 => new Refusal(RefusalKind.TooLarge, "The body is larger than this address takes."),
        415 => new Refusal(RefusalKind.UnsupportedMedia, "Send 'Content-Type: application/json'; a PATCH may also be 'application/merge-patch+json'."),
        431 => new Refusal(RefusalKind.HeadersTooLarge, "Send fewer or shorter headers."),
        < 500 => new Refusal(RefusalKind.Invalid with { Status = status }, "The request could not be understood."),
        _ => new Refusal(RefusalKind.Internal with { Status = status }, "The request could not be carried out."),
    };

    static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "Request {RequestId} ({Method}) failed")]
        public static partial void Fault(ILogger logger, Exception fault, string requestId, string method);

        [LoggerMessage(LogLevel.Warning, "Request {RequestId} ({Method}) found the database not available: {Reason}")]
        public static partial void DatabaseAway(ILogger logger, string requestId, string method, string reason);

        [LoggerMessage(LogLevel.Debug, "Request {RequestId} ended because its client left")]
        public static partial void ClientLeft(ILogger logger, string requestId);
    }
}
