using System.Text.Json;
using FileServer.Access;
using FileServer.Database;
using FileServer.Files.Locks;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Files;

/// <summary>The endpoints that change by id: changesets, and single changes of a node.</summary>
sealed class NodeWriting(NpgsqlDataSource db, Spaces spaces, AccessCheck access, Commit commit, Trash trash, IOptions<FilesOptions> options)
{
    /// <param name="space">The group of <c>/api/v1/spaces/{space}</c>.</param>
    public static void Map(IEndpointRouteBuilder space)
    {
        space.MapPost("/changesets", (HttpContext context, string space, Caller caller, NodeWriting writing, CancellationToken ct) => writing.CommitAsync(context, caller, space, ct))
            .WithTags("Changesets").WithSummary("Commits a list of operations as the space's next revision, or nothing of it").Accepts<Changeset>("application/json")
            .Produces<ChangesetResult>(StatusCodes.Status201Created).Requires("by operation: create in the folder, write or delete on the node, read on the source of a copy")
            // A changeset's own id does what a key would.
            .Without(RouteException.IdempotencyKey);
        var node = space.MapGroup("/nodes/{node:guid}").WithTags("Nodes");
        node.MapPatch("", (HttpContext context, string space, Guid node, NodePatch patch, Caller caller, NodeWriting writing, CancellationToken ct) =>
                writing.PatchAsync(context, caller, space, new NodeId(node), patch, ct))
            .WithSummary("Renames, moves, or sets metadata (JSON merge patch)").Requires("write on the node; for a move delete on it and create in the target")
            .Accepts<NodePatch>("application/merge-patch+json", "application/json").Produces<Node>().HonoursConditions();
        node.MapPost("/copy", (HttpContext context, string space, Guid node, NodePlace place, Caller caller, NodeWriting writing, CancellationToken ct) =>
                writing.CopyAsync(context, caller, space, new NodeId(node), place, ct))
            .WithSummary("A copy of the file's current version").Produces<Node>(StatusCodes.Status201Created).Requires("read on the file, create in the target");
        node.MapPost("/versions/{number:int}/restore", (HttpContext context, string space, Guid node, int number, Caller caller, NodeWriting writing, CancellationToken ct) =>
                writing.RestoreVersionAsync(context, caller, space, new NodeId(node), number, ct))
            .WithSummary("An old version becomes the newest again").Produces<Node>().Requires("write on the file").HonoursConditions();
        space.MapGet("/trash", (HttpContext context, string space, int? limit, string? cursor, Caller caller, NodeWriting writing, CancellationToken ct) =>
                writing.ListTrashAsync(context, caller, space, limit, cursor, ct))
            .WithTags("Trash").WithSummary("What was deleted, newest first").Requires("list on each item");
        space.MapPost("/trash/{node:guid}/restore", (HttpContext context, string space, Guid node, Caller caller, NodeWriting writing, CancellationToken ct) =>
                writing.RestoreAsync(context, caller, space, new NodeId(node), ct))
            .WithTags("Trash").WithSummary("Back to where it was, or to the place in the body").Accepts<NodePlace>(isOptional: true, "application/json").Produces<Node>().Requires("delete on the node, create in the target");
    }

    async Task<IResult> CommitAsync(HttpContext context, Caller caller, string spaceName, CancellationToken ct)
    {
        var space = await spaces.ResolveAsync(caller, spaceName, ct);
        if (!context.Request.HasJsonContentType())
            throw new Refusal(RefusalKind.UnsupportedMedia, "Send 'Content-Type: application/json'.");
        if (context.Request.ContentLength > options.Value.MaxChangesetBytes)
            throw Refusal.TooLarge($"A changeset has at most {options.Value.MaxChangesetBytes} bytes: send several.", options.Value.MaxChangesetBytes);
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = options.Value.MaxChangesetBytes;
        var changeset = await JsonSerializer.DeserializeAsync(context.Request.Body, WireJson.Default.Changeset, ct) ?? throw Refusal.Invalid("Send a changeset: id and operations.");
        var result = await commit.RunAsync(caller, space.Id, changeset, Origin.Sync, null, ct);
        return Results.Json(result, WireJson.Default.ChangesetResult, statusCode: StatusCodes.Status201Created);
    }

    async Task<IResult> PatchAsync(HttpContext context, Caller caller, string spaceName, NodeId node, NodePatch patch, CancellationToken ct)
    {
        var operations = new List<Operation>();
        if (patch.Name is not null || patch.ParentId is not null)
            operations.Add(new Operation { Op = OperationKind.Move, NodeId = node, ParentId = patch.ParentId, Name = patch.Name });
        if (patch.ModifiedAt is not null || patch.Executable is not null)
            operations.Add(new Operation { Op = OperationKind.SetMetadata, NodeId = node, ModifiedAt = patch.ModifiedAt, Executable = patch.Executable });
        if (operations.Count == 0)
            throw Refusal.Invalid("Send one or more of 'name', 'parentId', 'modifiedAt', 'executable'.");
        return await ChangeAsync(context, caller, spaceName, node, operations, ct);
    }

