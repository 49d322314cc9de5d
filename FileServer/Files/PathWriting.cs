using FileServer.Access;
using FileServer.Files.Locks;
using FileServer.Files.Quotas;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Storage;
using Npgsql;

namespace FileServer.Files;

/// <summary>The endpoints that change by path: PUT, POST ?mkdir and DELETE at <c>/files/{path}</c>.</summary>
sealed class PathWriting(NpgsqlDataSource db, Spaces spaces, AccessCheck access, PathLookup lookup, Commit commit, WholeBody body, NodeLocks locks, QuotaReservations quotas)
{
    /// <summary>/api/v1/spaces/{space}/files: what stands before the names in a raw path.</summary>
    const int SegmentsBeforeNames = 5;
    const int MaxAttempts = 5;

    /// <param name="space">The group of <c>/api/v1/spaces/{space}</c>.</param>
    public static void Map(IEndpointRouteBuilder space)
    {
        space.MapPut("/files/{**path}", (HttpContext context, string space, bool? parents, Caller caller, PathWriting writing, CancellationToken ct) =>
                writing.PutAsync(context, caller, space, parents is true, ct))
            .WithTags("Files by path").WithSummary("The body becomes the file's newest version").Requires("write on the file, or create in the folder")
            .Produces<Node>().Produces<Node>(StatusCodes.Status201Created).HonoursConditions(canBeRequired: false);
        space.MapPost("/files/{**path}", (HttpContext context, string space, bool? parents, Caller caller, PathWriting writing, CancellationToken ct) =>
                writing.MakeFolderAsync(context, caller, space, parents is true, ct))
            .WithTags("Files by path").WithSummary("With '?mkdir' a new folder").Requires("create in the folder above").Produces<Node>().Produces<Node>(StatusCodes.Status201Created);
        space.MapDelete("/files/{**path}", (HttpContext context, string space, Caller caller, PathWriting writing, CancellationToken ct) =>
                writing.DeleteAsync(context, caller, space, ct))
            .WithTags("Files by path").WithSummary("To the trash").Requires("delete on the node").Produces(StatusCodes.Status204NoContent).HonoursConditions();
    }

    async Task<IResult> PutAsync(HttpContext context, Caller caller, string spaceName, bool parents, CancellationToken ct)
    {
        var (names, slash) = RawPath.After(context, SegmentsBeforeNames);
        if (slash || names.Count == 0)
            throw Refusal.Invalid("A file's path names the file and does not end with '/'. A folder is made by POST with '?mkdir'.");
        var modifiedAt = ModifiedAt(context.Request);
        var place = await FindAsync(caller, spaceName, names, parents, ct);
        var space = place.Space;
        RequireConditions(context.Request, place.Taken);
        await locks.RequireOpenAsync(caller, space.Id, (place.Taken ?? place.Folder).Id, context.Request, ct);
        body.RequireFits(context.Request);
        // One id for all attempts: nothing is committed before the last one, and the room is reserved under it.
        var id = ChangesetId.New();
        await using var room = await quotas.ReserveAsync(space, id.Value, context.Request.ContentLength, ct);
        var stored = await body.StoreAsync(context, space.Id, ct);
        var conditional = context.Request.Headers.IfMatch.Count + context.Request.Headers.IfNoneMatch.Count > 0;
        for (var attempt = 1; ; attempt++)
        {
            var operations = Folders(place, out var parent);
            var file = place.Taken?.Id ?? NodeId.New();
            operations.Add(new Operation
            {
                Op = OperationKind.PutFile,
                NodeId = file,
                ParentId = place.Taken is null ? parent : null,
                Name = place.Taken is null ? names[^1] : null,
                BaseVersion = place.Taken is null ? 0 : conditional ? place.Taken.Version : ChangesetSteps.AnyVersion,
                ModifiedAt = modifiedAt,
            });
            var contents = new Dictionary<NodeId, StoredContent> { [file] = stored };
            try
            {
                var committed = await ConflictMeaning.OneAsync(
                    commit.CommitAsync(caller, space.Id, new Changeset(id, operations, LockTokens: LockTokens.Of(context.Request)), Origin.Rest, contents, ct), conditional);
                return await AnswerAsync(context, caller, space.Id, committed.Result.Results[^1], committed, made: place.Taken is null, ct);
            }
            catch (Refusal raced) when (raced.Kind == RefusalKind.NameTaken && attempt < MaxAttempts)
            {
                // Somebody else made the file, or a folder on the way, in between: now there is something to build on.
                place = await FindAsync(caller, spaceName, names, parents, ct);
            }
        }
    }

