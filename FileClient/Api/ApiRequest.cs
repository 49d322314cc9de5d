namespace FileClient.Api;

/// <summary>One request as this client means it, in a form that can be sent more than once.</summary>
/// <param name="Target">Path and query below <c>/api/v1</c>, percent-encoded; or, with a leading slash, from the server's root.</param>
sealed record ApiRequest(HttpMethod Method, string Target)
{
    /// <summary>Makes the body, afresh for each attempt.</summary>
    public Func<Watchdog, HttpContent>? Body { get; init; }

    public IReadOnlyList<(string Name, string Value)> Headers { get; init; } = [];

    /// <summary>Whether sending it twice does what sending it once does.</summary>
    public bool Repeatable { get; init; }

    /// <summary>Sent without a token.</summary>
    public bool Anonymous { get; init; }

    /// <summary>Refusals that the caller handles: the answer is handed over instead of thrown.</summary>
    public Func<int, bool> Accepts { get; init; } = static status => status is >= 200 and < 300;
}

/// <summary>An answer whose headers have arrived. Dispose it to free its connection.</summary>
sealed class ApiResponse(HttpResponseMessage message, Watchdog watchdog, Uri server) : IDisposable
{
    public HttpResponseMessage Message => message;

    public int Status => (int)message.StatusCode;

    public Watchdog Watchdog => watchdog;

    public string? Header(string name) => message.Headers.TryGetValues(name, out var values) || message.Content.Headers.TryGetValues(name, out values)
        ? string.Join(", ", values)
        : null;

    /// <summary>The body as it arrives; reading it keeps the watchdog quiet.</summary>
    public async Task<Stream> BodyAsync() => new WatchedStream(await message.Content.ReadAsStreamAsync(watchdog.Token), watchdog, server);

    public void Dispose()
    {
        message.Dispose();
        watchdog.Dispose();
    }
}
