using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text;
using FileServer.Audit;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Storage;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Npgsql;

namespace FileServer.Files;

/// <summary>One version of a file, ready to be sent to somebody who may read it.</summary>
/// <param name="CreatedAt">When the server took the version in: the date that conditions go by. Its author's own time may run backwards.</param>
/// <param name="SharesSecond">The version before it came within the same second.</param>
sealed record DownloadRow(
    NodeId Id,
    string Name,
    int Version,
    long Size,
    Digest ContentId,
    Digest? Sha256,
    DateTimeOffset CreatedAt,
    bool SharesSecond,
    byte[] ChunkList)
{
    /// <summary>The strong tag of these bytes, with its quotes. A door may write the content id in another way.</summary>
    public string ETag { get; init; } = $"\"{ContentId}\"";
}

/// <summary>
/// Answers GET and HEAD of a file's bytes (RFC 9110). What is sent is decided before the first byte: conditions, ranges,
/// where the bytes stand, and that the read is on record.
/// </summary>
sealed class Download(NpgsqlDataSource db, ContentReader reader, AuditWriter audit, TimeProvider clock, IOptions<DownloadOptions> options)
{
    // What a file holds is somebody's, never ours: no script of it runs, and no other origin embeds it.
    const string UserContentPolicy =
        "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

    /// <param name="subject">The file's path, or its name where it was asked for by id; for the audit log.</param>
    /// <param name="pinned">The address names this version for ever, so that the answer never changes.</param>
    public async Task SendAsync(HttpContext context, Caller caller, SpaceId space, DownloadRow file, string subject, bool pinned, CancellationToken ct)
    {
        var lastModified = DateTimeOffset.FromUnixTimeSeconds(file.CreatedAt.ToUnixTimeSeconds());
        var current = new Validators(file.ETag, lastModified, !file.SharesSecond);
        var response = context.Response;
        switch (Preconditions.Evaluate(context.Request, current))
        {
            case Precondition.Failed:
                throw Refusal.PreconditionFailed($"The file is at version {file.Version} with ETag {current.ETag} now. Fetch it anew, then decide.");
            case Precondition.NotModified:
                response.StatusCode = StatusCodes.Status304NotModified;
                WriteValidators(response, current, pinned);
                return;
            case Precondition.Send:
                break;
        }

        var ranges = ByteRanges.Of(context.Request, file.Size, current);
        if (ranges.Outcome == RangeOutcome.NotSatisfiable)
        {
            response.Headers.ContentRange = $"bytes */{file.Size}"; // RFC 9110 §15.5.17
            throw new Refusal(RefusalKind.RangeNotSatisfiable, $"The file has {file.Size} bytes; the range begins behind them.") { Limit = file.Size };
        }

        var head = HttpMethods.IsHead(context.Request.Method);
        var map = head ? null : await reader.MapAsync(db, space, file.ChunkList, ct);
        if (map is not null)
            await audit.RecordAsync(ReadOf(caller, space, file, subject, ranges), ct);

        WriteValidators(response, current, pinned);
        var type = WriteContentHeaders(context, file);
        var parts = Frame(response, ranges, file.Size, type);
        if (map is null)
            return;
        using var body = new StallGuard(context, clock, TimeSpan.FromSeconds(options.Value.StallSeconds));
        await SendAsync(body, map, parts, ct);
    }

    static void WriteValidators(HttpResponse response, Validators current, bool pinned)
    {
        var headers = response.Headers;
        headers.ETag = current.ETag;
        headers.LastModified = HeaderUtilities.FormatDate(current.LastModified);
        headers.CacheControl = pinned ? "private, max-age=31536000, immutable" : "private, no-cache";
        headers.AcceptRanges = "bytes";
    }

    static string WriteContentHeaders(HttpContext context, DownloadRow file)
    {
        var type = ContentTypes.Of(file.Name);
        var shown = ContentTypes.MayBeShown(type) && context.Request.Query.ContainsKey("inline");
        var headers = context.Response.Headers;
        headers.ContentDisposition = ContentDisposition.For(file.Name, shown);
        headers.ContentSecurityPolicy = UserContentPolicy;
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Referrer-Policy"] = "no-referrer";
        headers.XContentTypeOptions = "nosniff";
        // RFC 9530 §3: of the whole representation, on a part too.
        if (file.Sha256 is { } sha256)
            headers["Repr-Digest"] = $"sha-256=:{Convert.ToBase64String(sha256.ToArray())}:";
        return type.StartsWith("text/", StringComparison.Ordinal) ? $"{type}; charset=utf-8" : type;
    }

    /// <summary>Status, type and length; and the pieces of which the body is made.</summary>
    static List<Piece> Frame(HttpResponse response, ByteRanges ranges, long size, string type)
    {
        List<Piece> pieces;
        if (ranges.Outcome == RangeOutcome.Whole)
            pieces = [new Piece([], new ByteRange(0, size))];
        else if (ranges.Parts is [var only])
        {
            response.StatusCode = StatusCodes.Status206PartialContent;
            response.Headers.ContentRange = ContentRange(only, size);
            pieces = [new Piece([], only)];
        }
        else
        {
            // RFC 9110 §14.6: Content-Range stands in the parts, not in the header.
            var boundary = RandomNumberGenerator.GetHexString(32, lowercase: true);
            response.StatusCode = StatusCodes.Status206PartialContent;
            pieces = [.. ranges.Parts.Select(part => new Piece(
                Encoding.ASCII.GetBytes($"\r\n--{boundary}\r\nContent-Type: {type}\r\nContent-Range: {ContentRange(part, size)}\r\n\r\n"), part))];
            pieces.Add(new Piece(Encoding.ASCII.GetBytes($"\r\n--{boundary}--\r\n"), new ByteRange(0, 0)));
            type = $"multipart/byteranges; boundary={boundary}";
        }
        response.ContentType = type;
        response.ContentLength = pieces.Sum(piece => piece.Heading.Length + piece.Bytes.Length);
        return pieces;
    }

    async Task SendAsync(PipeWriter body, ContentMap map, List<Piece> pieces, CancellationToken ct)
    {
        foreach (var piece in pieces)
        {
            if (piece.Heading.Length > 0)
                await body.WriteAsync(piece.Heading, ct);
            if (piece.Bytes.Length > 0)
                await reader.CopyToAsync(map, piece.Bytes.Start, piece.Bytes.Length, body, ct);
        }
    }

    static string ContentRange(ByteRange part, long size) => $"bytes {part.Start}-{part.End - 1}/{size}";

    static AuditRecord ReadOf(Caller caller, SpaceId space, DownloadRow file, string subject, ByteRanges ranges)
    {
        var detail = ranges.Outcome == RangeOutcome.Whole
            ? $$"""{"version":{{file.Version}},"bytes":{{file.Size}}}"""
            : $$"""{"version":{{file.Version}},"bytes":{{ranges.Parts.Sum(part => part.Length)}},"ranges":"{{string.Join(',', ranges.Parts.Select(part => $"{part.Start}-{part.End - 1}"))}}"}""";
        return new AuditRecord(caller.Actor, "file.read", AuditOutcome.Done, space, file.Id, subject, detail);
    }

    /// <summary>A part of a body: its heading, then bytes of the file.</summary>
    sealed record Piece(byte[] Heading, ByteRange Bytes);
}
