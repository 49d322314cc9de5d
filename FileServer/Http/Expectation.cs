using System.Security.Cryptography;
using System.Text;
using Microsoft.Net.Http.Headers;

namespace FileServer.Http;

/// <summary>
/// The state that a request wants to find what it changes in (RFC 9110 §13.1.1, §13.1.2): nothing is lost that its author has
/// not seen. To be asked for under the lock of the change.
/// </summary>
sealed class Expectation
{
    readonly IList<EntityTagHeaderValue>? match;
    readonly IList<EntityTagHeaderValue>? noneMatch;

    Expectation(IList<EntityTagHeaderValue>? match, IList<EntityTagHeaderValue>? noneMatch)
    {
        this.match = match;
        this.noneMatch = noneMatch;
    }

    public static readonly Expectation None = new(null, null);

    /// <summary>No condition: whatever the state is.</summary>
    public bool IsNone => match is null && noneMatch is null;

    /// <summary>Binds an endpoint's parameter.</summary>
    public static ValueTask<Expectation?> BindAsync(HttpContext context) => new(Of(context.Request));

    public static Expectation Of(HttpRequest request) => new(Tags(request.Headers.IfMatch), Tags(request.Headers.IfNoneMatch));

    /// <exception cref="Refusal">The state is another one.</exception>
    public void Require(string etag)
    {
        // A list that cannot be read names nothing.
        var met = match is null || match.Any(tag => tag.Tag == "*" || (tag.Tag == etag && !tag.IsWeak));
        if (!met || noneMatch?.Any(tag => tag.Tag == "*" || tag.Tag == etag) is true)
            throw Refusal.PreconditionFailed($"The ETag is {etag} now: somebody has changed this. Fetch it anew, then decide.");
    }

    static IList<EntityTagHeaderValue>? Tags(Microsoft.Extensions.Primitives.StringValues header) =>
        header.Count == 0 ? null : EntityTagHeaderValue.TryParseList(header, out var tags) ? tags : [];
}

/// <summary>The tags that tell states of what can be changed apart.</summary>
static class EntityTags
{
    const int TagBytes = 12;

    /// <summary>A strong tag over all that a change can change.</summary>
    public static string Of(params ReadOnlySpan<object?> parts)
    {
        var text = new StringBuilder();
        foreach (var part in parts)
            text.Append(part switch { null => "\u0001", DateTimeOffset time => time.UtcTicks.ToString(), _ => part.ToString() }).Append('\0');
        return $"\"{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())).AsSpan(0, TagBytes))}\"";
    }

    /// <summary>Answers a read of what has this tag: not at all, when its reader has it already (RFC 9110 §13.1.2).</summary>
    public static IResult Answer<T>(HttpContext context, string etag, T value)
    {
        context.Response.Headers.ETag = etag;
        context.Response.Headers.CacheControl = "private, no-cache";
        var known = context.Request.Headers.IfNoneMatch;
        var current = known.Count > 0 && EntityTagHeaderValue.TryParseList(known, out var tags) && tags.Any(tag => tag.Tag == "*" || tag.Tag == etag);
        return current ? Results.StatusCode(StatusCodes.Status304NotModified) : Results.Ok(value);
    }
}
