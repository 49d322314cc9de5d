using FileServer.Audit;
using FileServer.Http;
using FileServer.Identity;

namespace FileServer.Uploads;

/// <summary>Finds the upload that an address names. Another user's upload does not exist.</summary>
sealed class UploadLookup(UploadTable table, UploadFinish finish, AuditWriter audit, TimeProvider clock)
{
    /// <exception cref="Refusal">There is none of this user: not found. It was given up, or its time is over: gone.</exception>
    public async Task<UploadRow> OwnAsync(Caller caller, string id, CancellationToken ct)
    {
        var row = Guid.TryParseExact(id, "D", out var parsed) ? await table.FindAsync(parsed, ct) : null;
        if (row is null)
            throw Refusal.NotFound("upload");
        if (row.UserId != caller.UserId)
        {
            await audit.RecordAsync(new AuditRecord(caller.Actor, "upload.refuse", AuditOutcome.Refused, row.SpaceId, Subject: id), ct);
            throw Refusal.NotFound("upload");
        }
        if (row.State == UploadState.Ended || row.ExpiresAt <= clock.GetUtcNow())
            throw new Refusal(RefusalKind.Gone, "This upload was given up, or its time is over. Begin it anew.");
        return row;
    }

    /// <summary>The path of the version that an upload became. One whose commit was refused or lost is tried again.</summary>
    public async Task<string?> LocationAsync(Caller caller, UploadRow row, CancellationToken ct) => row switch
    {
        { Kind: UploadKind.File, State: UploadState.Complete } => await finish.CommitAsync(caller, row, ct),
        { Kind: UploadKind.File, State: UploadState.Committed } when await table.CommittedAsync(row, ct) is { } file =>
            UploadFinish.LocationOf(row, file.NodeId, file.Number),
        _ => null,
    };
}
