namespace FileServer.Http;

/// <summary>
/// What a route demands of its caller, said once where the route is mapped. A test walks all routes and fails for each
/// that says nothing.
/// </summary>
public sealed record RouteRule(string Demand, bool Anonymous);

/// <summary>The accounts that a route is for, by the word for their role. A route without this rule is for members and admins.</summary>
/// <param name="NarrowedTokensToo">Also personal tokens that are narrowed to a space, a folder or some rights.</param>
public sealed record RoleRule(IReadOnlyList<string> Roles, bool NarrowedTokensToo);

/// <summary>How a route says what it demands.</summary>
static class RouteRules
{
    /// <summary>The route checks this right, on this object, before it does anything; in words for the census and the docs.</summary>
    public static TBuilder Requires<TBuilder>(this TBuilder route, string demand) where TBuilder : IEndpointConventionBuilder =>
        route.WithMetadata(new RouteRule(demand, Anonymous: false));

    /// <summary>The route answers anybody, for this reason.</summary>
    public static TBuilder AllowAnonymousBecause<TBuilder>(this TBuilder route, string reason) where TBuilder : IEndpointConventionBuilder =>
        route.WithMetadata(new RouteRule(reason, Anonymous: true));

    /// <summary>Only accounts of these roles may use the route: member, admin, auditor. Everybody else is refused, and the refusal recorded.</summary>
    public static TBuilder OnlyFor<TBuilder>(this TBuilder route, params string[] roles) where TBuilder : IEndpointConventionBuilder =>
        route.WithMetadata(new RoleRule(roles, NarrowedTokensToo: false));

    /// <summary>Every account may use the route, with whatever token.</summary>
    public static TBuilder ForEverySignedIn<TBuilder>(this TBuilder route) where TBuilder : IEndpointConventionBuilder =>
        route.WithMetadata(new RoleRule(["member", "admin", "auditor"], NarrowedTokensToo: true));
}
