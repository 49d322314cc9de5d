using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileServer.Access;

/// <summary>The endpoints of grants on a node, and of its inheritance.</summary>
static class GrantEndpoints
{
    public static void Map(IEndpointRouteBuilder api)
    {
        var node = api.MapGroup("/spaces/{space}/nodes/{node:guid}").WithTags("Access");
        node.MapGet("/grants", List).WithSummary("The grants that decide about a node, its own first").Requires("share on the node");
        node.MapPost("/grants", Give).WithSummary("Gives a user, a group or everyone a role here and below").Requires("share on the node, and all rights that the role holds");
        node.MapDelete("/grants/{grant:guid}", End).WithSummary("Ends a grant").Requires("share on the node");
        node.MapPut("/inheritance", Inherit).WithSummary("Whether grants from above count here").Requires("manage on the node");
    }

    static async Task<GrantList> List(string space, Guid node, Caller caller, Spaces spaces, Grants grants, CancellationToken ct) =>
        await grants.ListAsync(caller, (await spaces.ResolveAsync(caller, space, ct)).Id, new NodeId(node), ct);

    static async Task<IResult> Give(HttpContext context, string space, Guid node, GrantRequest request, Caller caller, Spaces spaces, Grants grants, CancellationToken ct)
    {
        var id = (await spaces.ResolveAsync(caller, space, ct)).Id;
        var grant = await grants.GiveAsync(caller, id, new NodeId(node), request, ct);
        return Results.Created($"{context.Request.PathBase}/api/v1/spaces/{id}/nodes/{node}/grants/{grant.Id}", grant);
    }

    static async Task<IResult> End(string space, Guid node, Guid grant, Caller caller, Spaces spaces, Grants grants, CancellationToken ct)
    {
        await grants.EndAsync(caller, (await spaces.ResolveAsync(caller, space, ct)).Id, new NodeId(node), grant, ct);
        return Results.NoContent();
    }

    static async Task<GrantList> Inherit(string space, Guid node, InheritanceRequest request, Caller caller, Spaces spaces, Grants grants, CancellationToken ct)
    {
        var id = (await spaces.ResolveAsync(caller, space, ct)).Id;
        await grants.SetInheritanceAsync(caller, id, new NodeId(node), request.Inherit, ct);
        return await grants.ListAsync(caller, id, new NodeId(node), ct);
    }
}
