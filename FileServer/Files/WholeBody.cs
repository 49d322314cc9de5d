using FileServer.Http;
using FileServer.Protocol;
using FileServer.Storage;
using Microsoft.Extensions.Options;

namespace FileServer.Files;

/// <summary>Takes the body of a request in as a whole file.</summary>
sealed class WholeBody(ContentWriters writers, TimeProvider clock, IOptions<FilesOptions> options)
{
    /// <summary>Refuses what would be refused after all bytes came, before any is read.</summary>
    public void RequireFits(HttpRequest request)
    {
        if (request.Headers.ContentRange.Count > 0)
            throw Refusal.Invalid("A part of a file cannot be put (RFC 9110 §14.5): send the whole, or use an upload at /api/v1/uploads.");
        if (request.Headers.ContentEncoding.Count > 0)
            throw new Refusal(RefusalKind.UnsupportedMedia, "Send the file as it is, without Content-Encoding.");
        if (request.ContentLength > options.Value.MaxFileBytes)
            throw Refusal.TooLarge($"A file has at most {options.Value.MaxFileBytes} bytes.", options.Value.MaxFileBytes);
    }

    /// <summary>The content of the body, durable and named by nothing yet.</summary>
    /// <exception cref="Refusal">Too many bytes came, none came for too long, or they are not those that the digest is of.</exception>
    public async Task<StoredContent> StoreAsync(HttpContext context, SpaceId space, CancellationToken ct)
    {
        var expected = ContentDigests.Sha256(context.Request.Headers);
        await using var writer = writers.Start(space, PackId.New());
        try
        {
            await ReceiveAsync(context, writer, ct);
            var stored = await writer.CompleteAsync(ct);
            if (expected is { } digest && stored.Sha256 != digest)
                throw new Refusal(RefusalKind.DigestMismatch, "The bytes that arrived have another SHA-256 than the request says; nothing was kept. Send them again.");
            return stored;
        }
        finally
        {
            await writer.DropAsync();
        }
    }

    async Task ReceiveAsync(HttpContext context, ContentWriter writer, CancellationToken ct)
    {
        using var body = new PatientReader(context, TimeSpan.FromSeconds(options.Value.BodyIdleSeconds), clock);
        while (true)
        {
            var result = await body.ReadAsync(ct);
            if (result.IsCanceled)
                throw PatientReader.TooSlow();
            if (writer.Length + result.Buffer.Length > options.Value.MaxFileBytes)
                throw Refusal.TooLarge($"A file has at most {options.Value.MaxFileBytes} bytes.", options.Value.MaxFileBytes);
            foreach (var segment in result.Buffer)
                await writer.WriteAsync(segment, ct);
            body.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
                return;
        }
    }
}

/// <summary>The digests that a request says its body has (RFC 9530).</summary>
static class ContentDigests
{
    /// <summary>The SHA-256 of <c>Repr-Digest</c> or <c>Content-Digest</c>; null when neither names one. Other algorithms are ignored.</summary>
    /// <exception cref="Refusal">The value cannot be read.</exception>
    public static Digest? Sha256(IHeaderDictionary headers)
    {
        foreach (var member in headers["Repr-Digest"].Concat(headers["Content-Digest"]).SelectMany(line => (line ?? "").Split(',', StringSplitOptions.TrimEntries)))
        {
            if (!member.StartsWith("sha-256=", StringComparison.OrdinalIgnoreCase))
                continue;
            var value = member["sha-256=".Length..];
            var bytes = new byte[Digest.Size + 1];
            if (value is [':', .., ':'] && Convert.TryFromBase64String(value[1..^1], bytes, out var length) && length == Digest.Size)
                return new Digest(bytes.AsSpan(0, Digest.Size));
            throw Refusal.Invalid("The digest is not written as 'sha-256=:BASE64:' (RFC 9530).");
        }
        return null;
    }
}
