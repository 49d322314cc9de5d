using System.Text.Json;
using FileServer.Access;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.Files.Locks;

/// <summary>Check-out, check-in and breaking of locks by REST.</summary>
static class LockEndpoints
{
    public static void AddLocks(this IServiceCollection services)
    {
        services.AddOptions<LockOptions>().BindConfiguration("Files").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<NodeLocks>();
    }

    /// <param name="space">The group of <c>/api/v1/spaces/{space}</c>.</param>
    public static void MapLocks(this IEndpointRouteBuilder space)
    {
        var node = space.MapGroup("/nodes/{node:guid}/lock").WithTags("Locks");
        node.MapGet("", Get).WithSummary("Who has locked the node, or a folder above it with all below").Requires("list on the node");
        node.MapPost("", Take).WithSummary("Checks the node out, or extends one's own check-out").Accepts<LockRequest>("application/json")
            .Produces<NodeLock>(StatusCodes.Status201Created).Produces<NodeLock>().Requires("write on the node");
        node.MapDelete("", End).WithSummary("Checks the node in; with '?force=true' a manager breaks the lock")
            .Produces(StatusCodes.Status204NoContent).Requires("list on the node and be the holder; with force manage on the node");
        space.MapGet("/locks", List).WithTags("Locks").WithSummary("What is locked in the space").Requires("list on each item");
    }

    static async Task<NodeLock> Get(string space, Guid node, Caller caller, Spaces spaces, AccessCheck access, NodeLocks locks, NpgsqlDataSource db, CancellationToken ct)
    {
        var inSpace = (await spaces.ResolveAsync(caller, space, ct)).Id;
        await using var connection = await db.OpenConnectionAsync(ct);
        await access.RequireAsync(connection, caller, inSpace, new NodeId(node), Rights.List, ct);
        return (await locks.FindAsync(connection, inSpace, new NodeId(node), ct)) is [var first, ..]
            ? first.View(caller)
            : throw new Refusal(RefusalKind.NotFound, "The node is not locked.");
    }

    static async Task<IResult> Take(HttpContext context, string space, Guid node, Caller caller, Spaces spaces, NodeLocks locks, TimeProvider clock, CancellationToken ct)
    {
        var inSpace = (await spaces.ResolveAsync(caller, space, ct)).Id;
        var request = context.Request.HasJsonContentType() && context.Request.ContentLength != 0
            ? await JsonSerializer.DeserializeAsync(context.Request.Body, WireJson.Default.LockRequest, ct) ?? new LockRequest()
            : new LockRequest();
        var (taken, isNew) = await locks.TakeAsync(caller, inSpace, new NodeId(node), Wish(request, clock.GetUtcNow()), ct);
        var view = taken.View(caller);
        context.Response.Headers["Lock-Token"] = $"<{view.Token}>";
        return isNew ? Results.Created($"{context.Request.PathBase}{context.Request.Path}", view) : Results.Ok(view);
    }

    static async Task<IResult> End(string space, Guid node, bool? force, Caller caller, Spaces spaces, NodeLocks locks, CancellationToken ct)
    {
        var inSpace = (await spaces.ResolveAsync(caller, space, ct)).Id;
        await (force is true ? locks.BreakAsync(caller, inSpace, new NodeId(node), ct) : locks.CheckInAsync(caller, inSpace, new NodeId(node), ct));
        return Results.NoContent();
    }

    static async Task<Page<NodeLock>> List(
        HttpContext context, string space, int? limit, string? cursor, Caller caller, Spaces spaces, NodeLocks locks, CancellationToken ct) =>
        await locks.ListAsync(context, caller, (await spaces.ResolveAsync(caller, space, ct)).Id, limit, cursor, ct);

    static LockWish Wish(LockRequest request, DateTimeOffset now)
    {
        if (request is { ExpiresAt: not null, ExpiresIn: not null })
            throw Refusal.Invalid("'expiresAt' or 'expiresIn', not both.");
        if (request.ExpiresIn is < 1 || request.ExpiresAt <= now)
            throw Refusal.Invalid("A lock that has run out already locks nothing: name a time to come.");
        var deep = request.Depth switch
        {
            null or "infinity" => true,
            "0" => false,
            _ => throw Refusal.Invalid("'depth' is 0 or infinity."),
        };
        var shared = request.Scope switch
        {
            null or "exclusive" => false,
            "shared" => true,
            _ => throw Refusal.Invalid("'scope' is exclusive or shared."),
        };
        var time = request.ExpiresAt - now ?? (request.ExpiresIn is { } seconds ? TimeSpan.FromSeconds(Math.Min(seconds, 10_000_000_000)) : null);
        return new LockWish(Origin.Rest, shared, deep, time, request.Owner, request.Reason);
    }
}
