using FileServer.Access;
using FileServer.Files;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.WebDav;

/// <summary>A COPY or MOVE whose addresses have been looked up and whose request was found to be in order.</summary>
sealed record Transfer(DavCall Call, DavResource Source, DavResource Target, Submitted Submitted, bool IsMove, bool Deep)
{
    public SpaceId Space => Source.SpaceId;
}

/// <summary>
/// COPY and MOVE (RFC 4918 §9.8, §9.9). What stands at the destination is replaced, never merged with. A file that takes another one's name becomes that
/// one's next version: history follows the name.
/// </summary>
sealed class CopyMove(
    NpgsqlDataSource db, DavResources resources, DavGuard guard, DavWrite write, NextVersion next, CopyTree tree, MoveEphemeral moveEphemeral, AccessCheck access,
    FileVersions versions, Commit commit, TimeProvider clock)
{
    public async Task RunAsync(DavCall call, bool move, CancellationToken ct)
    {
        var transfer = await PrepareAsync(call.BelowRoot(), move, ct);
        var (source, target) = (transfer.Source, transfer.Target);
        if (source.Ephemeral is { } row)
            await moveEphemeral.RunAsync(transfer, row, ct);
        else if (move && target.Taken?.Id == source.Node!.Id)
            await RenameAsync(transfer, ct);
        else if (source.Node is { Kind: NodeKind.File } && target.Node is null or { Kind: NodeKind.File } && await MayReadAsync(transfer, ct))
            await CarryFileAsync(transfer, ct);
        else
            await ReplaceAsync(transfer, ct);
        if (target.Ephemeral is { } covered && source.Ephemeral is null)
        {
            await using var connection = await db.OpenConnectionAsync(CancellationToken.None);
            await Ephemerals.RemoveAsync(connection, transfer.Space, covered.Id, CancellationToken.None);
        }
        call.Answer(made: !target.Exists || target.Taken?.Id == source.Node?.Id);
    }

    async Task<Transfer> PrepareAsync(DavCall call, bool move, CancellationToken ct)
    {
        var deep = DavHeaders.WholeDepth(call.Request) == DavDepth.Infinity;
        var overwrite = DavHeaders.Overwrite(call.Request);
        var destination = DavPath.DestinationOf(call.Context);
        if (destination.Names.Count <= 1)
            throw Refusal.Forbidden("Nothing takes the place of a space.");
        await using var connection = await db.OpenConnectionAsync(ct);
        var source = await resources.FindAsync(connection, call.Caller, call.Path, ct);
        source.RequireThere();
        if (move && source.IsCollection && !deep)
            throw Refusal.Invalid("A folder is moved with all that is in it: 'Depth' is infinity.");
        var target = await TargetAsync(connection, call, destination, ct);
        if (target.SpaceId != source.SpaceId)
            throw new Refusal(DavRefusals.OtherServer, "Spaces are like servers of their own: download and upload to bring something from one to another.");
        RequireApart(source, target, move);
        target.RequireFolder();
        var submitted = await guard.RequireConditionsAsync(call.Context, connection, call.Caller, source, ct);
        if (target.Exists && target.Taken?.Id != source.Node?.Id && !overwrite)
            throw Refusal.PreconditionFailed($"There is something called '{target.Name}' at the destination, and 'Overwrite' is F.");
        if (!target.Exists)
            await write.RequireCreateAsync(connection, call.Caller, target, ct);
        if (move)
            await guard.RequireRemovableAsync(call.Context, connection, call.Caller, source, submitted, ct);
        await (target.Exists
            ? guard.RequireRemovableAsync(call.Context, connection, call.Caller, target, submitted, ct)
            : guard.RequireMembersOpenAsync(call.Context, connection, call.Caller, target, submitted, ct));
        return new Transfer(call, source, target, submitted, move, deep);
    }

    async Task<DavResource> TargetAsync(NpgsqlConnection connection, DavCall call, DavPath destination, CancellationToken ct)
    {
        try
        {
            return await resources.FindAsync(connection, call.Caller, destination, ct);
        }
        catch (Refusal missing) when (missing.Kind == RefusalKind.NotFound)
        {
            throw DavRefusals.NoParent();
        }
    }

    /// <summary>Nothing goes onto itself, into itself, or onto what it is in.</summary>
    static void RequireApart(DavResource source, DavResource target, bool move)
    {
        var same = source.Node is { } node ? target.Taken?.Id == node.Id : source.Ephemeral!.Id == target.Ephemeral?.Id;
        // Another spelling of the same name is a new name for it.
        if (same && !(move && source.Node?.Name != NodeName.Normalize(target.Name)))
            throw Refusal.Forbidden("Source and destination are the same.");
        if (!same && source.IsCollection && target.Way.Any(above => above.Id == source.Node!.Id))
            throw Refusal.Forbidden("A folder cannot be put into itself.");
        if (!same && target.Node is { } replaced && source.Way.Any(above => above.Id == replaced.Id))
            throw Refusal.Forbidden("The destination is a folder above the source, which would go with it.");
    }

    async Task<bool> MayReadAsync(Transfer transfer, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        return await access.OnNodeAsync(connection, transfer.Call.Caller, transfer.Space, transfer.Source.Node!.Id, ct) is { } held && held.Allows(Rights.Read);
    }

    Task RenameAsync(Transfer transfer, CancellationToken ct) => CommitAsync(transfer, [MoveOf(transfer)], ct);

    /// <summary>File to file: the name goes on with its history where it has one.</summary>
    async Task CarryFileAsync(Transfer transfer, CancellationToken ct)
    {
        var (source, target) = (transfer.Source.Node!, transfer.Target);
        var onto = target.Node is not null || (transfer.IsMove && await FollowsAsync(transfer, ct));
        if (onto)
        {
            var chunks = await versions.ChunksAsync(transfer.Call.Caller, transfer.Space, source.Id, source.Version, ct);
            Operation[] gone = transfer.IsMove ? [new Operation { Op = OperationKind.Delete, NodeId = source.Id }] : [];
            var (file, _) = await write.CommitAsync(
                transfer.Call.Caller, target, ChangesetId.New(), transfer.Submitted, conditional: false,
                put => put with { Chunks = chunks.Chunks, ModifiedAt = source.ModifiedAt, Executable = source.Executable }, null, gone, ct);
            await CopyKeptAsync(transfer, [(source.Id, file.NodeId)]);
        }
        else if (transfer.IsMove)
        {
            await CommitAsync(transfer, [MoveOf(transfer)], ct);
            await using var connection = await db.OpenConnectionAsync(CancellationToken.None);
            await next.DepartAsync(connection, transfer.Call.Caller, transfer.Space, source, CancellationToken.None);
        }
        else
            await ReplaceAsync(transfer, ct);
    }

    async Task<bool> FollowsAsync(Transfer transfer, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        var plan = await next.PlanAsync(connection, transfer.Call.Caller, transfer.Target, conditional: false, follow: true, ct);
        // A file that comes back to its own name has its history with it.
        return (plan.Revived || plan.Before.Count > 0) && plan.File != transfer.Source.Node!.Id;
    }

    /// <summary>What stands at the destination goes to the trash, in the same changeset.</summary>
    async Task ReplaceAsync(Transfer transfer, CancellationToken ct)
    {
        var operations = new List<Operation>();
        if (transfer.Target.Node is { } replaced)
            operations.Add(new Operation { Op = OperationKind.Delete, NodeId = replaced.Id });
        if (transfer.IsMove)
        {
            operations.Add(MoveOf(transfer));
            await CommitAsync(transfer, operations, ct);
            return;
        }
        var pairs = await tree.PlanAsync(transfer, operations, ct);
        await CommitAsync(transfer, operations, ct);
        await CopyKeptAsync(transfer, pairs);
    }

    static Operation MoveOf(Transfer transfer) => new()
    {
        Op = OperationKind.Move,
        NodeId = transfer.Source.Node!.Id,
        ParentId = transfer.Target.Folder!.Id,
        Name = transfer.Target.Name,
    };

    async Task CommitAsync(Transfer transfer, List<Operation> operations, CancellationToken ct) => await ConflictMeaning.OneAsync(
        commit.RunAsync(transfer.Call.Caller, transfer.Space, new Changeset(ChangesetId.New(), operations, null, transfer.Submitted.Tokens), Origin.WebDav, null, ct), conditional: false);

    async Task CopyKeptAsync(Transfer transfer, IReadOnlyList<(NodeId From, NodeId To)> pairs)
    {
        await using var connection = await db.OpenConnectionAsync(CancellationToken.None);
        await KeptProperties.CopyAsync(
            connection, transfer.Space, [.. pairs.Select(pair => pair.From.Value)], [.. pairs.Select(pair => pair.To.Value)], clock.GetUtcNow(), CancellationToken.None);
    }
}
