using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace FileServer.Files;

/// <summary>What a conditional request comes to.</summary>
enum Precondition
{
    Send,
    NotModified,
    Failed,
}

/// <summary>What tells one state of a file from another.</summary>
/// <param name="ETag">Strong, with its quotes.</param>
/// <param name="LastModified">In whole seconds, as HTTP writes it.</param>
/// <param name="DateIsStrong">The file had one content only in that second, so that equal dates mean equal bytes.</param>
readonly record struct Validators(string ETag, DateTimeOffset LastModified, bool DateIsStrong);

/// <summary>Decides conditional requests (RFC 9110 §13) before anything is sent.</summary>
static class Preconditions
{
    /// <summary>In the order of RFC 9110 §13.2.2.</summary>
    public static Precondition Evaluate(HttpRequest request, Validators current)
    {
        var headers = request.Headers;
        // §13.1.1: with If-Match there, If-Unmodified-Since is not looked at.
        if (headers.IfMatch.Count > 0)
        {
            if (!Names(headers.IfMatch, current.ETag, strongly: true))
                return Precondition.Failed;
        }
        // §13.1.4
        else if (Date(headers.IfUnmodifiedSince) is { } unmodifiedSince && current.LastModified > unmodifiedSince)
            return Precondition.Failed;

        var reads = HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method);
        // §13.1.2: with If-None-Match there, If-Modified-Since is not looked at.
        if (headers.IfNoneMatch.Count > 0)
        {
            if (Names(headers.IfNoneMatch, current.ETag, strongly: false))
                return reads ? Precondition.NotModified : Precondition.Failed;
        }
        // §13.1.3
        else if (reads && Date(headers.IfModifiedSince) is { } modifiedSince && current.LastModified <= modifiedSince)
            return Precondition.NotModified;
        return Precondition.Send;
    }

    /// <summary>Whether a Range header may be followed (RFC 9110 §13.1.5): yes without If-Range, else only if it names the current bytes.</summary>
    public static bool RangeApplies(HttpRequest request, Validators current)
    {
        var condition = request.Headers.IfRange;
        if (condition.Count == 0)
            return true;
        if (condition.Count > 1 || condition[0] is not { } value)
            return false;
        if (EntityTagHeaderValue.TryParse(value, out var tag))
            return !tag.IsWeak && tag.Tag == current.ETag;
        // A date must be the very one that was sent, and be a strong validator (§8.8.2.2).
        return current.DateIsStrong && Date(condition) == current.LastModified;
    }

    /// <summary>Whether the list names the tag. A list that cannot be read names nothing: then a change is refused, and a read is answered whole.</summary>
    static bool Names(StringValues list, string etag, bool strongly)
    {
        if (!EntityTagHeaderValue.TryParseList(list, out var tags))
            return false;
        foreach (var tag in tags)
        {
            if (tag.Tag == "*" || (tag.Tag == etag && !(strongly && tag.IsWeak)))
                return true;
        }
        return false;
    }

    /// <summary>A date that cannot be read counts as not sent (§13.1.3, §13.1.4).</summary>
    static DateTimeOffset? Date(StringValues header) =>
        header.Count == 1 && HeaderUtilities.TryParseDate(header[0], out var date) ? date : null;
}
