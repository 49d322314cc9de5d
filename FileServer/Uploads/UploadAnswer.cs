namespace FileServer.Uploads;

/// <summary>The headers in which an answer says how far an upload is.</summary>
static class UploadAnswer
{
    public static void Progress(HttpContext context, UploadRow row, string? contentLocation)
    {
        var headers = context.Response.Headers;
        headers[TusHeaders.UploadOffset] = row.DurableOffset.ToString();
        if (row.State == UploadState.Receiving && !row.IsWhole)
            headers[TusHeaders.UploadExpires] = row.ExpiresAt.ToString("R");
        if (contentLocation is not null)
            headers.ContentLocation = context.Request.PathBase + contentLocation;
        headers.CacheControl = "no-store";
    }

    /// <summary>Everything that is known, for HEAD.</summary>
    public static void Describe(HttpContext context, UploadRow row, string? contentLocation)
    {
        Progress(context, row, contentLocation);
        var headers = context.Response.Headers;
        if (row.Length is { } length)
            headers[TusHeaders.UploadLength] = length.ToString();
        else
            headers[TusHeaders.UploadDeferLength] = "1";
        if (!string.IsNullOrEmpty(row.Metadata))
            headers[TusHeaders.UploadMetadata] = row.Metadata;
        if (row.Concat is not null)
            headers[TusHeaders.UploadConcat] = row.Concat;
    }
}
