using FileServer.Access;
using FileServer.Files;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Storage;
using Npgsql;

namespace FileServer.WebDav;

/// <summary>Brings content to a name: the one way in which PUT, LOCK, COPY and MOVE make a version.</summary>
sealed class DavWrite(NpgsqlDataSource db, DavResources resources, AccessCheck access, NextVersion next, Commit commit)
{
    const int MaxAttempts = 5;

    /// <summary>Refuses what the caller may not put there, before any byte of it is read.</summary>
    /// <exception cref="Refusal">No right, no folder, or something that is no file has the name.</exception>
    public async Task RequireWritableAsync(NpgsqlConnection connection, Caller caller, DavResource resource, CancellationToken ct)
    {
        if (resource.Node is { } node)
        {
            if (node.Kind == NodeKind.Folder)
                throw new Refusal(RefusalKind.MethodNotAllowed, "There is a folder at this address.");
            if (node.Kind == NodeKind.Symlink)
                throw Refusal.NameTaken("There is a symlink at this address.");
            await access.RequireAsync(connection, caller, resource.SpaceId, node.Id, Rights.Write, ct);
            return;
        }
        await RequireCreateAsync(connection, caller, resource, ct);
    }

    /// <summary>The folder is there, and the caller may put something into it. One that is hidden is as missing as one that is not there.</summary>
    public async Task RequireCreateAsync(NpgsqlConnection connection, Caller caller, DavResource resource, CancellationToken ct)
    {
        var folder = resource.RequireFolder();
        try
        {
            await access.RequireAsync(connection, caller, resource.SpaceId, folder.Id, Rights.Create, ct);
        }
        catch (Refusal hidden) when (hidden.Kind == RefusalKind.NotFound)
        {
            throw DavRefusals.NoParent();
        }
    }

    /// <summary>Commits the content as the name's newest version.</summary>
    /// <param name="content">Completes the operation that takes the content; its node may be another with each attempt.</param>
    /// <param name="also">Further operations of the same changeset.</param>
    /// <returns>What the file is now, and whether its address is new.</returns>
    public async Task<(OperationResult File, bool Made)> CommitAsync(
        Caller caller, DavResource resource, ChangesetId id, Submitted submitted, bool conditional, Func<Operation, Operation> content, StoredContent? stored, IReadOnlyList<Operation> also, CancellationToken ct)
    {
        var follow = true;
        for (var attempt = 1; ; attempt++)
        {
            NamePlan plan;
            await using (var connection = await db.OpenConnectionAsync(ct))
                plan = await next.PlanAsync(connection, caller, resource, conditional, follow, ct);
            var operations = plan.Operations(content);
            var put = operations.Count - 1;
            operations.AddRange(also);
            var contents = stored is null ? null : new Dictionary<NodeId, StoredContent> { [plan.File] = stored };
            try
            {
                var result = await ConflictMeaning.OneAsync(
                    commit.RunAsync(caller, resource.SpaceId, new Changeset(id, operations, null, submitted.Tokens), Origin.WebDav, contents, ct), conditional);
                await using var connection = await db.OpenConnectionAsync(CancellationToken.None);
                await next.FinishAsync(connection, caller, resource, plan, CancellationToken.None);
                return (result.Results[put], resource.Node is null);
            }
            catch (Refusal raced) when (raced.Kind == RefusalKind.NameTaken && attempt < MaxAttempts)
            {
                // Somebody else has made it in between: now there is something to build on.
                await using var connection = await db.OpenConnectionAsync(ct);
                resource = await resources.FindAsync(connection, caller, resource.Path, ct);
            }
            catch (Refusal) when (follow && (plan.Before.Count > 0 || plan.Revived))
            {
                // What left the name is out of reach by now: the bytes become a file of their own.
                follow = false;
            }
        }
    }
}
