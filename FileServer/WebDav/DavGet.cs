using System.Text;
using FileServer.Access;
using FileServer.Audit;
using FileServer.Files;
using FileServer.Http;
using FileServer.Protocol.Contracts;
using Microsoft.Net.Http.Headers;
using Npgsql;

namespace FileServer.WebDav;

/// <summary>GET and HEAD: files by the same download as at the other doors; folders answer too, since Office asks whether they are there.</summary>
sealed class DavGet(NpgsqlDataSource db, DavResources resources, AccessCheck access, FileVersions versions, Download download, Ephemerals ephemerals, AuditWriter audit)
{
    public async Task RunAsync(DavCall call, CancellationToken ct)
    {
        if (call.Path.IsSpaceList)
        {
            await TellAsync(call, ct);
            return;
        }
        DavResource resource;
        DownloadRow? file = null;
        await using (var connection = await db.OpenConnectionAsync(ct))
        {
            resource = await resources.FindAsync(connection, call.Caller, call.Path, ct);
            resource.RequireThere();
            if (resource.Node is { Kind: NodeKind.File } node)
                file = Dated(await versions.ToSendAsync(connection, call.Caller, resource.SpaceId, node.Id, null, ct), resource);
            else if (resource.Ephemeral is { } row)
            {
                await access.RequireAsync(connection, call.Caller, resource.SpaceId, resource.Folder!.Id, Rights.Read, ct);
                if (row.NodeId is { } shown)
                    file = Dated(await versions.ToSendAsync(connection, call.Caller, resource.SpaceId, shown, row.Version, ct), resource);
            }
        }
        if (file is not null)
            await download.SendAsync(call.Context, call.Caller, resource.SpaceId, file, resource.Subject, pinned: false, ct);
        else if (resource.Ephemeral is { } row)
            await SendAsync(call, resource, row, ct);
        else if (resource.Node!.Target is { } target)
            await SendTextAsync(call, DavResource.SymlinkType, target, ct);
        else
            await TellAsync(call, ct);
    }

    /// <summary>Last-Modified is what PROPFIND says of the file. Since authors set it as they please, it proves nothing where bytes must be the same.</summary>
    static DownloadRow Dated(DownloadRow file, DavResource resource) => file with { CreatedAt = resource.ModifiedAt, SharesSecond = true, ETag = resource.ETag! };

    async Task SendAsync(DavCall call, DavResource resource, EphemeralRow row, CancellationToken ct)
    {
        var validators = new Validators(resource.ETag!, DateTimeOffset.FromUnixTimeSeconds(row.ModifiedAt.ToUnixTimeSeconds()), DateIsStrong: false);
        switch (Preconditions.Evaluate(call.Request, validators))
        {
            case Precondition.Failed:
                throw Refusal.PreconditionFailed($"The file's ETag is {validators.ETag} now.");
            case Precondition.NotModified:
                call.Response.StatusCode = StatusCodes.Status304NotModified;
                call.Response.Headers.ETag = validators.ETag;
                return;
            case Precondition.Send:
                break;
        }
        var bytes = await ephemerals.BytesAsync(resource.SpaceId, row.Id, ct) ?? throw DavRefusals.NotThere();
        var headers = call.Response.Headers;
        headers.ETag = validators.ETag;
        headers.LastModified = HeaderUtilities.FormatDate(validators.LastModified);
        headers.CacheControl = "private, no-cache";
        headers.ContentDisposition = ContentDisposition.For(row.Name, inline: false);
        var part = new ReadOnlyMemory<byte>(bytes);
        if (ByteRanges.Of(call.Request, bytes.Length, validators) is { Outcome: RangeOutcome.Partial, Parts: [var only] })
        {
            call.Response.StatusCode = StatusCodes.Status206PartialContent;
            headers.ContentRange = $"bytes {only.Start}-{only.End - 1}/{bytes.Length}";
            part = part.Slice((int)only.Start, (int)only.Length);
        }
        headers.AcceptRanges = "bytes";
        call.Response.ContentType = ContentTypes.Unknown;
        call.Response.ContentLength = part.Length;
        if (HttpMethods.IsHead(call.Request.Method))
            return;
        await audit.RecordAsync(new AuditRecord(call.Caller.Actor, "ephemeral.read", AuditOutcome.Done, resource.SpaceId, resource.Folder!.Id, resource.Subject), ct);
        await call.Response.BodyWriter.WriteAsync(part, ct);
    }

    static Task TellAsync(DavCall call, CancellationToken ct) =>
        SendTextAsync(call, "text/plain; charset=utf-8", "A folder. Open this address as a network drive (WebDAV), or ask for it with PROPFIND.\n", ct);

    static async Task SendTextAsync(DavCall call, string type, string text, CancellationToken ct)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        call.Response.ContentType = type;
        call.Response.ContentLength = bytes.Length;
        call.Response.Headers.ContentDisposition = "attachment";
        if (!HttpMethods.IsHead(call.Request.Method))
            await call.Response.BodyWriter.WriteAsync(bytes, ct);
    }
}
