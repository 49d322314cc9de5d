using FileServer.Access;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileServer.Files.Holds;

/// <summary>The endpoints of holds, and of the right to release them.</summary>
static class HoldEndpoints
{
    public static void AddHolds(this IServiceCollection services)
    {
        services.AddOptions<HoldOptions>().BindConfiguration("Files").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<NodeHolds>();
        services.AddSingleton<HoldReleasers>();
    }

    /// <param name="api">The group of <c>/api/v1</c>.</param>
    public static void MapHolds(this IEndpointRouteBuilder api)
    {
        api.MapGet("/spaces/{space}/holds", List).WithTags("Holds").WithSummary("The holds of a space, newest first; with '?all=true' ended ones too")
            .Requires("manage on the root; list for who may release holds");
        var node = api.MapGroup("/spaces/{space}/nodes/{node:guid}/holds").WithTags("Holds");
        node.MapGet("", On).WithSummary("What keeps a node from being deleted: its own holds, and those of folders above").Requires("list on the node");
        node.MapPost("", Place).WithSummary("Keeps a node and everything below: a legal hold, or until a time").Produces<Hold>(StatusCodes.Status201Created)
            .Requires("manage on the node; list for who may release holds");
        node.MapPatch("/{hold:guid}", Extend).WithSummary("A later end of a retention").Requires("manage on the node; list for who may release holds");
        node.MapPost("/{hold:guid}/release", Release).WithSummary("Ends a legal hold, for a reason that is recorded").Requires("list on the node, and the right to release holds");
        var releasers = api.MapGroup("/admin/hold-releasers").WithTags("Holds").OnlyFor("admin");
        releasers.MapGet("", (HoldReleasers list, CancellationToken ct) => list.ListAsync(ct)).WithSummary("The accounts that may release legal holds").Requires("an administrator");
        releasers.MapPut("/{user}", Allow).WithSummary("Gives an account the right to release legal holds").Requires("an administrator");
        releasers.MapDelete("/{user}", Deny).WithSummary("Takes it away").Requires("an administrator");
    }

    static async Task<Page<Hold>> List(HttpContext context, string space, bool? all, int? limit, string? cursor, Caller caller, Spaces spaces, NodeHolds holds, CancellationToken ct) =>
        await holds.ListAsync(context, caller, (await spaces.ResolveAsync(caller, space, ct)).Id, all is true, limit, cursor, ct);

    static async Task<Page<Hold>> On(string space, Guid node, Caller caller, Spaces spaces, NodeHolds holds, CancellationToken ct) =>
        await holds.OnAsync(caller, (await spaces.ResolveAsync(caller, space, ct)).Id, new NodeId(node), ct);

    static async Task<IResult> Place(HttpContext context, string space, Guid node, HoldRequest request, Caller caller, Spaces spaces, NodeHolds holds, CancellationToken ct)
    {
        var id = (await spaces.ResolveAsync(caller, space, ct)).Id;
        var hold = await holds.PlaceAsync(caller, id, new NodeId(node), request, ct);
        return Results.Created($"{context.Request.PathBase}/api/v1/spaces/{id}/nodes/{node}/holds/{hold.Id}", hold);
    }

    static async Task<Hold> Extend(string space, Guid node, Guid hold, HoldPatch patch, Caller caller, Spaces spaces, NodeHolds holds, CancellationToken ct) =>
        await holds.ExtendAsync(caller, (await spaces.ResolveAsync(caller, space, ct)).Id, new NodeId(node), hold, patch.Until, ct);

    static async Task<Hold> Release(string space, Guid node, Guid hold, HoldRelease release, Caller caller, Spaces spaces, NodeHolds holds, CancellationToken ct) =>
        await holds.ReleaseAsync(caller, (await spaces.ResolveAsync(caller, space, ct)).Id, new NodeId(node), hold, release.Reason, ct);

    static async Task<IResult> Allow(string user, Caller caller, HoldReleasers releasers, CancellationToken ct)
    {
        await releasers.AllowAsync(caller, user, ct);
        return Results.NoContent();
    }

    static async Task<IResult> Deny(string user, Caller caller, HoldReleasers releasers, CancellationToken ct)
    {
        await releasers.DenyAsync(caller, user, ct);
        return Results.NoContent();
    }
}
