using System.Buffers;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using FileServer.Protocol;

namespace FileClient.Api;

/// <summary>How far an upload has got.</summary>
/// <param name="Url">Where to go on; a path on the server.</param>
/// <param name="Offset">Bytes that the server holds safely.</param>
/// <param name="Location">What the finished upload became (Content-Location).</param>
sealed record UploadState(string Url, long Offset, long? Length, string? Location);

/// <content>Resumable uploads by tus 1.0.</content>
sealed partial class ApiClient
{
    static readonly (string, string) TusVersion = ("Tus-Resumable", "1.0.0");
    static readonly MediaTypeHeaderValue TusBytes = new("application/offset+octet-stream");

    /// <summary>Starts an upload, with its first bytes (perhaps all) if <paramref name="body"/> is given.</summary>
    public async Task<UploadState> CreateUploadAsync(
        long length, IReadOnlyList<(string Key, string Value)> metadata, Func<Watchdog, HttpContent>? body, CancellationToken ct)
    {
        var request = new ApiRequest(HttpMethod.Post, "uploads")
        {
            Headers = [TusVersion, ("Upload-Length", length.ToString()), ("Upload-Metadata", Metadata(metadata))],
            Body = body is null ? null : watchdog => AsTus(body(watchdog)),
        };
        using var response = await SendAsync(request, ct);
        var location = response.Header("Location") ?? throw ApiException.Protocol("An upload without a Location.");
        return State(response, OnThisServer(location), length);
    }

    /// <summary>Asks how far an upload has got.</summary>
    public async Task<UploadState> UploadStateAsync(string url, CancellationToken ct)
    {
        using var response = await SendAsync(new ApiRequest(HttpMethod.Head, url) { Headers = [TusVersion], Repeatable = true }, ct);
        return State(response, url, null);
    }

    /// <summary>Sends bytes from an offset on. Never repeated by itself: after a failure ask for the state, then go on from there.</summary>
    public async Task<UploadState> AppendUploadAsync(string url, long offset, Func<Watchdog, HttpContent> body, CancellationToken ct)
    {
        var request = new ApiRequest(HttpMethod.Patch, url)
        {
            Headers = [TusVersion, ("Upload-Offset", offset.ToString())],
            Body = watchdog => AsTus(body(watchdog)),
        };
        using var response = await SendAsync(request, ct);
        return State(response, url, null);
    }

    /// <summary>Gives an upload up. One that is gone already is no failure.</summary>
    public Task DeleteUploadAsync(string url, CancellationToken ct) => DoneAsync(
        new ApiRequest(HttpMethod.Delete, url) { Headers = [TusVersion], Repeatable = true, Accepts = static status => status is 204 or 200 or 404 or 410 },
        ct);

    /// <summary>Sends one finished pack of chunks; when this returns, a changeset of the same user may name them.</summary>
    public async Task UploadPackAsync(string space, PackId pack, ReadOnlySequence<byte> bytes, CancellationToken ct)
    {
        List<(string, string)> metadata = [("kind", "pack"), ("space", space), ("packId", pack.ToString())];
        // A pack that arrives twice is the same pack; its chunks are claimed once.
        var request = new ApiRequest(HttpMethod.Post, "uploads")
        {
            Headers = [TusVersion, ("Upload-Length", bytes.Length.ToString()), ("Upload-Metadata", Metadata(metadata))],
            Body = watchdog => AsTus(new UploadContent(new MemorySource(bytes), 0, bytes.Length, watchdog, null)),
            Repeatable = true,
        };
        using var response = await SendAsync(request, ct);
        var state = State(response, OnThisServer(response.Header("Location") ?? throw ApiException.Protocol("An upload without a Location.")), bytes.Length);
        while (state.Offset < bytes.Length)
        {
            var from = state.Offset;
            state = await AppendUploadAsync(state.Url, from, watchdog => new UploadContent(new MemorySource(bytes), from, bytes.Length - from, watchdog, null), ct);
            if (state.Offset <= from)
                throw ApiException.Protocol("The upload does not move on.");
        }
    }

    static HttpContent AsTus(HttpContent content)
    {
        content.Headers.ContentType = TusBytes;
        return content;
    }

    static string Metadata(IReadOnlyList<(string Key, string Value)> metadata) =>
        string.Join(',', metadata.Select(pair => $"{pair.Key} {Convert.ToBase64String(Encoding.UTF8.GetBytes(pair.Value))}"));

    static UploadState State(ApiResponse response, string url, long? length) => new(
        url,
        Number(response.Header("Upload-Offset")) ?? (length is null ? throw ApiException.Protocol("An upload without an offset.") : 0),
        Number(response.Header("Upload-Length")) ?? length,
        response.Header("Content-Location"));

    static long? Number(string? header) =>
        long.TryParse(header, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>The path of an address that the server named, provided that it is on this server.</summary>
    string OnThisServer(string location)
    {
        if (location.StartsWith('/') && !location.StartsWith("//"))
            return location;
        if (Uri.TryCreate(location, UriKind.Absolute, out var absolute) && absolute.GetLeftPart(UriPartial.Authority) == Server.GetLeftPart(UriPartial.Authority))
            return absolute.PathAndQuery;
        if (Uri.TryCreate(location, UriKind.Relative, out _) && !location.Contains(':'))
            return $"{prefix}{ApiRoot}/{location}";
        throw ApiException.Protocol($"The server names an upload on another host ({location}).");
    }
}
