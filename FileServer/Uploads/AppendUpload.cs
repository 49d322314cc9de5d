using FileServer.Http;
using FileServer.Identity;
using Microsoft.Extensions.Options;

namespace FileServer.Uploads;

/// <summary>Takes more bytes of an upload (tus: PATCH), and ends it with the last one.</summary>
sealed class AppendUpload(
    UploadTable table, UploadLookup lookup, UploadSinks sinks, UploadBody body, UploadFinish finish, LiveUploads live, IOptions<UploadsOptions> options)
{
    // The order of the checks is part of what clients rely on.
    public async Task RunAsync(HttpContext context, Caller caller, string id, CancellationToken ct)
    {
        var request = context.Request;
        var found = await lookup.OwnAsync(caller, id, ct);
        if (found.IsFinal)
            throw Refusal.Forbidden("This upload was joined from parts; nothing can be added to it.");
        if (!TusHeaders.HasOffsetContentType(request))
            throw new Refusal(RefusalKind.UnsupportedMedia, $"Send 'Content-Type: {TusHeaders.OffsetContentType}'.");
        var offset = TusHeaders.Bytes(request.Headers, TusHeaders.UploadOffset, long.MaxValue)
            ?? throw Refusal.Invalid($"'{TusHeaders.UploadOffset}' is missing.");
        var length = TusHeaders.Bytes(request.Headers, TusHeaders.UploadLength, options.Value.MaxUploadBytes);
        using var checksum = UploadChecksum.Promised(request);
        await using var turn = await live.TakeAsync(found.Id, ct);
        var row = await lookup.OwnAsync(caller, id, ct);
        if (offset != row.DurableOffset)
        {
            context.Response.Headers[TusHeaders.UploadOffset] = row.DurableOffset.ToString();
            throw new Refusal(RefusalKind.OffsetMismatch, $"The upload continues at offset {row.DurableOffset}, not at {offset}.");
        }
        var (room, quota) = await RoomAsync(row, ct);
        row = row with { Length = Agreed(row, length) };
        if (quota is { } most && (row.Length > room || offset + request.ContentLength > room))
            throw Refusal.QuotaExceeded(most);
        room = (row.Length ?? room) - offset;
        if (request.ContentLength > room)
            throw Refusal.TooLarge("The body is longer than the rest of the upload; nothing of it was kept.", room);
        var location = row.State == UploadState.Receiving
            ? await ReceiveAsync(context, caller, row, room, turn, checksum)
            : (row, await lookup.LocationAsync(caller, row, ct));
        if (location is not var (done, contentLocation))
            return;
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        UploadAnswer.Progress(context, done, contentLocation);
    }

    /// <summary>An upload whose length was known was held against the quota when it began; one whose length comes later is held against it each time.</summary>
    async Task<(long Room, long? Quota)> RoomAsync(UploadRow row, CancellationToken ct)
    {
        var limit = options.Value.MaxUploadBytes;
        return row is { Length: null, Kind: UploadKind.File, SpaceId: { } space } && await table.QuotaAsync(space, row.Id, ct) is var (room, quota) ? (Math.Min(room, limit), quota) : (limit, null);
    }

    /// <summary>A length, once known, stays. Said again it does no harm: clients repeat it when an answer was lost.</summary>
    static long? Agreed(UploadRow row, long? length)
    {
        if (length is null || length == row.Length)
            return row.Length;
        if (row.Length is not null)
            throw Refusal.Invalid($"The upload's length is {row.Length} and cannot be changed.");
        return length >= row.DurableOffset ? length : throw Refusal.Invalid($"The upload has {row.DurableOffset} bytes already; its length cannot be {length}.");
    }

    /// <returns>Null when there is nobody left to answer.</returns>
    async Task<(UploadRow Row, string? Location)?> ReceiveAsync(
        HttpContext context, Caller caller, UploadRow row, long room, UploadTurn turn, UploadChecksum? checksum)
    {
        // Somebody newer has been told the offset already: it must stay as it is.
        if (turn.Interrupted.IsCancellationRequested)
            throw Overtaken(context);
        var start = row;
        (row, var sink) = await OpenAsync(row, turn);
        BodyEnd end;
        try
        {
            // A crash came between the last byte and its record.
            if (sink.Length > row.DurableOffset)
                return (row with { Length = sink.Length, DurableOffset = sink.Length }, await finish.RunAsync(caller, row with { Length = sink.Length }, turn));
            end = await body.ReceiveAsync(
                context, sink, room, checksum, async offset => row = await table.MoveAsync(row, offset, CancellationToken.None), turn.Interrupted);
            if (end == BodyEnd.TooLong)
                throw await DiscardAsync(start, row, turn, Refusal.TooLarge("The body is longer than the rest of the upload; nothing of it was kept.", room));
            if (end == BodyEnd.Whole)
                checksum?.Verify(context.Request);
            if (end == BodyEnd.Whole && sink.Length == row.Length)
                return (row with { DurableOffset = sink.Length }, await finish.RunAsync(caller, row, turn));
            // What came of a body that is to have a checksum, but did not come whole, cannot be verified and does not count.
            if (end == BodyEnd.Whole || checksum is null)
                row = await table.MoveAsync(row, await sink.SyncAsync(CancellationToken.None), CancellationToken.None);
            else
                await turn.CloseAsync();
        }
        catch
        {
            // After an error only what is recorded counts; the next request opens the staged bytes there.
            await turn.CloseAsync();
            throw;
        }
        if (end == BodyEnd.Whole)
            return (row, null);
        if (end == BodyEnd.Cut)
        {
            context.Abort();
            return null;
        }
        throw Overtaken(context);
    }

    static Refusal Overtaken(HttpContext context)
    {
        context.Response.Headers.Connection = "close";
        return new Refusal(RefusalKind.Locked, "A newer request took this upload over. Ask for its offset.") { RetryAfterSeconds = 1 };
    }

    async Task<(UploadRow Row, UploadSink Sink)> OpenAsync(UploadRow row, UploadTurn turn)
    {
        if (turn.Sink is { } open && open.Length == row.DurableOffset)
            return (row, open);
        await turn.CloseAsync();
        try
        {
            turn.Sink = await sinks.OpenAsync(row, CancellationToken.None);
        }
        catch (Refusal lost) when (lost.Kind == RefusalKind.Gone)
        {
            row = await table.RestartAsync(row, CancellationToken.None);
            throw new Refusal(RefusalKind.OffsetMismatch, "The bytes of this upload were lost; it begins anew at offset 0.", lost);
        }
        return (row, turn.Sink);
    }

    async Task<Refusal> DiscardAsync(UploadRow start, UploadRow row, UploadTurn turn, Refusal refusal)
    {
        await turn.CloseAsync();
        if (row.DurableOffset != start.DurableOffset)
            await table.MoveAsync(row, start.DurableOffset, CancellationToken.None);
        return refusal;
    }
}
