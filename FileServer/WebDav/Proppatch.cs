using System.Globalization;
using FileServer.Access;
using FileServer.Audit;
using FileServer.Database;
using FileServer.Files;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.WebDav;

/// <summary>PROPPATCH (RFC 4918 §9.2): all instructions in their order, or none. A few properties mean something to the server; the rest is kept as it comes.</summary>
sealed class Proppatch(
    NpgsqlDataSource db, DavResources resources, DavGuard guard, AccessCheck access, Commit commit, AuditLog log, TimeProvider clock, IOptions<WebDavOptions> options)
{
    public async Task RunAsync(DavCall call, CancellationToken ct)
    {
        var changes = await PropertyUpdate.ReadAsync(call.InSpace().Context, options.Value, ct);
        DavResource resource;
        Submitted submitted;
        await using (var connection = await db.OpenConnectionAsync(ct))
        {
            resource = await resources.FindAsync(connection, call.Caller, call.Path, ct);
            resource.RequireThere();
            submitted = await guard.RequireConditionsAsync(call.Context, connection, call.Caller, resource, ct);
            // Who may make an ephemeral file may change it.
            var (judge, needed) = resource.Node is { } node ? (node.Id, Rights.Write) : (resource.Folder!.Id, Rights.Create);
            await access.RequireAsync(connection, call.Caller, resource.SpaceId, judge, needed, ct);
            await guard.RequireOpenAsync(call.Context, connection, call.Caller, resource, submitted, ct);
        }
        var refused = changes.Where(change => StatusOf(change) is not null).Select(change => change.Name).ToHashSet();
        if (refused.Count == 0)
            await ChangeAsync(call.Caller, resource, submitted, changes, ct);
        await AnswerAsync(call, resource, changes, refused, ct);
    }

    /// <summary>What stands against an instruction; null when nothing does.</summary>
    string? StatusOf(PropertyChange change) =>
        LiveProperties.IsProtected(change.Name) ? "403 Forbidden"
        : PropertyUpdate.Bytes(change) > options.Value.MaxPropertyBytes ? "507 Insufficient Storage"
        : LiveProperties.Of(change.Name) == LiveProperty.Executable && change.Text is not ("T" or "F") ? "409 Conflict"
        : null;

    async Task ChangeAsync(Caller caller, DavResource resource, Submitted submitted, IReadOnlyList<PropertyChange> changes, CancellationToken ct)
    {
        var executable = changes.LastOrDefault(change => LiveProperties.Of(change.Name) == LiveProperty.Executable)?.Text;
        var modifiedAt = changes.Select(ModifiedAt).LastOrDefault(time => time is not null);
        if (resource.Node is { } node && (modifiedAt is not null || (executable is not null && node.Kind == NodeKind.File)))
        {
            var metadata = new Operation
            {
                Op = OperationKind.SetMetadata,
                NodeId = node.Id,
                ModifiedAt = modifiedAt,
                Executable = node.Kind == NodeKind.File ? executable switch { "T" => true, "F" => false, _ => null } : null,
            };
            await ConflictMeaning.OneAsync(
                commit.RunAsync(caller, resource.SpaceId, new Changeset(ChangesetId.New(), [metadata], null, submitted.Tokens), Origin.WebDav, null, ct), conditional: false);
        }
        var kept = changes.Where(change => LiveProperties.Of(change.Name) is null).ToArray();
        if (kept.Length == 0)
            return;
        var id = resource.Id!.Value;
        await db.InTransactionAsync(
            async tx =>
            {
                await KeptProperties.ChangeAsync(tx, resource.SpaceId, id, kept, options.Value.MaxKeptProperties, clock.GetUtcNow(), ct);
                await log.AppendAsync(
                    tx, new AuditRecord(caller.Actor, "node.properties", AuditOutcome.Done, resource.SpaceId, id, resource.Subject, $$"""{"properties":{{kept.Length}}}"""), ct);
            },
            ct);
    }

    /// <summary>The modification time that an instruction sets: Windows' date, or rclone's seconds.</summary>
    static DateTimeOffset? ModifiedAt(PropertyChange change)
    {
        if (change.Text is not { } text)
            return null;
        if (change.Name == PropertyName.LastModifiedSeconds)
            return DavHeaders.UnixTime(text);
        return change.Name == PropertyName.Win32LastModified
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) ? time : null;
    }

    async Task AnswerAsync(DavCall call, DavResource resource, IReadOnlyList<PropertyChange> changes, HashSet<PropertyName> refused, CancellationToken ct)
    {
        call.Response.StatusCode = StatusCodes.Status207MultiStatus;
        call.Response.ContentType = DavErrors.ContentType;
        using var xml = new DavWriter(call.Response.BodyWriter);
        xml.Raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>"u8);
        xml.Text(DavAddress.Of(call.Context, call.Path, resource.IsCollection));
        xml.Raw("</D:href>"u8);
        foreach (var group in changes.DistinctBy(change => change.Name).GroupBy(change => refused.Contains(change.Name)
            ? changes.Where(one => one.Name == change.Name).Select(StatusOf).First(status => status is not null)!
            : refused.Count == 0 ? "200 OK" : "424 Failed Dependency"))
        {
            xml.Raw("<D:propstat><D:prop>"u8);
            foreach (var change in group)
            {
                xml.Raw(AskedProperty.Of(change.Name).Open);
                xml.Raw("/>"u8);
            }
            xml.Raw($"</D:prop><D:status>HTTP/1.1 {group.Key}</D:status>");
            if (group.Key.StartsWith("403", StringComparison.Ordinal))
                xml.Raw("<D:error><D:cannot-modify-protected-property/></D:error>"u8);
            xml.Raw("</D:propstat>"u8);
        }
        xml.Raw("</D:response></D:multistatus>\n"u8);
        await xml.FlushAsync(ct);
    }
}