    async Task<IResult> MakeFolderAsync(HttpContext context, Caller caller, string spaceName, bool parents, CancellationToken ct)
    {
        var (names, _) = RawPath.After(context, SegmentsBeforeNames);
        if (!context.Request.Query.ContainsKey("mkdir") || names.Count == 0)
            throw Refusal.Invalid("POST makes a folder at this path with '?mkdir'; a file is sent by PUT.");
        var place = await FindAsync(caller, spaceName, names, parents, ct, folder: true);
        var space = place.Space;
        if (place.Taken is { } taken)
        {
            if (!parents || taken.Kind != NodeKind.Folder)
                throw Refusal.NameTaken($"The name '{taken.Name}' is taken in this folder.");
            return await AnswerAsync(context, caller, space.Id, new OperationResult(taken.Id, 0, null), null, made: false, ct);
        }
        var operations = Folders(place, out var parent);
        operations.Add(new Operation { Op = OperationKind.CreateFolder, NodeId = NodeId.New(), ParentId = parent, Name = names[^1], ModifiedAt = ModifiedAt(context.Request) });
        var committed = await ConflictMeaning.OneAsync(
            commit.CommitAsync(caller, space.Id, new Changeset(ChangesetId.New(), operations, LockTokens: LockTokens.Of(context.Request)), Origin.Rest, null, ct), conditional: false);
        return await AnswerAsync(context, caller, space.Id, committed.Result.Results[^1], committed, made: true, ct);
    }

    async Task<IResult> DeleteAsync(HttpContext context, Caller caller, string spaceName, CancellationToken ct)
    {
        var (names, _) = RawPath.After(context, SegmentsBeforeNames);
        var space = await spaces.ResolveAsync(caller, spaceName, ct);
        NodeRow node;
        await using (var connection = await db.OpenConnectionAsync(ct))
        {
            var way = await Paths.ResolveAsync(connection, space.Id, names, ct);
            node = way.Count == names.Count + 1 ? way[^1] : throw Refusal.NotFound("node");
            await access.RequireAsync(connection, caller, space.Id, node.Id, Rights.Delete, ct);
        }
        var conditional = RequireConditions(context.Request, node);
        var delete = new Operation { Op = OperationKind.Delete, NodeId = node.Id, BaseRevision = conditional ? node.ChangedRevision : null };
        await ConflictMeaning.OneAsync(commit.RunAsync(caller, space.Id, new Changeset(ChangesetId.New(), [delete], LockTokens: LockTokens.Of(context.Request)), Origin.Rest, null, ct), conditional);
        return Results.NoContent();
    }

    /// <summary>Where a path leads, once it is certain that the caller may put something there.</summary>
    async Task<Place> FindAsync(Caller caller, string spaceName, IReadOnlyList<string> names, bool parents, CancellationToken ct, bool folder = false)
    {
        var found = await lookup.FindAsync(caller, spaceName, names, ct);
        var (space, way) = (found.Space, found.Way);
        var hop = Math.Min(way.Count, names.Count) - 1;
        var (above, onAbove) = (way[hop], found.Rights[hop]);
        // What stands there is told only to those who may look; others put something beside it.
        if (way.Count == names.Count + 1 && found.Rights[^1].HasFlag(Rights.List))
        {
            var taken = way[^1];
            if (!folder && taken.Kind != NodeKind.File)
                throw Refusal.NameTaken($"'{taken.Name}' is a {(taken.Kind == NodeKind.Folder ? "folder" : "symlink")}.");
            if (!folder && !found.Rights[^1].HasFlag(Rights.Write))
                throw await access.RefusedAsync(caller, space.Id, taken.Id, found.Rights[^1], Rights.Write, ct);
            return new Place(space, above, [], taken);
        }
        if (!onAbove.HasFlag(Rights.Create))
            throw await access.RefusedAsync(caller, space.Id, above.Id, onAbove, Rights.Create, ct);
        if (above.Kind != NodeKind.Folder)
            throw Refusal.NotFound("folder");
        var missing = names.Skip(way.Count - 1).Take(names.Count - way.Count).ToArray();
        if (missing.Length > 0 && !parents)
            throw onAbove.HasFlag(Rights.List) ? Refusal.NotFound("folder (add '?parents=true' to make the missing ones)") : Refusal.NotFound("folder");
        return new Place(space, above, missing, null);
    }

