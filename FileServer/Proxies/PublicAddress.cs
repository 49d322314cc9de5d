using System.Net;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace FileServer.Proxies;

/// <summary>
/// First of all: the request as its client sent it, before proxies came between. The address is <c>FILESHARE_PUBLIC_URL</c>'s,
/// else what trusted proxies say, else the request's own. A path prefix becomes the request's base, whether the proxy has
/// taken it off or left it on: from here on neither path nor raw target holds it.
/// </summary>
sealed class PublicAddress
{
    readonly RequestDelegate next;
    readonly IReadOnlyList<IPNetwork> trusted;
    readonly Uri? configured;
    readonly string? configuredPrefix;

    public PublicAddress(RequestDelegate next, IOptions<ProxiesOptions> options, IConfiguration configuration)
    {
        this.next = next;
        trusted = NetworksAttribute.TryParse(options.Value.Trusted, out var networks) ? networks : [];
        configured = Uri.TryCreate(configuration["Public_Url"], UriKind.Absolute, out var uri) ? uri : null;
        configuredPrefix = Forwarded.PrefixOf(configured?.AbsolutePath);
    }

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        ToOriginForm(context.Features.GetRequiredFeature<IHttpRequestFeature>());
        var said = Forwarded.Read(context.Connection.RemoteIpAddress, request.Headers, trusted);
        if (said is { } forwarded)
        {
            if (forwarded.Client is { } client && !client.Equals(context.Connection.RemoteIpAddress))
            {
                context.Connection.RemoteIpAddress = client;
                context.Connection.RemotePort = 0;
            }
            request.Scheme = forwarded.Scheme ?? request.Scheme;
            request.Host = forwarded.Host ?? request.Host;
        }
        if (configured is not null)
        {
            request.Scheme = configured.Scheme;
            request.Host = new HostString(configured.Authority);
        }
        if ((configuredPrefix ?? said?.Prefix) is { } prefix)
            TakeOff(context, prefix);
        return next(context);
    }

    /// <summary>RFC 9112 §3.2.2: a request to a proxy names the whole address; so may one to us.</summary>
    static void ToOriginForm(IHttpRequestFeature request)
    {
        var scheme = request.RawTarget.IndexOf("://", StringComparison.Ordinal);
        if (scheme is not (4 or 5) || !request.RawTarget.StartsWith("http", StringComparison.OrdinalIgnoreCase))
            return;
        var path = request.RawTarget.AsSpan(scheme + 3).IndexOfAny('/', '?');
        var rest = path < 0 ? "/" : request.RawTarget[(scheme + 3 + path)..];
        request.RawTarget = rest[0] == '/' ? rest : $"/{rest}";
    }

    static void TakeOff(HttpContext context, string prefix)
    {
        var (request, raw) = (context.Request, context.Features.GetRequiredFeature<IHttpRequestFeature>());
        if (request.Path.StartsWithSegments(prefix, StringComparison.Ordinal, out var rest) && IsBelow(raw.RawTarget, prefix))
        {
            request.Path = rest.HasValue ? rest : "/";
            raw.RawTarget = raw.RawTarget[prefix.Length..] is ['/', ..] target ? target : $"/{raw.RawTarget[prefix.Length..]}";
        }
        request.PathBase = prefix;
    }

    static bool IsBelow(string target, string prefix) =>
        target.StartsWith(prefix, StringComparison.Ordinal) && (target.Length == prefix.Length || target[prefix.Length] is '/' or '?');
}
