using System.Globalization;
using FileServer.Http;
using Microsoft.Extensions.Primitives;

namespace FileServer.Uploads;

/// <summary>Names and values of the headers of tus 1.0.0, read strictly: what is there twice or is no plain number is refused.</summary>
static class TusHeaders
{
    public const string Version = "1.0.0";
    public const string Resumable = "Tus-Resumable";
    public const string UploadOffset = "Upload-Offset";
    public const string UploadLength = "Upload-Length";
    public const string UploadDeferLength = "Upload-Defer-Length";
    public const string UploadMetadata = "Upload-Metadata";
    public const string UploadConcat = "Upload-Concat";
    public const string UploadChecksum = "Upload-Checksum";
    public const string UploadExpires = "Upload-Expires";
    public const string OffsetContentType = "application/offset+octet-stream";

    /// <summary>The header's only value; null if it is not there.</summary>
    public static string? Single(IHeaderDictionary headers, string name)
    {
        var values = headers[name];
        return values.Count switch
        {
            0 => null,
            1 => values[0],
            _ => throw Refusal.Invalid($"'{name}' stands there {values.Count} times; send it once."),
        };
    }

    /// <summary>A header that holds a non-negative number of bytes; null if it is not there.</summary>
    public static long? Bytes(IHeaderDictionary headers, string name, long atMost)
    {
        if (Single(headers, name) is not { } text)
            return null;
        if (text.Length == 0 || text.AsSpan().ContainsAnyExceptInRange('0', '9'))
            throw Refusal.Invalid($"'{name}' must be a number of bytes, written in digits only.");
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) && bytes <= atMost ? bytes : throw TooLarge(atMost);
    }

    /// <summary>Whether the length comes later (tus: creation-defer-length).</summary>
    public static bool IsDeferred(IHeaderDictionary headers) => Single(headers, UploadDeferLength) switch
    {
        null => false,
        "1" => true,
        _ => throw Refusal.Invalid($"'{UploadDeferLength}' can only be 1."),
    };

    /// <summary>Whether the body is declared as bytes of an upload; parameters of the type do not matter.</summary>
    public static bool HasOffsetContentType(HttpRequest request)
    {
        var type = new StringSegment(request.ContentType ?? "");
        var end = type.IndexOf(';');
        return (end < 0 ? type : type.Subsegment(0, end)).Trim().Equals(OffsetContentType, StringComparison.OrdinalIgnoreCase);
    }

    public static Refusal TooLarge(long atMost) => Refusal.TooLarge($"An upload has at most {atMost} bytes.", atMost);
}
