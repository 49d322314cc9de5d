using System.Text.Json;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.Access;

/// <summary>The endpoints of spaces themselves.</summary>
static class SpaceEndpoints
{
    public static void Map(IEndpointRouteBuilder api)
    {
        var spaces = api.MapGroup("/spaces").WithTags("Spaces");
        spaces.MapGet("", List).WithSummary("The spaces that the caller may see, by name").Requires("any grant in the space, or an administrator");
        spaces.MapPost("", Create).WithSummary("A new space, managed by who makes it").Produces<Space>(StatusCodes.Status201Created).Requires("an administrator, or a member where members may");
        spaces.MapGet("/{space}", Get).WithSummary("One space").Requires("any grant in the space, or an administrator");
        spaces.MapPatch("/{space}", Change).WithSummary("Another name or quota (JSON merge patch)").Accepts<SpacePatch>("application/merge-patch+json", "application/json").HonoursConditions()
            .Requires("manage on the root, or an administrator; the quota: an administrator");
        spaces.MapDelete("/{space}", Delete).WithSummary("Deletes the space").Produces(StatusCodes.Status204NoContent).HonoursConditions().Requires("manage on the root, or an administrator");
    }

    static async Task<Page<Space>> List(HttpContext context, int? limit, string? cursor, Caller caller, Spaces spaces, AccessCheck access, NpgsqlDataSource db, CancellationToken ct)
    {
        var count = Paging.Limit(limit, 200, 1000);
        var start = Paging.Start(cursor, "spaces", 1);
        var rows = await spaces.ListAsync(caller, start?[0], count + 1, ct);
        var views = new List<Space>(rows.Count);
        await using var connection = await db.OpenConnectionAsync(ct);
        foreach (var row in rows)
            views.Add(await ViewAsync(connection, access, caller, row, ct));
        return Paging.Page(context, "spaces", views, count, view => view, view => [FileServer.Protocol.NameRules.FoldKey(view.Name)]);
    }

    static async Task<IResult> Create(HttpContext context, SpaceRequest request, Caller caller, Spaces spaces, AccessCheck access, NpgsqlDataSource db, CancellationToken ct)
    {
        var row = await spaces.CreateAsync(caller, request, ct);
        context.Response.Headers.ETag = Spaces.ETag(row);
        await using var connection = await db.OpenConnectionAsync(ct);
        return Results.Created($"{context.Request.PathBase}/api/v1/spaces/{row.Id}", await ViewAsync(connection, access, caller, row, ct));
    }

    static async Task<Space> Get(HttpContext context, string space, Caller caller, Spaces spaces, AccessCheck access, NpgsqlDataSource db, CancellationToken ct)
    {
        var row = await spaces.ResolveAsync(caller, space, ct);
        context.Response.Headers.ETag = Spaces.ETag(row);
        await using var connection = await db.OpenConnectionAsync(ct);
        return await ViewAsync(connection, access, caller, row, ct);
    }

    // A merge patch tells "absent" from "null", which a record cannot (RFC 7396).
    static async Task<Space> Change(HttpContext context, string space, JsonElement patch, Expectation expected, Caller caller, Spaces spaces, AccessCheck access, NpgsqlDataSource db, CancellationToken ct)
    {
        var row = await spaces.ResolveAsync(caller, space, ct);
        if (patch.ValueKind != JsonValueKind.Object)
            throw Refusal.Invalid("Send a JSON object with 'name' and/or 'quotaBytes'.");
        var name = patch.TryGetProperty("name", out var given)
            ? given.Deserialize(WireJson.Default.String) ?? throw Refusal.Invalid("A space keeps a name: send another one, or leave 'name' out.")
            : null;
        (bool, long?) quota = patch.TryGetProperty("quotaBytes", out var bytes)
            ? (true, bytes.ValueKind == JsonValueKind.Null ? null : bytes.ValueKind == JsonValueKind.Number && bytes.TryGetInt64(out var number) ? number : -1)
            : (false, null);
        row = await spaces.ChangeAsync(caller, row.Id, name, quota, ct, expected);
        context.Response.Headers.ETag = Spaces.ETag(row);
        await using var connection = await db.OpenConnectionAsync(ct);
        return await ViewAsync(connection, access, caller, row, ct);
    }

    static async Task<IResult> Delete(string space, Expectation expected, Caller caller, Spaces spaces, CancellationToken ct)
    {
        await spaces.DeleteAsync(caller, (await spaces.ResolveAsync(caller, space, ct)).Id, ct, expected);
        return Results.NoContent();
    }

    static async Task<Space> ViewAsync(NpgsqlConnection connection, AccessCheck access, Caller caller, SpaceRow row, CancellationToken ct)
    {
        var onRoot = await access.OnNodeAsync(connection, caller, row.Id, row.Id.Root, ct);
        return new Space(row.Id, row.Name, row.Epoch, row.Revision, row.QuotaBytes, row.UsedBytes, (onRoot?.Rights ?? Rights.None).Words());
    }
}
