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
        node.MapGet("/grants", List).WithSummary("The grants that decide about a node, its own first").Produces<GrantList>().Requires("share on the node");
        node.MapPost("/grants", Give).WithSummary("Gives a user, a group or everyone a role here and below").Produces<Grant>(StatusCodes.Status201Created).Requires("share on the node, and all rights that the role holds").HonoursConditions();
        node.MapDelete("/grants/{grant:guid}", End).WithSummary("Ends a grant").Produces(StatusCodes.Status204NoContent).Requires("share on the node").HonoursConditions();
        node.MapPut("/inheritance", Inherit).WithSummary("Whether grants from above count here").Requires("manage on the node").HonoursConditions();
    }

    static async Task<IResult> List(HttpContext context, string space, Guid node, Caller caller, Spaces spaces, Grants grants, CancellationToken ct)
    {
        var id = (await spaces.ResolveAsync(caller, space, ct)).Id;
        var list = await grants.ListAsync(caller, id, new NodeId(node), ct);
        return EntityTags.Answer(context, await grants.TagAsync(caller, id, new NodeId(node), ct), list);
    }

    static async Task<IResult> Give(HttpContext context, string space, Guid node, GrantRequest request, Expectation expected, Caller caller, Spaces spaces, Grants grants, CancellationToken ct)
    {
        var id = (await spaces.ResolveAsync(caller, space, ct)).Id;
        var grant = await grants.GiveAsync(caller, id, new NodeId(node), request, ct, expected);
        return Results.Created($"{context.Request.PathBase}/api/v1/spaces/{id}/nodes/{node}/grants/{grant.Id}", grant);
    }

    static async Task<IResult> End(string space, Guid node, Guid grant, Expectation expected, Caller caller, Spaces spaces, Grants grants, CancellationToken ct)
    {
        await grants.EndAsync(caller, (await spaces.ResolveAsync(caller, space, ct)).Id, new NodeId(node), grant, ct, expected);
        return Results.NoContent();
    }

    static async Task<GrantList> Inherit(HttpContext context, string space, Guid node, InheritanceRequest request, Expectation expected, Caller caller, Spaces spaces, Grants grants, CancellationToken ct)
    {
        var id = (await spaces.ResolveAsync(caller, space, ct)).Id;
        await grants.SetInheritanceAsync(caller, id, new NodeId(node), request.Inherit, ct, expected);
        context.Response.Headers.ETag = await grants.TagAsync(caller, id, new NodeId(node), ct);
        return await grants.ListAsync(caller, id, new NodeId(node), ct);
    }
}
