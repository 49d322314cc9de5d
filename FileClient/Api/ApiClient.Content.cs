using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Api;

/// <summary>A file's bytes on their way, with what the server said about them. Dispose it to free its connection.</summary>
/// <param name="From">Offset of the first byte of <paramref name="Body"/>.</param>
/// <param name="Size">Size of the whole version.</param>
sealed record Content(ApiResponse Response, Stream Body, long From, long Size, string ETag, Digest? Sha256) : IDisposable
{
    public DateTimeOffset? LastModified => Response.Message.Content.Headers.LastModified;

    public void Dispose()
    {
        Body.Dispose();
        Response.Dispose();
    }
}

/// <content>Bytes of single files.</content>
sealed partial class ApiClient
{
    /// <summary>
    /// A version's bytes from an offset on. With <paramref name="ifRange"/> the server sends everything from the start when the
    /// content is no longer that one: look at <see cref="Content.From"/>.
    /// </summary>
    /// <param name="version">null: the current one.</param>
    /// <param name="to">Offset of the last byte; null: to the end.</param>
    public Task<Content> ContentAsync(string space, NodeId file, int? version, long from, long? to, string? ifRange, CancellationToken ct) =>
        ContentAsync(Of(space, file) + "/content" + (version is { } number ? $"?version={number}" : ""), from, to, ifRange, ct);

    /// <summary>The same by path.</summary>
    public Task<Content> ContentAtAsync(RemotePath file, string? asOf, long from, long? to, string? ifRange, CancellationToken ct) =>
        ContentAsync(Of(file) + AsOf(asOf, '?'), from, to, ifRange, ct);

    /// <summary>Sends a whole file in one request as the next version at this path; missing folders are created.</summary>
    /// <param name="length">null: not known beforehand, as with a pipe.</param>
    /// <returns>null if the caller may put files there but not see them.</returns>
    public async Task<Node?> PutAsync(RemotePath file, long? length, DateTimeOffset? modifiedAt, Func<Watchdog, HttpContent> body, CancellationToken ct)
    {
        var query = "?parents=true" + (modifiedAt is { } time ? $"&modifiedAt={Escape(time.ToString("O"))}" : "");
        var node = await JsonAsync(
            new ApiRequest(HttpMethod.Put, Of(file) + query) { Body = body, Headers = [("Content-Type", "application/octet-stream")], Repeatable = length is not null },
            WireJson.Default.Node,
            ct);
        return node.Id == default ? null : node;
    }

    async Task<Content> ContentAsync(string target, long from, long? to, string? ifRange, CancellationToken ct)
    {
        List<(string, string)> headers = [("Accept", "*/*")];
        if (from > 0 || to is not null)
            headers.Add(("Range", $"bytes={from}-{to}"));
        if (ifRange is not null)
            headers.Add(("If-Range", ifRange));
        var response = await SendAsync(Get(target) with { Headers = headers }, ct);
        try
        {
            var content = response.Message.Content.Headers;
            var partial = response.Status == 206;
            var start = partial ? content.ContentRange?.From ?? throw ApiException.Protocol("A part without a Content-Range.") : 0;
            var size = (partial ? content.ContentRange?.Length : content.ContentLength) ?? throw ApiException.Protocol("The server does not say how long the file is.");
            var etag = response.Message.Headers.ETag?.ToString() ?? throw ApiException.Protocol("The server sent a file without an ETag.");
            return new Content(response, await response.BodyAsync(), start, size, etag, ReprDigest(response.Header("Repr-Digest")));
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    // RFC 9530: sha-256=:BASE64:, possibly among others.
    static Digest? ReprDigest(string? header)
    {
        Span<byte> bytes = stackalloc byte[Digest.Size];
        foreach (var part in (header ?? "").Split(','))
        {
            var member = part.Trim();
            if (member.StartsWith("sha-256=:", StringComparison.OrdinalIgnoreCase) && member.EndsWith(':')
                && Convert.TryFromBase64String(member[9..^1], bytes, out var written) && written == Digest.Size)
                return new Digest(bytes);
        }
        return null;
    }
}
