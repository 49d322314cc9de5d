using FileServer.Access;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol.Contracts;

namespace FileServer.Files.Brakes;

/// <summary>The endpoints of the brake.</summary>
static class BrakeEndpoints
{
    public static void AddBrakes(this IServiceCollection services)
    {
        services.AddOptions<BrakeOptions>().BindConfiguration("Files").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<BrakeRule>();
        services.AddSingleton<SpaceBrakes>();
    }

    /// <param name="space">The group of <c>/api/v1/spaces/{space}</c>.</param>
    public static void MapBrakes(this IEndpointRouteBuilder space)
    {
        var brakes = space.MapGroup("/brakes").WithTags("Brake");
        brakes.MapGet("", List).WithSummary("Who is paused, and what is permitted; with '?all=true' what was before, too").Requires("manage on the root; others see their own pauses");
        brakes.MapPost("/{brake:guid}/lift", Lift).WithSummary("Ends a pause, or takes a permission back").Requires("manage on the root");
        brakes.MapPost("/allow", Allow).WithSummary("For a while the limit does not count").Produces<Brake>(StatusCodes.Status201Created).Requires("manage on the root");
        brakes.MapGet("/limits", Limits).WithSummary("When the brake acts here").Requires("list on the root");
        brakes.MapPut("/limits", SetLimits).WithSummary("Limits of the space's own; what is left out is the server's").Requires("manage on the root");
    }

    static async Task<Page<Brake>> List(HttpContext context, string space, bool? all, int? limit, string? cursor, Caller caller, Spaces spaces, SpaceBrakes brakes, CancellationToken ct) =>
        await brakes.ListAsync(context, caller, (await spaces.ResolveAsync(caller, space, ct)).Id, all is true, limit, cursor, ct);

    static async Task<Brake> Lift(string space, Guid brake, Caller caller, Spaces spaces, SpaceBrakes brakes, CancellationToken ct) =>
        await brakes.LiftAsync(caller, (await spaces.ResolveAsync(caller, space, ct)).Id, brake, "lifted", ct);

    static async Task<IResult> Allow(HttpContext context, string space, BrakePermission permission, Caller caller, Spaces spaces, SpaceBrakes brakes, CancellationToken ct)
    {
        var id = (await spaces.ResolveAsync(caller, space, ct)).Id;
        return Results.Created($"{context.Request.PathBase}/api/v1/spaces/{id}/brakes", await brakes.AllowAsync(caller, id, permission, ct));
    }

    static async Task<BrakeSettings> Limits(string space, Caller caller, Spaces spaces, SpaceBrakes brakes, CancellationToken ct) =>
        await brakes.LimitsAsync(caller, (await spaces.ResolveAsync(caller, space, ct)).Id, ct);

    static async Task<BrakeSettings> SetLimits(string space, BrakeSettings limits, Caller caller, Spaces spaces, SpaceBrakes brakes, CancellationToken ct) =>
        await brakes.SetLimitsAsync(caller, (await spaces.ResolveAsync(caller, space, ct)).Id, limits, ct);
}
