using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using FileClient.Local;
using FileServer.Protocol.Contracts;

namespace FileClient.Api;

/// <summary>
/// Speaks <c>/api/v1</c>: adds the token and renews it, sends again what may be sent again, and turns every refusal into an
/// <see cref="ApiException"/>. One instance serves many requests at once.
/// </summary>
sealed partial class ApiClient : IDisposable
{
    const string ApiRoot = "/api/v1";

    readonly HttpMessageInvoker http;
    readonly ApiOptions options;
    readonly ITokens tokens;
    readonly TimeProvider clock;
    readonly string prefix;

    public ApiClient(ApiOptions options, ITokens tokens, TimeProvider clock)
    {
        this.options = options;
        this.tokens = tokens;
        this.clock = clock;
        prefix = options.Server.AbsolutePath.TrimEnd('/');
        http = new HttpMessageInvoker(Handler(options));
    }

    public Uri Server => options.Server;

    public Retry Patience => options.Patience;

    static SocketsHttpHandler Handler(ApiOptions options)
    {
        var handler = new SocketsHttpHandler
        {
            // A redirect could carry the token to another host; none of our addresses moves.
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = options.ConnectTimeout,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(90),
            Expect100ContinueTimeout = TimeSpan.FromSeconds(2),
            ActivityHeadersPropagator = null,
        };
        if (options.TrustedRoots is { } roots)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.AddRange(roots);
            handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
        }
        return handler;
    }

    public void Dispose() => http.Dispose();

    /// <summary>Sends a request until it is answered; what is not accepted is thrown. The caller disposes the answer.</summary>
    Task<ApiResponse> SendAsync(ApiRequest request, CancellationToken ct) =>
        RepeatAsync(request, static (response, _) => Task.FromResult(response), keepOpen: true, ct);

    Task<T> JsonAsync<T>(ApiRequest request, JsonTypeInfo<T> type, CancellationToken ct) =>
        RepeatAsync(request, (response, token) => ReadJsonAsync(response, type, token), keepOpen: false, ct);

    async Task DoneAsync(ApiRequest request, CancellationToken ct) =>
        await RepeatAsync(request, static (_, _) => Task.FromResult(true), keepOpen: false, ct);

    /// <summary>The loop around every request: send, read, and on a temporary failure pause and do it again if that is safe.</summary>
    async Task<T> RepeatAsync<T>(ApiRequest request, Func<ApiResponse, CancellationToken, Task<T>> read, bool keepOpen, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var response = await SendSignedAsync(request, ct);
                try
                {
                    var result = await read(response, response.Watchdog.Token);
                    if (!keepOpen)
                        response.Dispose();
                    return result;
                }
                catch
                {
                    response.Dispose();
                    throw;
                }
            }
            catch (ApiException failure) when (failure.IsTemporary && MayRepeat(request, failure) && options.Retry.PauseAfter(attempt, failure.RetryAfter) is { } pause)
            {
                await Task.Delay(pause, clock, ct);
            }
        }
    }

    // What the server refused before doing anything (429, 503) or never got (no connection) may be repeated whatever it was.
    static bool MayRepeat(ApiRequest request, ApiException failure) =>
        request.Repeatable || failure.Status is 429 or 503 || failure.Code == "unreachable";

    async Task<ApiResponse> SendSignedAsync(ApiRequest request, CancellationToken ct)
    {
        if (request.Anonymous)
            return await SendOnceAsync(request, null, ct);
        if (tokens is { Expired: true, Current: { } stale })
            await tokens.RenewAsync(stale, RefreshAsync, ct);
        var token = tokens.Current;
        try
        {
            return await SendOnceAsync(request, token, ct);
        }
        catch (ApiException refused) when (refused.Status == 401 && token is not null)
        {
            if (!await tokens.RenewAsync(token, RefreshAsync, ct))
                throw;
            return await SendOnceAsync(request, tokens.Current, ct);
        }
    }

    async Task<ApiResponse> SendOnceAsync(ApiRequest request, string? token, CancellationToken ct)
    {
        var watchdog = new Watchdog(options.IdleTimeout, ct);
        HttpResponseMessage? message = null;
        try
        {
            using var outgoing = new HttpRequestMessage(request.Method, Address(request.Target)) { Version = HttpVersion.Version11 };
            outgoing.Headers.TryAddWithoutValidation("User-Agent", UserAgent);
            if (token is not null)
                outgoing.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            outgoing.Content = request.Body?.Invoke(watchdog);
            foreach (var (name, value) in request.Headers)
            {
                if (!outgoing.Headers.TryAddWithoutValidation(name, value))
                    outgoing.Content?.Headers.TryAddWithoutValidation(name, value);
            }
            message = await http.SendAsync(outgoing, watchdog.Token);
            watchdog.Beat();
            var response = new ApiResponse(message, watchdog, Server);
            if (request.Accepts(response.Status))
                return response;
            throw await RefusalAsync(response);
        }
        catch (Exception fault)
        {
            message?.Dispose();
            var silent = watchdog.Bit;
            watchdog.Dispose();
            if (fault is HttpRequestException or IOException || (fault is OperationCanceledException && silent))
                throw ApiException.Unreachable(Server, fault);
            ct.ThrowIfCancellationRequested();
            throw;
        }
    }

    static string UserAgent => $"fileshare/{ThisAssembly.Version}";

    /// <summary>Keeps the path as it is: a name may hold what a URL library would tidy away.</summary>
    Uri Address(string target) => new(
        $"{Server.Scheme}://{Server.Authority}{(target.StartsWith('/') ? "" : $"{prefix}{ApiRoot}/")}{target}",
        new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });

    async Task<ApiException> RefusalAsync(ApiResponse response)
    {
        var message = response.Message;
        Problem? problem = null;
        if (message.Content.Headers.ContentType?.MediaType == "application/problem+json")
        {
            try
            {
                problem = await ReadJsonAsync(response, WireJson.Default.Problem, response.Watchdog.Token);
            }
            catch (ApiException unreadable) when (unreadable.Code == "protocol")
            {
                // The status alone still says what happened.
            }
        }
        if (response.Status is >= 300 and < 400)
            return ApiException.Protocol($"The server redirects to {message.Headers.Location}. Sign in again with that address.");
        var retryAfter = message.Headers.RetryAfter is { } header
            ? header.Delta ?? (header.Date is { } date ? date - clock.GetUtcNow() : null)
            : null;
        return ApiException.Refused(message.StatusCode, problem, retryAfter);
    }

    static async Task<T> ReadJsonAsync<T>(ApiResponse response, JsonTypeInfo<T> type, CancellationToken ct)
    {
        try
        {
            await using var body = await response.BodyAsync();
            return await JsonSerializer.DeserializeAsync(body, type, ct) ?? throw ApiException.Protocol("The server's answer is empty.");
        }
        catch (JsonException fault)
        {
            throw ApiException.Protocol($"The answer is not what a FileShare server sends ({response.Message.Content.Headers.ContentType?.MediaType ?? "no content type"}). Is the address right?", fault);
        }
    }

    static Func<Watchdog, HttpContent> Json<T>(T value, JsonTypeInfo<T> type)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(value, type);
        return _ => new ByteArrayContent(bytes) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
    }

    static string Escape(string text) => Uri.EscapeDataString(text);

    /// <summary>Follows a list from page to page.</summary>
    async IAsyncEnumerable<T> PagesAsync<T>(string target, JsonTypeInfo<Page<T>> type, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        string? cursor = null;
        do
        {
            var address = cursor is null ? target : $"{target}{(target.Contains('?') ? '&' : '?')}cursor={Escape(cursor)}";
            var page = await JsonAsync(new ApiRequest(HttpMethod.Get, address) { Repeatable = true }, type, ct);
            foreach (var item in page.Items)
                yield return item;
            if (page.Next is not null && page.Next == cursor)
                throw ApiException.Protocol("The server's list does not move on.");
            cursor = page.Next;
        }
        while (cursor is not null);
    }
}
