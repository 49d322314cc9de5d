using FileServer.Files.Quotas;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using Microsoft.Extensions.Options;

namespace FileServer.Uploads;

/// <summary>Joins finished parts to one file (tus: concatenation). Parts stay until they expire, so that they can be used again.</summary>
sealed class JoinParts(
    UploadTable table, UploadPlaces places, UploadSinks sinks, UploadFinish finish, QuotaReservations quotas, TimeProvider clock, IConfiguration configuration, IOptions<UploadsOptions> options)
{
    const string Final = "final;";

    public async Task RunAsync(HttpContext context, Caller caller, string concat, UploadMetadata metadata, CancellationToken ct)
    {
        if (context.Request.Headers.ContainsKey(TusHeaders.UploadLength) || context.Request.Headers.ContainsKey(TusHeaders.UploadDeferLength))
            throw Refusal.Invalid("An upload that joins parts has the sum of their lengths; do not send one.");
        var parts = await PartsAsync(context, caller, concat, ct);
        var length = parts.Sum(part => part.DurableOffset);
        if (length > options.Value.MaxUploadBytes)
            throw TusHeaders.TooLarge(options.Value.MaxUploadBytes);
        var (space, folder, _) = await places.AdmitAsync(caller, UploadWish.Read(metadata), ct);
        var now = clock.GetUtcNow();
        var row = new UploadRow(
            Guid.CreateVersion7(), caller.UserId, UploadKind.File, UploadState.Receiving, space.Id, folder, length, length, metadata.Raw, concat, PackId.New(), now,
            table.Expiry(now));
        await using var room = await quotas.ReserveAsync(space, row.Id, length, ct);
        try
        {
            await using var sink = (ContentSink)await sinks.StartAsync(UploadKind.File, space.Id, row.PackId, ct);
            foreach (var part in parts)
                await sinks.CopyAsync(part, sink.Writer, ct);
            CreateUpload.Created(context, row, await finish.RunWholeAsync(caller, row, sink, space.QuotaBytes, found: null));
        }
        finally
        {
            sinks.Drop(row.PackId);
        }
    }

    async Task<IReadOnlyList<UploadRow>> PartsAsync(HttpContext context, Caller caller, string concat, CancellationToken ct)
    {
        if (!concat.StartsWith(Final, StringComparison.Ordinal))
            throw Refusal.Invalid($"'{TusHeaders.UploadConcat}' must be '{Final}' and the addresses of parts, separated by spaces.");
        var addresses = concat[Final.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (addresses.Length == 0 || addresses.Length > options.Value.MaxParts)
            throw Refusal.Invalid($"An upload joins 1 to {options.Value.MaxParts} parts.");
        var ids = Array.ConvertAll(addresses, address => IdIn(context, address));
        var parts = await table.FindManyAsync(ids, ct);
        // What belongs to others, is over or no part at all: one answer for all, so that it tells nothing.
        if (parts.Count != ids.Length || parts.Any(part => part.UserId != caller.UserId || part.Kind != UploadKind.Part || part.ExpiresAt <= clock.GetUtcNow() || part.State == UploadState.Ended))
            throw Refusal.Invalid("One of the addresses names no part of yours.");
        if (parts.Any(part => part.State != UploadState.Complete))
            throw Refusal.Invalid("All parts must be finished before they are joined.");
        return parts;
    }

    /// <summary>Only addresses of this server are understood, and none is ever fetched.</summary>
    Guid IdIn(HttpContext context, string address)
    {
        var path = address;
        if (!address.StartsWith('/'))
        {
            if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || !IsOurs(context, uri) || uri.Query.Length > 0)
                throw Refusal.Invalid("A part is named by an address of this server.");
            path = uri.AbsolutePath;
        }
        var prefix = $"{context.Request.PathBase}{TusProtocol.Path}/";
        if (!path.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) || !Guid.TryParseExact(path.AsSpan(prefix.Length), "D", out var id))
            throw Refusal.Invalid("A part is named by the address that its creation gave.");
        return id;
    }

    bool IsOurs(HttpContext context, Uri uri) =>
        uri.Scheme is "http" or "https"
        && (uri.Authority.Equals(context.Request.Host.Value, StringComparison.OrdinalIgnoreCase)
            || (Uri.TryCreate(configuration["Public_Url"], UriKind.Absolute, out var known) && uri.Authority.Equals(known.Authority, StringComparison.OrdinalIgnoreCase)));
}
