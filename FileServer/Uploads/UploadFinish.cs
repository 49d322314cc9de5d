using FileServer.Files;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Storage;
using Microsoft.Extensions.Options;

namespace FileServer.Uploads;

/// <summary>
/// Ends an upload whose bytes have all come: a file becomes a version, a pack a claim, a part waits to be joined. Can be asked for again at any point: a
/// file is committed once, since its changeset carries the upload's id.
/// </summary>
sealed partial class UploadFinish(
    UploadTable table, UploadPlaces places, UploadSinks sinks, PackIntake intake, Commit commit, IOptions<UploadsOptions> options, ILogger<UploadFinish> logger)
{
    const int MaxAttempts = 5;

    /// <summary>Ends an upload that has a row. From here on the client may leave: all bytes are here, so the version shall exist.</summary>
    /// <returns>The path of the version, for a file that became one.</returns>
    public async Task<string?> RunAsync(Caller caller, UploadRow row, UploadTurn turn)
    {
        var ct = CancellationToken.None;
        switch (row.Kind)
        {
            case UploadKind.Part:
                await turn.Sink!.SyncAsync(ct);
                await table.CompleteAsync(row, content: null, ct);
                break;
            case UploadKind.Pack:
                await turn.Sink!.SyncAsync(ct);
                await turn.CloseAsync();
                var taken = await intake.VerifyAndStoreAsync(row.SpaceId!.Value, row.PackId, ct);
                await table.ClaimAsync(row, ChunkListCodec.EncodeEntries(taken.Chunks), ct);
                return null;
            default:
                await ReadmitAsync(caller, row, ct);
                var stored = await ((ContentSink)turn.Sink!).Writer.CompleteAsync(ct);
                row = await table.CompleteAsync(row with { Length = stored.Size }, UploadedContent.Encode(stored), ct);
                await turn.CloseAsync();
                return await CommitAsync(caller, row, ct);
        }
        await turn.CloseAsync();
        return null;
    }

    /// <summary>Ends an upload that came whole in one request and has no row yet.</summary>
    /// <param name="found">Where it goes, if that has just been looked up: the commit asks again who may do it.</param>
    public async Task<string?> RunWholeAsync(Caller caller, UploadRow row, UploadSink sink, long? quota, UploadPlace? found)
    {
        var ct = CancellationToken.None;
        switch (row.Kind)
        {
            case UploadKind.Part:
                await sink.SyncAsync(ct);
                await table.AddAsync(row with { State = UploadState.Complete }, caller.SessionId, quota, ct);
                return null;
            case UploadKind.Pack:
                await sink.SyncAsync(ct);
                var taken = await intake.VerifyAndStoreAsync(row.SpaceId!.Value, row.PackId, ct);
                await table.AddClaimAsync(row with { State = UploadState.Committed, ExpiresAt = table.Forgotten() }, caller.SessionId, ChunkListCodec.EncodeEntries(taken.Chunks), ct);
                return null;
            default:
                var stored = await ((ContentSink)sink).Writer.CompleteAsync(ct);
                return await CommitWholeAsync(caller, row, stored, quota, found, ct);
        }
    }

    /// <summary>Commits an upload whose bytes were complete before: an answer was lost, or the first attempt was refused.</summary>
    public Task<string?> CommitAsync(Caller caller, UploadRow row, CancellationToken ct) => CommitAsync(caller, row, stored: null, found: null, ct);

    async Task<string?> CommitAsync(Caller caller, UploadRow row, StoredContent? stored, UploadPlace? found, CancellationToken ct)
    {
        var wish = Wish(row);
        if (wish.Name is null)
            return null;
        for (var attempt = 1; ; attempt++)
        {
            var place = attempt == 1 && found is not null ? found : await ReadmitAsync(caller, row, ct);
            var operations = await OperationsAsync(row, wish, place, stored is null ? row.Id.ToString() : null, ct);
            try
            {
                var contents = stored is null ? null : new Dictionary<NodeId, StoredContent> { [operations[^1].NodeId] = stored };
                var changeset = new Changeset(new ChangesetId(row.Id), operations, wish.Device);
                var result = await commit.RunAsync(caller, row.SpaceId!.Value, changeset, Origin.Tus, contents, ct);
                if (stored is null)
                    await table.KeepAsync(row.Id, ct);
                Log.Committed(logger, row.Id, result.Revision);
                return LocationOf(row, result.Results[^1].NodeId, result.Results[^1].Version);
            }
            catch (Refusal refusal) when (refusal.Conflicts is { } conflicts)
            {
                // Somebody else took the name in between: look again.
                if (attempt < MaxAttempts && wish.OnConflict != OnConflict.Fail && conflicts.All(conflict => conflict.Code is ConflictCode.NameTaken))
                    continue;
                throw Meaning(refusal, conflicts);
            }
        }
    }

    public static string LocationOf(UploadRow row, NodeId node, int version) => $"/api/v1/spaces/{row.SpaceId}/nodes/{node}/content?version={version}";

    async Task<string?> CommitWholeAsync(Caller caller, UploadRow row, StoredContent stored, long? quota, UploadPlace? found, CancellationToken ct)
    {
        if (Wish(row).Name is null)
        {
            await table.AddAsync(row, caller.SessionId, quota, ct);
            await table.CompleteAsync(row, UploadedContent.Encode(stored), ct);
            return null;
        }
        var location = await CommitAsync(caller, row, stored, found, ct);
        await table.RememberAsync(row with { State = UploadState.Committed, ExpiresAt = table.Forgotten() }, caller.SessionId, ct);
        return location;
    }

    UploadWish Wish(UploadRow row) => UploadWish.Read(UploadMetadata.Parse(row.Metadata, options.Value.MaxMetadataChars));

    /// <summary>Rights may have been revoked while the bytes came: then they are not kept.</summary>
    async Task<UploadPlace> ReadmitAsync(Caller caller, UploadRow row, CancellationToken ct)
    {
        try
        {
            return await places.ReadmitAsync(caller, row.SpaceId!.Value, row.ParentId!.Value, Wish(row), ct);
        }
        catch (Refusal refusal) when (refusal.Kind == RefusalKind.Forbidden)
        {
            await table.EndAsync(row.Id, ct);
            sinks.Drop(row.PackId);
            throw;
        }
    }

    async Task<List<Operation>> OperationsAsync(UploadRow row, UploadWish wish, UploadPlace place, string? uploadId, CancellationToken ct)
    {
        var operations = new List<Operation>();
        var parent = place.Folder.Id;
        foreach (var missing in place.Missing)
        {
            var folder = NodeId.New();
            operations.Add(new Operation { Op = OperationKind.CreateFolder, NodeId = folder, ParentId = parent, Name = missing });
            parent = folder;
        }
        var overwritten = wish.OnConflict == OnConflict.Version && place.Taken is { Kind: NodeKind.File } file ? file : null;
        var renamed = wish.OnConflict == OnConflict.Rename && place.Taken is not null;
        operations.Add(new Operation
        {
            Op = OperationKind.PutFile,
            NodeId = overwritten?.Id ?? NodeId.New(),
            ParentId = overwritten is null ? parent : null,
            Name = overwritten is not null ? null : renamed ? await places.FreeNameAsync(row.SpaceId!.Value, parent, wish.Name!, ct) : wish.Name,
            BaseVersion = wish.BaseVersion ?? (overwritten is null ? null : ChangesetSteps.AnyVersion),
            UploadId = uploadId,
            ModifiedAt = wish.ModifiedAt,
            Executable = wish.Executable,
        });
        return operations;
    }

    static Refusal Meaning(Refusal refusal, IReadOnlyList<Conflict> conflicts)
    {
        var kind = conflicts[0].Code switch
        {
            ConflictCode.Forbidden => RefusalKind.Forbidden,
            ConflictCode.Quota => RefusalKind.QuotaExceeded,
            ConflictCode.NameTaken => RefusalKind.NameTaken,
            ConflictCode.VersionConflict => RefusalKind.VersionConflict,
            _ => refusal.Kind,
        };
        return new Refusal(kind, conflicts[0].Detail, refusal) { Conflicts = conflicts };
    }

    static partial class Log
    {
        [LoggerMessage(LogLevel.Debug, "Upload {UploadId} became revision {Revision}")]
        public static partial void Committed(ILogger logger, Guid uploadId, long revision);
    }
}