    static List<Operation> Folders(Place place, out NodeId parent)
    {
        var operations = new List<Operation>();
        parent = place.Folder.Id;
        foreach (var name in place.Missing)
        {
            var folder = NodeId.New();
            operations.Add(new Operation { Op = OperationKind.CreateFolder, NodeId = folder, ParentId = parent, Name = name });
            parent = folder;
        }
        return operations;
    }

    /// <returns>Whether the request carries a condition.</returns>
    public static bool RequireConditions(HttpRequest request, NodeRow? current)
    {
        if (current is null)
        {
            if (request.Headers.IfMatch.Count > 0)
                throw Refusal.PreconditionFailed("There is nothing at this path that the condition could hold for.");
        }
        else if (!Holds(request, current))
            throw Refusal.PreconditionFailed($"The node's ETag is {NodeTag(current)} now, and that of its bytes {ETag(current)}. Fetch it anew, then decide.");
        return request.Headers.IfMatch.Count + request.Headers.IfNoneMatch.Count + request.Headers.IfUnmodifiedSince.Count > 0;
    }

    /// <summary>One may go by the bytes, or by the node with all that is said about it: a state that is wanted has either tag, one that is not wanted neither.</summary>
    static bool Holds(HttpRequest request, NodeRow current)
    {
        var byBytes = Preconditions.Evaluate(request, new Validators(ETag(current), current.ChangedAt, DateIsStrong: false)) == Precondition.Send;
        var byNode = Preconditions.Evaluate(request, new Validators(NodeTag(current), current.ChangedAt, DateIsStrong: false)) == Precondition.Send;
        return request.Headers.IfNoneMatch.Count == 0 ? byBytes || byNode : byBytes && byNode;
    }

    /// <summary>Of the node with its name, place and metadata: another one with every change.</summary>
    public static string NodeTag(NodeRow row) => $"\"r{row.ChangedRevision}\"";

    /// <summary>A file's is its content's; what has no content is told apart by the revision of its last change.</summary>
    public static string ETag(NodeRow row) => row.ContentId is { } content ? $"\"{content}\"" : $"\"r{row.ChangedRevision}\"";

    async Task<IResult> AnswerAsync(HttpContext context, Caller caller, SpaceId space, OperationResult result, Committed? committed, bool made, CancellationToken ct)
    {
        var node = $"{context.Request.PathBase}/api/v1/spaces/{space}/nodes/{result.NodeId}";
        if (result.ContentId is { } content)
        {
            context.Response.Headers.ETag = $"\"{content}\"";
            context.Response.Headers.ContentLocation = $"{node}/content?version={result.Version}";
        }
        // Who may only put something in does not learn under which name it stands.
        object view = committed?.Work is null ? await ViewAsync(caller, space, result, ct) : (object?)committed.Find(result.NodeId) ?? result;
        return made ? Results.Created(node, view) : Results.Ok(view);
    }

    async Task<object> ViewAsync(Caller caller, SpaceId space, OperationResult result, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        var held = await access.OnNodeAsync(connection, caller, space, result.NodeId, ct);
        return held?.Allows(Rights.List) is true ? (await NodeWriting.RowAsync(connection, space, result.NodeId, ct)).ToNode(held.Rights) : result;
    }

    /// <summary>The time that the author's file system gave the file: <c>X-Modified-At</c> or <c>?modifiedAt=</c>, RFC 3339.</summary>
    static DateTimeOffset? ModifiedAt(HttpRequest request)
    {
        var text = request.Headers["X-Modified-At"].FirstOrDefault() ?? request.Query["modifiedAt"].FirstOrDefault();
        if (string.IsNullOrEmpty(text))
            return null;
        return DateTimeOffset.TryParse(text, null, System.Globalization.DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : throw Refusal.Invalid("The modification time is written as in 2026-11-23T14:15:30Z (RFC 3339).");
    }

    sealed record Place(SpaceRow Space, NodeRow Folder, IReadOnlyList<string> Missing, NodeRow? Taken);
}
