using FileServer.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Tests.Support;

namespace Tests.Architecture;

/// <summary>What holds for each route of the running server.</summary>
public sealed class ConventionTests(World world) : IClassFixture<World>
{
    IEnumerable<RouteEndpoint> Routes => world.Services.GetRequiredService<IEnumerable<EndpointDataSource>>()
        .SelectMany(source => source.Endpoints).OfType<RouteEndpoint>().Where(route => route.RoutePattern.RawText?.TrimStart('/').StartsWith("api/v1", StringComparison.Ordinal) is true);

    [Fact]
    public void What_answers_GET_answers_HEAD() => Offences.None(Routes
        .Where(route => !route.IsWithout(RouteException.Head) && Methods(route).Contains("GET", StringComparer.Ordinal) && !Methods(route).Contains("HEAD", StringComparer.Ordinal))
        .Select(route => route.RoutePattern.RawText!));

    [Fact]
    public async Task Every_address_refuses_other_methods_with_405_and_says_which_it_takes()
    {
        using var stranger = world.Anonymous();
        var wrong = new List<string>();
        foreach (var route in Routes.Where(route => !route.RoutePattern.RawText!.Contains("api/v1/uploads", StringComparison.Ordinal)))
        {
            foreach (var method in new[] { "TRACE", "BREW" })
            {
                using var request = new HttpRequestMessage(new HttpMethod(method), RouteTests.Address(route));
                using var answer = await stranger.SendAsync(request, TestContext.Current.CancellationToken);
                if ((int)answer.StatusCode != 405 || answer.Content.Headers.Allow.Count == 0)
                    wrong.Add($"{method} {route.RoutePattern.RawText} answers {(int)answer.StatusCode}");
                else if (answer.Content.Headers.ContentType?.MediaType != "application/problem+json")
                    wrong.Add($"{method} {route.RoutePattern.RawText} answers without a problem document");
            }
        }
        Offences.None(wrong);
    }

    static IReadOnlyList<string> Methods(RouteEndpoint route) => route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? [];
}
