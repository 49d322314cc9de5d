namespace FileServer.Http;

/// <summary>
/// What a route demands of its caller, said once where the route is mapped. A test walks all routes and fails for each
/// that says nothing.
/// </summary>
public sealed record RouteRule(string Demand, bool Anonymous);

/// <summary>The accounts that a route is for, by the word for their role. A route without this rule is for members and admins.</summary>
/// <param name="NarrowedTokensToo">Also personal tokens that are narrowed to a space, a folder or some rights.</param>
public sealed record RoleRule(IReadOnlyList<string> Roles, bool NarrowedTokensToo);

/// <summary>The route changes what has an ETag, and honours If-Match.</summary>
/// <param name="CanBeRequired">Whether a strict server may insist on it. Not where a body becomes a file by its path: that also makes new ones.</param>
public sealed record ConditionRule(bool CanBeRequired);

/// <summary>The route is left out of a convention that holds for all others.</summary>
public sealed record ExceptionRule(RouteException Exception);

/// <summary>The conventions that a route may be left out of.</summary>
public enum RouteException
{
    /// <summary>HEAD has no meaning: the answer to GET does not end, or is an event of its own.</summary>
    Head,

    /// <summary>An Idempotency-Key is not looked at: the request says by itself which one it is, or changes nothing.</summary>
    IdempotencyKey,

    /// <summary>The answer holds what is told only this once, so that it is never left out.</summary>
    MinimalAnswer,
}

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

    /// <summary>The route honours If-Match.</summary>
    public static TBuilder HonoursConditions<TBuilder>(this TBuilder route, bool canBeRequired = true) where TBuilder : IEndpointConventionBuilder =>
        route.WithMetadata(new ConditionRule(canBeRequired));

    /// <summary>A convention does not hold for the route.</summary>
    public static TBuilder Without<TBuilder>(this TBuilder route, params RouteException[] exceptions) where TBuilder : IEndpointConventionBuilder =>
        route.WithMetadata([.. exceptions.Select(exception => (object)new ExceptionRule(exception))]);

    public static bool IsWithout(this Endpoint endpoint, RouteException exception) =>
        endpoint.Metadata.GetOrderedMetadata<ExceptionRule>().Any(rule => rule.Exception == exception);

    /// <summary>Whatever answers GET answers HEAD too (RFC 9110 §9.3.2).</summary>
    public static TBuilder AnsweringHead<TBuilder>(this TBuilder routes) where TBuilder : IEndpointConventionBuilder
    {
        routes.Finally(route =>
        {
            if (route.Metadata.OfType<HttpMethodMetadata>().LastOrDefault() is not { HttpMethods: ["GET"] } methods
                || route.Metadata.OfType<ExceptionRule>().Any(rule => rule.Exception == RouteException.Head))
                return;
            route.Metadata.Remove(methods);
            route.Metadata.Add(new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head]));
        });
        return routes;
    }

    /// <summary>Every account may use the route, with whatever token.</summary>
    public static TBuilder ForEverySignedIn<TBuilder>(this TBuilder route) where TBuilder : IEndpointConventionBuilder =>
        route.WithMetadata(new RoleRule(["member", "admin", "auditor"], NarrowedTokensToo: true));
}
