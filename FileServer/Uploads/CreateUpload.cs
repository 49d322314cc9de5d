using System.Collections.Concurrent;
using FileServer.Access;
using FileServer.Files.Quotas;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Packs;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace FileServer.Uploads;

/// <summary>
/// Begins an upload, with its first bytes if they come along (tus: creation, creation-with-upload, creation-defer-length). One that comes whole is
/// ended in the same request and never has an unfinished row.
/// </summary>
sealed class CreateUpload(
    UploadTable table, UploadPlaces places, UploadSinks sinks, UploadBody body, UploadFinish finish, LiveUploads live, JoinParts joinParts, QuotaReservations quotas,
    TimeProvider clock, IOptions<UploadsOptions> options)
{
    readonly ConcurrentDictionary<UserId, int> arriving = new();

    UploadsOptions Limits => options.Value;

    public async Task RunAsync(HttpContext context, Caller caller, CancellationToken ct)
    {
        var request = context.Request;
        var concat = TusHeaders.Single(request.Headers, TusHeaders.UploadConcat);
        var metadata = UploadMetadata.Parse(TusHeaders.Single(request.Headers, TusHeaders.UploadMetadata), Limits.MaxMetadataChars);
        if (concat?.StartsWith("final", StringComparison.Ordinal) is true)
        {
            await joinParts.RunAsync(context, caller, concat, metadata, ct);
            return;
        }
        if (concat is not (null or "partial"))
            throw Refusal.Invalid($"'{TusHeaders.UploadConcat}' can be 'partial', or 'final;' and the addresses of parts.");
        var withBody = context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody is true;
        if (withBody && !TusHeaders.HasOffsetContentType(request))
            throw new Refusal(RefusalKind.UnsupportedMedia, $"Send 'Content-Type: {TusHeaders.OffsetContentType}' with the first bytes of an upload.");
        var kind = concat is not null ? UploadKind.Part : UploadWish.IsPack(metadata) ? UploadKind.Pack : UploadKind.File;
        var length = Length(request, kind);
        using var checksum = withBody ? UploadChecksum.Promised(request) : null;
        var (row, space, place) = await AdmitAsync(caller, kind, length, concat, metadata, ct);
        var quota = kind == UploadKind.File ? space?.QuotaBytes : null;
        if (withBody || length == 0)
        {
            // What goes on with later requests has a row, which reserves its length by itself.
            var whole = kind == UploadKind.File && length == request.ContentLength;
            await using var room = whole ? await quotas.ReserveAsync(space!, row.Id, length, ct) : null;
            await ReceiveAsync(context, caller, row, quota, place, checksum);
        }
        else
        {
            await table.AddAsync(row, caller.SessionId, quota, ct);
            Created(context, row, null);
        }
    }

    /// <summary>The answer to a creation.</summary>
    public static void Created(HttpContext context, UploadRow row, string? contentLocation)
    {
        context.Response.StatusCode = StatusCodes.Status201Created;
        // Relative: behind a proxy the server does not know the address that its client used.
        context.Response.Headers.Location = $"{context.Request.PathBase}{TusProtocol.Path}/{row.Id}";
        UploadAnswer.Progress(context, row, contentLocation);
    }

    long? Length(HttpRequest request, UploadKind kind)
    {
        var most = kind == UploadKind.Pack ? PackFormat.MaxClientPackSize : Limits.MaxUploadBytes;
        var length = TusHeaders.Bytes(request.Headers, TusHeaders.UploadLength, most);
        if (length is null != TusHeaders.IsDeferred(request.Headers))
            throw Refusal.Invalid($"Send either '{TusHeaders.UploadLength}' or '{TusHeaders.UploadDeferLength}: 1'.");
        if (kind == UploadKind.Pack && length is null or 0)
            throw Refusal.Invalid("A pack is sent with its length.");
        if (request.ContentLength > (length ?? most))
            throw Refusal.TooLarge("The body is longer than the upload.", length ?? most);
        return length;
    }

    async Task<(UploadRow Row, SpaceRow? Space, UploadPlace? Place)> AdmitAsync(
        Caller caller, UploadKind kind, long? length, string? concat, UploadMetadata metadata, CancellationToken ct)
    {
        SpaceRow? space = null;
        NodeId? folder = null;
        UploadPlace? place = null;
        if (kind == UploadKind.Pack)
        {
            space = await places.AdmitPackAsync(caller, metadata, ct);
            await quotas.ReservePackAsync(caller, space, length ?? 0, ct);
        }
        if (kind == UploadKind.File)
        {
            (space, var parent, place) = await places.AdmitAsync(caller, UploadWish.Read(metadata), ct);
            folder = parent;
            if (space.QuotaBytes is { } most && space.UsedBytes + (length ?? 0) > most)
                throw Refusal.QuotaExceeded(most);
        }
        var now = clock.GetUtcNow();
        var row = new UploadRow(
            Guid.CreateVersion7(), caller.UserId, kind, UploadState.Receiving, space?.Id, folder, length, 0, metadata.Raw, concat, PackId.New(), now, table.Expiry(now));
        return (row, space, place);
    }

    async Task ReceiveAsync(HttpContext context, Caller caller, UploadRow row, long? quota, UploadPlace? place, UploadChecksum? checksum)
    {
        Enter(caller.UserId);
        UploadSink? sink = null;
        try
        {
            sink = await sinks.StartAsync(row.Kind, row.SpaceId, row.PackId, CancellationToken.None);
            var end = await body.ReceiveAsync(context, sink, row.Length ?? Limits.MaxUploadBytes, checksum, recordAsync: null, CancellationToken.None);
            if (end == BodyEnd.Cut)
            {
                // Nobody was told where this upload is, so nobody can go on with it.
                context.Abort();
                return;
            }
            if (end == BodyEnd.TooLong)
                throw Refusal.TooLarge("The body is longer than the upload; nothing was kept.", row.Length ?? Limits.MaxUploadBytes);
            checksum?.Verify(context.Request);
            if (sink.Length == row.Length)
            {
                row = row with { DurableOffset = sink.Length };
                Created(context, row, await finish.RunWholeAsync(caller, row, sink, quota, place));
                return;
            }
            row = row with { DurableOffset = await sink.SyncAsync(CancellationToken.None) };
            await table.AddAsync(row, caller.SessionId, quota, CancellationToken.None);
            await live.KeepAsync(row.Id, sink);
            sink = null;
            Created(context, row, null);
        }
        finally
        {
            Leave(caller.UserId);
            if (sink is not null)
                await EndAsync(row, sink);
        }
    }

    /// <summary>Only a part is read from its staged bytes later on.</summary>
    async Task EndAsync(UploadRow row, UploadSink sink)
    {
        await sink.DisposeAsync();
        if (row.Kind != UploadKind.Part || !row.IsWhole)
            sinks.Drop(row.PackId);
    }

    void Enter(UserId user)
    {
        if (arriving.AddOrUpdate(user, 1, (_, count) => count + 1) <= Limits.MaxActivePerUser)
            return;
        Leave(user);
        throw Refusal.TooManyRequests($"You send {Limits.MaxActivePerUser} uploads at the same time, as many as are allowed.", 1);
    }

    void Leave(UserId user)
    {
        // Removes the entry only while it is zero, so that the dictionary holds nobody who sends nothing.
        arriving.AddOrUpdate(user, 0, (_, count) => count - 1);
        arriving.TryRemove(new KeyValuePair<UserId, int>(user, 0));
    }
}
