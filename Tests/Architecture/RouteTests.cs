using System.Net;
using FileServer.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Tests.Support;

namespace Tests.Architecture;

public sealed class RouteTests(World world) : IClassFixture<World>
{
    IEnumerable<RouteEndpoint> Routes => world.Services.GetRequiredService<IEnumerable<EndpointDataSource>>()
        .SelectMany(source => source.Endpoints).OfType<RouteEndpoint>();

    [Fact]
    public void Every_route_says_what_it_demands()
    {
        Assert.NotEmpty(Routes);
        Offences.None(Routes.Where(route => route.Metadata.GetMetadata<RouteRule>() is not { Demand.Length: > 0 }).Select(route => route.RoutePattern.RawText ?? ""));
    }

    [Fact]
    public async Task No_route_answers_a_stranger_unless_it_says_why()
    {
        using var stranger = world.Anonymous();
        var open = new List<string>();
        foreach (var route in Routes.Where(route => route.Metadata.GetMetadata<RouteRule>() is { Anonymous: false }))
        {
            foreach (var method in route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"])
            {
                using var request = new HttpRequestMessage(new HttpMethod(method), Address(route));
                // Where uploads are, the version is asked for before the caller.
                request.Headers.Add("Tus-Resumable", "1.0.0");
                if (method is "POST" or "PUT" or "PATCH")
                    request.Content = new StringContent("{}", System.Text.Encoding.UTF8, "application/json");
                using var answer = await stranger.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
                if (answer.StatusCode != HttpStatusCode.Unauthorized)
                    open.Add($"{method} {route.RoutePattern.RawText} answers {(int)answer.StatusCode}");
            }
        }
        Offences.None(open);
    }

    /// <summary>An address that matches the route's pattern: ids where ids are asked for, a word elsewhere.</summary>
    internal static string Address(RouteEndpoint route) => "/" + string.Join('/', route.RoutePattern.PathSegments.Select(segment => string.Concat(segment.Parts.Select(part => part switch
    {
        Microsoft.AspNetCore.Routing.Patterns.RoutePatternLiteralPart literal => literal.Content,
        Microsoft.AspNetCore.Routing.Patterns.RoutePatternSeparatorPart separator => separator.Content,
        Microsoft.AspNetCore.Routing.Patterns.RoutePatternParameterPart parameter => parameter.Name is "number" or "version" or "n" || parameter.ParameterPolicies.Any(policy => policy.Content is "int" or "long")
            ? "1"
            : "0198f3b2-0000-7000-8000-000000000001",
        _ => "",
    }))));
}
