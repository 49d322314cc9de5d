using System.Buffers;
using FileServer.Access;
using FileServer.Audit;
using FileServer.Files;
using FileServer.Files.Quotas;
using FileServer.Http;
using FileServer.Protocol;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.WebDav;

/// <summary>PUT: the body becomes the file's newest version, by the same code as at the other doors; what programs write for themselves is kept apart.</summary>
sealed class DavPut(
    NpgsqlDataSource db, DavResources resources, DavGuard guard, DavWrite write, WholeBody body, Ephemerals ephemerals, QuotaReservations quotas, AuditWriter audit, TimeProvider clock,
    IOptions<WebDavOptions> options, IOptions<FilesOptions> files)
{
    public async Task RunAsync(DavCall call, CancellationToken ct)
    {
        if (call.Path.Names.Count <= 1)
            throw new Refusal(RefusalKind.MethodNotAllowed, "There is a folder at this address.");
        DavResource resource;
        Submitted submitted;
        bool small;
        await using (var connection = await db.OpenConnectionAsync(ct))
        {
            resource = await resources.FindAsync(connection, call.Caller, call.Path, ct);
            submitted = await PrepareAsync(call, connection, resource, ct);
            small = resource.Node is null && IsSmall(call.Request) && ephemerals.Names.Match(resource.Name)
                && (await resources.OnFolderAsync(connection, call.Caller, resource, ct)).HasFlag(Rights.List);
        }
        var modifiedAt = DavHeaders.ModifiedAt(call.Request);
        if (!(small && await KeepAsync(call, resource, modifiedAt, ct)))
            await StoreAsync(call, resource, submitted, modifiedAt, ct);
        if (modifiedAt is not null)
            call.Response.Headers["X-OC-Mtime"] = "accepted";
    }

    /// <summary>All that can be refused is refused before the first byte of the body.</summary>
    async Task<Submitted> PrepareAsync(DavCall call, NpgsqlConnection connection, DavResource resource, CancellationToken ct)
    {
        await write.RequireWritableAsync(connection, call.Caller, resource, ct);
        if (call.Path.Slash)
            throw Refusal.Invalid("A file's address does not end with '/'. A folder is made by MKCOL.");
        body.RequireFits(call.Request);
        var submitted = await guard.RequireConditionsAsync(call.Context, connection, call.Caller, resource, ct);
        await guard.RequireOpenAsync(call.Context, connection, call.Caller, resource, submitted, ct);
        if (!resource.Exists)
            await guard.RequireMembersOpenAsync(call.Context, connection, call.Caller, resource, submitted, ct);
        return submitted;
    }

    async Task StoreAsync(DavCall call, DavResource resource, Submitted submitted, DateTimeOffset? modifiedAt, CancellationToken ct)
    {
        // One id for all attempts: the room is reserved under it.
        var id = ChangesetId.New();
        await using var room = await quotas.ReserveAsync(resource.Space, id.Value, Expected(call.Request), ct);
        var stored = await body.StoreAsync(call.Context, resource.SpaceId, ct);
        var conditional = call.Request.Headers.IfMatch.Count + call.Request.Headers.IfNoneMatch.Count > 0;
        var (file, made) = await write.CommitAsync(call.Caller, resource, id, submitted, conditional, put => put with { ModifiedAt = modifiedAt }, stored, [], ct);
        // A file that has outgrown its being ephemeral.
        if (resource.Ephemeral is { } row)
        {
            await using var connection = await db.OpenConnectionAsync(CancellationToken.None);
            await Ephemerals.RemoveAsync(connection, resource.SpaceId, row.Id, CancellationToken.None);
        }
        call.Response.Headers.ETag = DavEntry.TagOf(file.ContentId!.Value.ToArray());
        call.Answer(made && resource.Ephemeral is null);
    }

    /// <summary>macOS sends no length, but says what it expects.</summary>
    static long? Expected(HttpRequest request) =>
        request.ContentLength ?? (long.TryParse(request.Headers["X-Expected-Entity-Length"], out var expected) && expected >= 0 ? expected : null);

    bool IsSmall(HttpRequest request) => (request.ContentLength ?? 0) <= options.Value.MaxEphemeralBytes && options.Value.MaxEphemerals > 0;

    /// <returns>False when it must become a file like any other; then nothing of the body was taken.</returns>
    async Task<bool> KeepAsync(DavCall call, DavResource resource, DateTimeOffset? modifiedAt, CancellationToken ct)
    {
        if (await PeekAsync(call.Context, ct) is not { } content
            || await ephemerals.PutAsync(call.Caller, resource.SpaceId, resource.Folder!.Id, resource.Name, content, modifiedAt, ct) is not { } row)
            return false;
        var record = new AuditRecord(
            call.Caller.Actor, "ephemeral.put", AuditOutcome.Done, resource.SpaceId, resource.Folder.Id, resource.Subject, $$"""{"size":{{content.Length}}}""");
        await audit.RecordAsync(record, ct);
        call.Response.Headers.ETag = DavEntry.TagOf(row.Etag);
        call.Answer(resource.Ephemeral is null);
        return true;
    }

    /// <summary>The whole body, left where it is; null when it is longer than an ephemeral file may be.</summary>
    async Task<byte[]?> PeekAsync(HttpContext context, CancellationToken ct)
    {
        using var body = new PatientReader(context, TimeSpan.FromSeconds(files.Value.BodyIdleSeconds), clock);
        while (true)
        {
            var read = await body.ReadAsync(ct);
            if (read.IsCanceled)
                throw PatientReader.TooSlow();
            var (start, end) = (read.Buffer.Start, read.Buffer.End);
            if (read.Buffer.Length > options.Value.MaxEphemeralBytes)
            {
                body.AdvanceTo(start);
                return null;
            }
            if (read.IsCompleted)
            {
                var content = read.Buffer.ToArray();
                // Whoever stores it after all reads it from the start.
                body.AdvanceTo(start);
                return content;
            }
            body.AdvanceTo(start, end);
        }
    }
}
