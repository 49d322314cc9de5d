using FileServer.Access;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.Files;

/// <summary>The endpoints that read: nodes, listings, versions, history and bytes, by id and by path.</summary>
static class Reading
{
    /// <summary>/api/v1/spaces/{space}/files: what stands before the names in a raw path.</summary>
    const int SegmentsBeforeNames = 5;

    static readonly string[] GetOrHead = [HttpMethods.Get, HttpMethods.Head];

    public static void AddReading(this IServiceCollection services)
    {
        services.AddOptions<DownloadOptions>().BindConfiguration("Files").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<Download>();
        services.AddSingleton<Listings>();
        services.AddSingleton<FileVersions>();
        services.AddSingleton<NodeStates>();
        services.AddSingleton<WholeHashes>();
        services.AddHostedService(provider => provider.GetRequiredService<WholeHashes>());
    }

    /// <param name="routes">The group of <c>/api/v1/spaces/{space}</c>.</param>
    public static void MapReading(this IEndpointRouteBuilder routes)
    {
        var space = routes.MapGroup("").AddEndpointFilter(RefuseThePast);
        space.MapMethods("/files/{**path}", GetOrHead, GetByPath).WithTags("Files by path")
            .WithSummary("The bytes of a file; with '?stat' its metadata; with a trailing slash a folder's listing")
            .Requires("read on a file, list on a folder");

        var nodes = space.MapGroup("/nodes/{node:guid}").WithTags("Nodes");
        nodes.MapGet("", GetNode).WithSummary("A node's metadata").Requires("list on the node");
        nodes.MapGet("/children", GetChildren).WithSummary("What stands in a folder, by name").Requires("list on the folder, and on each item");
        nodes.MapGet("/tree", GetTree).WithSummary("A node and everything below it").Requires("list on the node, and on each item");
        nodes.MapMethods("/content", GetOrHead, GetContent).WithSummary("The bytes of the current or a named version").Requires("read on the file");
        nodes.MapGet("/versions", GetVersions).WithSummary("The versions of a file, newest first").Requires("read on the file");
        nodes.MapGet("/versions/{number:int}", GetVersion).WithSummary("One version").Requires("read on the file");
        nodes.MapGet("/versions/{number:int}/chunks", GetChunks).WithSummary("The ordered chunks of a version").Requires("read on the file");
        nodes.MapGet("/history", GetHistory).WithSummary("The states that a node has had, newest first").Requires("list on the node");
    }

    /// <summary>Time travel is not there yet, and the present must not be taken for the past that was asked for.</summary>
    static ValueTask<object?> RefuseThePast(EndpointFilterInvocationContext context, EndpointFilterDelegate next) =>
        context.HttpContext.Request.Query.ContainsKey("asOf")
            ? throw Refusal.Invalid("'asOf' is not answered by this server: it shows the present only. Old bytes are under 'versions', old places under 'history'.")
            : next(context);

    static async Task<IResult> GetByPath(
        HttpContext context, string space, int? limit, string? cursor, int? version,
        Caller caller, Spaces spaces, Listings listings, FileVersions versions, Download download, NpgsqlDataSource db, CancellationToken ct)
    {
        var (names, slash) = RawPath.After(context, SegmentsBeforeNames);
        var inSpace = await spaces.ResolveAsync(caller, space, ct);
        await using var connection = await db.OpenConnectionAsync(ct);
        var way = await Paths.ResolveAsync(connection, inSpace.Id, names, ct);
        if (way.Count <= names.Count)
            throw Refusal.NotFound("node");
        var node = way[^1];
        if (context.Request.Query.ContainsKey("stat"))
            return Results.Ok(await listings.NodeAsync(context, caller, inSpace.Id, node.Id, ct));
        // A folder's address ends with a slash and a file's does not; each is nothing at the other's.
        if (node.Kind == NodeKind.Folder != (slash || names.Count == 0))
            throw Refusal.NotFound("node");
        if (node.Kind == NodeKind.Folder)
            return Results.Ok(await listings.ChildrenAsync(context, caller, inSpace.Id, node.Id, limit, cursor, ct));
        var file = await versions.ToSendAsync(connection, caller, inSpace.Id, node.Id, version, ct);
        await connection.CloseAsync();
        await download.SendAsync(context, caller, inSpace.Id, file, $"/{string.Join('/', names)}", pinned: version is not null, ct);
        return Results.Empty;
    }

    static async Task<Node> GetNode(HttpContext context, string space, Guid node, Caller caller, Spaces spaces, Listings listings, CancellationToken ct) =>
        await listings.NodeAsync(context, caller, (await spaces.ResolveAsync(caller, space, ct)).Id, new NodeId(node), ct);

    static async Task<Page<Node>> GetChildren(
        HttpContext context, string space, Guid node, int? limit, string? cursor, Caller caller, Spaces spaces, Listings listings, CancellationToken ct) =>
        await listings.ChildrenAsync(context, caller, (await spaces.ResolveAsync(caller, space, ct)).Id, new NodeId(node), limit, cursor, ct);

    static async Task<Page<Node>> GetTree(
        HttpContext context, string space, Guid node, int? limit, string? cursor, Caller caller, Spaces spaces, Listings listings, CancellationToken ct) =>
        await listings.TreeAsync(context, caller, (await spaces.ResolveAsync(caller, space, ct)).Id, new NodeId(node), limit, cursor, ct);

    static async Task GetContent(
        HttpContext context, string space, Guid node, int? version,
        Caller caller, Spaces spaces, FileVersions versions, Download download, NpgsqlDataSource db, CancellationToken ct)
    {
        var inSpace = await spaces.ResolveAsync(caller, space, ct);
        DownloadRow file;
        await using (var connection = await db.OpenConnectionAsync(ct))
            file = await versions.ToSendAsync(connection, caller, inSpace.Id, new NodeId(node), version, ct);
        await download.SendAsync(context, caller, inSpace.Id, file, file.Name, pinned: version is not null, ct);
    }

    static async Task<Page<FileVersion>> GetVersions(
        HttpContext context, string space, Guid node, int? limit, string? cursor, Caller caller, Spaces spaces, FileVersions versions, CancellationToken ct) =>
        await versions.ListAsync(context, caller, (await spaces.ResolveAsync(caller, space, ct)).Id, new NodeId(node), limit, cursor, ct);

    static async Task<FileVersion> GetVersion(
        string space, Guid node, int number, Caller caller, Spaces spaces, FileVersions versions, CancellationToken ct) =>
        await versions.OneAsync(caller, (await spaces.ResolveAsync(caller, space, ct)).Id, new NodeId(node), number, ct);

    static async Task<ChunkList> GetChunks(string space, Guid node, int number, Caller caller, Spaces spaces, FileVersions versions, CancellationToken ct) =>
        await versions.ChunksAsync(caller, (await spaces.ResolveAsync(caller, space, ct)).Id, new NodeId(node), number, ct);

    static async Task<Page<NodeState>> GetHistory(
        HttpContext context, string space, Guid node, int? limit, string? cursor, Caller caller, Spaces spaces, NodeStates states, CancellationToken ct) =>
        await states.ListAsync(context, caller, (await spaces.ResolveAsync(caller, space, ct)).Id, new NodeId(node), limit, cursor, ct);
}
