using FileServer.Access;
using FileServer.Audit;
using FileServer.Files;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Storage;
using Npgsql;

namespace FileServer.WebDav;

/// <summary>COPY and MOVE of an ephemeral file: among its like it stays one; under any other name its bytes become that name's newest version.</summary>
sealed class MoveEphemeral(NpgsqlDataSource db, AccessCheck access, Ephemerals ephemerals, DavWrite write, FileVersions versions, ContentWriters writers, AuditWriter audit)
{
    public async Task RunAsync(Transfer transfer, EphemeralRow row, CancellationToken ct)
    {
        var (call, source, target) = (transfer.Call, transfer.Source, transfer.Target);
        await access.RequireAsync(db, call.Caller, transfer.Space, source.Folder!.Id, transfer.IsMove ? Rights.Read | Rights.Create : Rights.Read, ct);
        var action = transfer.IsMove ? "ephemeral.move" : "ephemeral.copy";
        await audit.RecordAsync(
            new AuditRecord(call.Caller.Actor, action, AuditOutcome.Done, transfer.Space, source.Folder.Id, source.Subject, $$"""{"to":"{{System.Text.Json.JsonEncodedText.Encode(target.Subject)}}"}"""), ct);
        if (target.Node is null && ephemerals.Names.Match(target.Name) && await StaysAsync(transfer, row, ct))
            return;
        if (target.Node is { Kind: not NodeKind.File })
            throw Refusal.NameTaken($"'{target.Name}' is no file.");
        if (row.NodeId is { } node)
        {
            var chunks = await versions.ChunksAsync(call.Caller, transfer.Space, node, row.Version!.Value, ct);
            await write.CommitAsync(call.Caller, target, ChangesetId.New(), transfer.Submitted, false, put => put with { Chunks = chunks.Chunks, ModifiedAt = row.ModifiedAt }, null, [], ct);
        }
        else
        {
            var stored = await StoreAsync(transfer.Space, await BytesAsync(transfer, row, ct), ct);
            await write.CommitAsync(call.Caller, target, ChangesetId.New(), transfer.Submitted, false, put => put with { ModifiedAt = row.ModifiedAt }, stored, [], ct);
        }
        if (!transfer.IsMove)
            return;
        await using var connection = await db.OpenConnectionAsync(CancellationToken.None);
        await Ephemerals.RemoveAsync(connection, transfer.Space, row.Id, CancellationToken.None);
    }

    async Task<bool> StaysAsync(Transfer transfer, EphemeralRow row, CancellationToken ct)
    {
        var folder = transfer.Target.Folder!.Id;
        if (transfer.IsMove)
            await ephemerals.MoveAsync(transfer.Space, row.Id, folder, transfer.Target.Name, ct);
        else if (row.NodeId is not null
            || await ephemerals.PutAsync(transfer.Call.Caller, transfer.Space, folder, transfer.Target.Name, await BytesAsync(transfer, row, ct), row.ModifiedAt, ct) is null)
            return false;
        return true;
    }

    async Task<byte[]> BytesAsync(Transfer transfer, EphemeralRow row, CancellationToken ct) =>
        await ephemerals.BytesAsync(transfer.Space, row.Id, ct) ?? throw DavRefusals.NotThere();

    async Task<StoredContent> StoreAsync(SpaceId space, byte[] bytes, CancellationToken ct)
    {
        await using var writer = writers.Start(space, PackId.New());
        try
        {
            await writer.WriteAsync(bytes, ct);
            return await writer.CompleteAsync(ct);
        }
        finally
        {
            await writer.DropAsync();
        }
    }
}
