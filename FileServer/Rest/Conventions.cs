using FileServer.Http;
using FileServer.Identity;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace FileServer.Rest;

/// <summary>
/// What holds for every REST endpoint, once its caller is known and before it runs: digests of bodies, conditions, what a PATCH
/// may be, keys against doing things twice, and how much of an answer is wanted.
/// </summary>
sealed class Conventions(RequestDelegate next, IdempotencyTable keys, IOptions<HttpOptions> options, TimeProvider clock)
{
    const string Api = "/api/v1";
    const string Uploads = "/api/v1/uploads";

    public Task InvokeAsync(HttpContext context) =>
        context.GetEndpoint() is RouteEndpoint endpoint && context.Request.Path.StartsWithSegments(Api) && !context.Request.Path.StartsWithSegments(Uploads)
            ? RunAsync(context, endpoint)
            : next(context);

    async Task RunAsync(HttpContext context, RouteEndpoint endpoint)
    {
        var request = context.Request;
        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method))
        {
            await next(context);
            return;
        }
        RequirePatchType(context);
        RequireCondition(request, endpoint);
        if (BodyDigests.Of(request.Headers) is { } digests)
            request.Body = new DigestedBody(request.Body, digests);
        var key = HttpMethods.IsPost(request.Method) && !endpoint.IsWithout(RouteException.IdempotencyKey) && context.Features.Get<Caller>() is { } caller
            ? IdempotencyKey.Of(request, caller.UserId)
            : null;
        var minimal = Prefers(request, "return=minimal") && !endpoint.IsWithout(RouteException.MinimalAnswer);
        if (key is null && !minimal)
        {
            await next(context);
            return;
        }
        using var answer = new CapturedResponse(context);
        if (key is null)
            await next(context);
        else
            await OnceAsync(context, key, answer);
        if (minimal && answer.Succeeded)
            answer.SendMinimal();
        else
            await answer.SendAsync(context.RequestAborted);
    }

    /// <summary>Carries the request out, or answers as before when it was carried out already.</summary>
    async Task OnceAsync(HttpContext context, IdempotencyKey key, CapturedResponse answer)
    {
        var ct = context.RequestAborted;
        var body = await ReadAsync(context, ct);
        var mac = key.Mac(context.Request.Method, context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget, body);
        var now = clock.GetUtcNow();
        var startedAt = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond)); // As PostgreSQL keeps it.
        if (await keys.TakeAsync(key, mac, startedAt, ct) is { } before)
        {
            await answer.DecodeAsync(key.Open(before), ct);
            context.Response.Headers["Idempotency-Replayed"] = "true";
            return;
        }
        var kept = false;
        try
        {
            await next(context);
            // What failed changed nothing, so that it may be tried again.
            if (answer.Succeeded)
            {
                await keys.KeepAsync(key, startedAt, key.Seal(await answer.EncodeAsync(CancellationToken.None)), CancellationToken.None);
                kept = true;
            }
        }
        finally
        {
            if (!kept)
                await keys.ReleaseAsync(key, startedAt, CancellationToken.None);
        }
    }

    /// <summary>The whole body, which the server's own limit bounds; and the endpoint gets it again.</summary>
    static async Task<byte[]> ReadAsync(HttpContext context, CancellationToken ct)
    {
        using var read = new MemoryStream();
        await context.Request.Body.CopyToAsync(read, ct);
        var body = read.ToArray();
        context.Request.Body = new MemoryStream(body, writable: false);
        return body;
    }

    static void RequirePatchType(HttpContext context)
    {
        if (!HttpMethods.IsPatch(context.Request.Method))
            return;
        if (MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type) && type.MediaType.Value is { } name
            && (name.Equals("application/merge-patch+json", StringComparison.OrdinalIgnoreCase) || name.Equals("application/json", StringComparison.OrdinalIgnoreCase)))
            return;
        context.Response.Headers["Accept-Patch"] = Problems.AcceptPatch;
        throw new Refusal(RefusalKind.UnsupportedMedia, "A change is sent as 'application/merge-patch+json' (RFC 7396).");
    }

    void RequireCondition(HttpRequest request, RouteEndpoint endpoint)
    {
        var rule = endpoint.Metadata.GetMetadata<ConditionRule>();
        // What has no ETag is in no state that one could name; whether it is there the endpoint sees itself.
        if (rule is null && !HttpMethods.IsPost(request.Method) && request.Headers.IfMatch.Any(line => line?.Trim() != "*"))
            throw Refusal.PreconditionFailed("What is at this address has no ETag, so that no condition on one can hold.");
        if (rule is { CanBeRequired: true } && options.Value.RequireConditions && !HttpMethods.IsPost(request.Method)
            && request.Headers.IfMatch.Count + request.Headers.IfNoneMatch.Count + request.Headers.IfUnmodifiedSince.Count == 0)
            throw new Refusal(RefusalKind.PreconditionRequired, "This server wants to know which state is changed: fetch it, and send its ETag as 'If-Match'.");
    }

    static bool Prefers(HttpRequest request, string preference) => request.Headers["Prefer"]
        .SelectMany(line => (line ?? "").Split(',', StringSplitOptions.TrimEntries))
        .Select(one => one.Split(';', 2)[0].Replace(" ", "", StringComparison.Ordinal).Replace("\"", "", StringComparison.Ordinal))
        .FirstOrDefault(one => one.StartsWith("return", StringComparison.OrdinalIgnoreCase))
        ?.Equals(preference, StringComparison.OrdinalIgnoreCase) is true;
}