    Task<IResult> RestoreVersionAsync(HttpContext context, Caller caller, string space, NodeId node, int number, CancellationToken ct) =>
        ChangeAsync(context, caller, space, node, [new Operation { Op = OperationKind.RestoreVersion, NodeId = node, Version = number }], ct);

    /// <summary>Operations on one existing node, under the request's conditions.</summary>
    async Task<IResult> ChangeAsync(HttpContext context, Caller caller, string spaceName, NodeId node, List<Operation> operations, CancellationToken ct)
    {
        var space = await spaces.ResolveAsync(caller, spaceName, ct);
        NodeRow row;
        await using (var connection = await db.OpenConnectionAsync(ct))
        {
            await access.RequireAsync(connection, caller, space.Id, node, Rights.List | Rights.Write, ct);
            row = await RowAsync(connection, space.Id, node, ct);
        }
        var conditional = PathWriting.RequireConditions(context.Request, row);
        if (conditional)
            operations = operations.ConvertAll(op => op with { BaseRevision = row.ChangedRevision });
        await ConflictMeaning.OneAsync(commit.RunAsync(caller, space.Id, new Changeset(ChangesetId.New(), operations, LockTokens: LockTokens.Of(context.Request)), Origin.Rest, null, ct), conditional);
        return Results.Ok(await ViewAsync(context, caller, space.Id, node, ct));
    }

    async Task<IResult> CopyAsync(HttpContext context, Caller caller, string spaceName, NodeId source, NodePlace place, CancellationToken ct)
    {
        var space = await spaces.ResolveAsync(caller, spaceName, ct);
        await access.RequireAsync(db, caller, space.Id, source, Rights.List | Rights.Read, ct);
        var parent = place.ParentId ?? throw Refusal.Invalid("'parentId' says into which folder to copy.");
        await access.RequireAsync(db, caller, space.Id, parent, Rights.Create, ct);
        NodeRow row;
        await using (var connection = await db.OpenConnectionAsync(ct))
            row = await RowAsync(connection, space.Id, source, ct);
        if (row.Kind != NodeKind.File)
            throw new Refusal(RefusalKind.Unprocessable, "Only files are copied here; for a folder send a changeset that makes the folders and copies the files.");
        var copy = new Operation { Op = OperationKind.Copy, NodeId = NodeId.New(), SourceId = source, ParentId = parent, Name = place.Name ?? row.Name };
        await ConflictMeaning.OneAsync(commit.RunAsync(caller, space.Id, new Changeset(ChangesetId.New(), [copy], LockTokens: LockTokens.Of(context.Request)), Origin.Rest, null, ct), conditional: false);
        return Results.Created($"{context.Request.PathBase}/api/v1/spaces/{space.Id}/nodes/{copy.NodeId}", await ViewAsync(context, caller, space.Id, copy.NodeId, ct));
    }

    async Task<Page<Node>> ListTrashAsync(HttpContext context, Caller caller, string spaceName, int? limit, string? cursor, CancellationToken ct) =>
        await trash.ListAsync(context, caller, (await spaces.ResolveAsync(caller, spaceName, ct)).Id, limit, cursor, ct);

    async Task<IResult> RestoreAsync(HttpContext context, Caller caller, string spaceName, NodeId node, CancellationToken ct)
    {
        var space = await spaces.ResolveAsync(caller, spaceName, ct);
        var place = context.Request.HasJsonContentType()
            ? await JsonSerializer.DeserializeAsync(context.Request.Body, WireJson.Default.NodePlace, ct)
            : null;
        var restore = new Operation { Op = OperationKind.Restore, NodeId = node, ParentId = place?.ParentId, Name = place?.Name };
        await ConflictMeaning.OneAsync(commit.RunAsync(caller, space.Id, new Changeset(ChangesetId.New(), [restore], LockTokens: LockTokens.Of(context.Request)), Origin.Rest, null, ct), conditional: false);
        return Results.Ok(await ViewAsync(context, caller, space.Id, node, ct));
    }

    async Task<object> ViewAsync(HttpContext context, Caller caller, SpaceId space, NodeId node, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        var row = await RowAsync(connection, space, node, ct);
        context.Response.Headers.ETag = PathWriting.NodeTag(row);
        var held = await access.OnNodeAsync(connection, caller, space, node, ct);
        return held?.Allows(Rights.List) is true ? row.ToNode(held.Rights) : new OperationResult(node, row.Version, row.ContentId);
    }

    public static async Task<NodeRow> RowAsync(NpgsqlConnection connection, SpaceId space, NodeId node, CancellationToken ct) =>
        await connection.QuerySingleOrDefaultAsync<NodeRow>(
            $"""
            select {NodeRow.Columns}
            from nodes n
            where n.space_id = @space and n.id = @node and n.state < 2
            """,
            new { space, node },
            ct) ?? throw Refusal.NotFound("node");
}
