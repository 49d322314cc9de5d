using FileServer.Access;
using FileServer.Audit;
using FileServer.Files;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.AspNetCore.Http.Features;
using Npgsql;

namespace FileServer.WebDav;

/// <summary>MKCOL and DELETE: members of folders come and go.</summary>
sealed class DavMembers(NpgsqlDataSource db, DavResources resources, DavGuard guard, DavWrite write, NextVersion next, AccessCheck access, Commit commit, AuditWriter audit)
{
    /// <summary>RFC 4918 §9.3.</summary>
    public async Task MakeFolderAsync(DavCall call, CancellationToken ct)
    {
        if (call.Path.Names.Count <= 1)
            throw new Refusal(RefusalKind.MethodNotAllowed, "There is a folder at this address.");
        if (call.Context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true } && call.Request.ContentLength != 0)
            throw new Refusal(RefusalKind.UnsupportedMedia, "MKCOL takes no body here.");
        DavResource resource;
        Submitted submitted;
        await using (var connection = await db.OpenConnectionAsync(ct))
        {
            resource = await resources.FindAsync(connection, call.Caller, call.Path, ct);
            if (resource.Exists)
                throw new Refusal(RefusalKind.MethodNotAllowed, $"There is something called '{resource.Name}' at this address.");
            await write.RequireCreateAsync(connection, call.Caller, resource, ct);
            submitted = await guard.RequireConditionsAsync(call.Context, connection, call.Caller, resource, ct);
            await guard.RequireMembersOpenAsync(call.Context, connection, call.Caller, resource, submitted, ct);
        }
        var make = new Operation { Op = OperationKind.CreateFolder, NodeId = NodeId.New(), ParentId = resource.Folder!.Id, Name = resource.Name };
        try
        {
            await ConflictMeaning.OneAsync(
                commit.RunAsync(call.Caller, resource.SpaceId, new Changeset(ChangesetId.New(), [make], null, submitted.Tokens), Origin.WebDav, null, ct), conditional: false);
        }
        catch (Refusal raced) when (raced.Kind == RefusalKind.NameTaken)
        {
            throw new Refusal(RefusalKind.MethodNotAllowed, raced.Message, raced);
        }
        call.Answer(made: true);
    }

    /// <summary>RFC 4918 §9.6: to the trash, with everything below.</summary>
    public async Task DeleteAsync(DavCall call, CancellationToken ct)
    {
        call.BelowRoot();
        DavResource resource;
        Submitted submitted;
        await using (var connection = await db.OpenConnectionAsync(ct))
        {
            resource = await resources.FindAsync(connection, call.Caller, call.Path, ct);
            resource.RequireThere();
            if (resource.IsCollection && DavHeaders.Depth(call.Request, DavDepth.Infinity) != DavDepth.Infinity)
                throw Refusal.Invalid("A folder is deleted with all that is in it: 'Depth' is infinity.");
            submitted = await guard.RequireConditionsAsync(call.Context, connection, call.Caller, resource, ct);
            // Who may make an ephemeral file may remove it.
            var (judge, needed) = resource.Node is { } node ? (node.Id, Rights.Delete) : (resource.Folder!.Id, Rights.Create);
            await access.RequireAsync(connection, call.Caller, resource.SpaceId, judge, needed, ct);
            await guard.RequireRemovableAsync(call.Context, connection, call.Caller, resource, submitted, ct);
        }
        if (resource.Ephemeral is { } row)
            await DropAsync(call, resource, row, ct);
        else
            await TrashAsync(call, resource, submitted, ct);
        call.Answer(made: false);
    }

    async Task TrashAsync(DavCall call, DavResource resource, Submitted submitted, CancellationToken ct)
    {
        var node = resource.Node!;
        var conditional = call.Request.Headers.IfMatch.Count > 0;
        var delete = new Operation { Op = OperationKind.Delete, NodeId = node.Id, BaseRevision = conditional ? node.ChangedRevision : null };
        await ConflictMeaning.OneAsync(
            commit.RunAsync(call.Caller, resource.SpaceId, new Changeset(ChangesetId.New(), [delete], null, submitted.Tokens), Origin.WebDav, null, ct), conditional);
        if (node.Kind != NodeKind.File)
            return;
        await using var connection = await db.OpenConnectionAsync(CancellationToken.None);
        await next.DepartAsync(connection, call.Caller, resource.SpaceId, node, CancellationToken.None);
    }

    async Task DropAsync(DavCall call, DavResource resource, EphemeralRow row, CancellationToken ct)
    {
        await audit.RecordAsync(new AuditRecord(call.Caller.Actor, "ephemeral.delete", AuditOutcome.Done, resource.SpaceId, resource.Folder!.Id, resource.Subject), ct);
        await using var connection = await db.OpenConnectionAsync(ct);
        await Ephemerals.RemoveAsync(connection, resource.SpaceId, row.Id, ct);
    }
}
