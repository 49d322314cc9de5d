using FileServer.Access;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Options;

namespace FileServer.Sync;

/// <summary>What sync clients ask for: what changed, that something changed, which bytes are missing, and many contents at once.</summary>
static class SyncFeature
{
    public static void AddSync(this IServiceCollection services)
    {
        services.AddOptions<SyncOptions>().BindConfiguration("Sync").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<FeedSight>();
        services.AddSingleton<Feed>();
        services.AddSingleton<Events>();
        services.AddSingleton<KnownChunks>();
        services.AddSingleton<Contents>();
    }

    public static void MapSync(this IEndpointRouteBuilder routes)
    {
        var space = routes.MapGroup("/api/v1/spaces/{space}").WithTags("Sync");
        space.MapGet("/changes", GetChanges).WithSummary("What changed since a cursor, as far as the caller may list it").Requires("sight of the space, and list on each item").Produces<ChangePage>();
        space.MapGet("/events", GetEvents).WithSummary("Says when the space has a new revision (server-sent events)").Requires("sight of the space")
            .Produces<RevisionEvent>(contentType: "text/event-stream").Without(RouteException.Head);
        space.MapPost("/chunks/missing", PostMissing).WithSummary("Which of these chunks the caller has to send").Requires("create or write somewhere in the space").Without(RouteException.IdempotencyKey);
        space.MapPost("/contents", PostContents).WithSummary("Many versions in one stream of frames").Requires("read on each file")
            .Produces<Stream>(contentType: "application/octet-stream").Without(RouteException.IdempotencyKey, RouteException.MinimalAnswer);
    }

    static async Task<IResult> GetChanges(
        HttpContext context, string space, string? since, int? limit, Caller caller, Spaces spaces, Feed feed, IOptions<SyncOptions> options, CancellationToken ct)
    {
        var inSpace = await spaces.ResolveAsync(caller, space, ct);
        var size = Paging.Limit(limit, options.Value.MaxFeedItems, options.Value.MaxFeedItems);
        var known = context.Request.Headers.IfNoneMatch;
        var (page, tag) = await feed.ReadAsync(caller, inSpace.Id, FeedCursor.Parse(since), size, tag => known.Contains(tag), ct);
        context.Response.Headers.ETag = tag;
        context.Response.Headers.CacheControl = "private, no-cache";
        if (page is null)
            return Results.StatusCode(StatusCodes.Status304NotModified);
        if (page.HasMore)
            Paging.Link(context, page.Cursor);
        return Results.Ok(page);
    }

    static async Task GetEvents(HttpContext context, string space, Caller caller, Spaces spaces, Events events, CancellationToken ct) =>
        await events.SendAsync(context, caller, await spaces.ResolveAsync(caller, space, ct), ct);

    static async Task<MissingChunks> PostMissing(
        string space, MissingChunksRequest request, Caller caller, Spaces spaces, KnownChunks chunks, IOptions<SyncOptions> options, CancellationToken ct)
    {
        var inSpace = await spaces.ResolveAsync(caller, space, ct);
        if (request.Chunks is null)
            throw Refusal.Invalid("Name the chunks to look for in 'chunks'.");
        if (request.Chunks.Count > options.Value.MaxAskedChunks)
            throw Refusal.TooLarge($"Ask for at most {options.Value.MaxAskedChunks} chunks at once.", options.Value.MaxAskedChunks);
        return new MissingChunks(await chunks.MissingAsync(caller, inSpace.Id, request.Chunks, ct));
    }

    static async Task PostContents(
        HttpContext context, string space, ContentsRequest request, Caller caller, Spaces spaces, Contents contents, IOptions<SyncOptions> options, CancellationToken ct)
    {
        var inSpace = await spaces.ResolveAsync(caller, space, ct);
        if (request.Items is null || request.Items.Contains(null!))
            throw Refusal.Invalid("Name the versions to send in 'items'.");
        if (request.Items.Count > options.Value.MaxContents)
            throw Refusal.TooLarge($"Ask for at most {options.Value.MaxContents} versions at once.", options.Value.MaxContents);
        await contents.SendAsync(context, caller, inSpace.Id, request.Items, ct);
    }
}
