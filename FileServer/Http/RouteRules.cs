namespace FileServer.Http;

/// <summary>
/// What a route demands of its caller, said once where the route is mapped. A test walks all routes and fails for each
/// that says nothing.
/// </summary>
public sealed record RouteRule(string Demand, bool Anonymous);

static class RouteRules
{
    /// <summary>The route checks this right, on this object, before it does anything; in words for the census and the docs.</summary>
    public static TBuilder Requires<TBuilder>(this TBuilder route, string demand) where TBuilder : IEndpointConventionBuilder =>
        route.WithMetadata(new RouteRule(demand, Anonymous: false));

    /// <summary>The route answers anybody, for this reason.</summary>
    public static TBuilder AllowAnonymousBecause<TBuilder>(this TBuilder route, string reason) where TBuilder : IEndpointConventionBuilder =>
        route.WithMetadata(new RouteRule(reason, Anonymous: true));
}
