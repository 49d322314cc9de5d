using System.Security.Cryptography;
using FileServer.Http;

namespace FileServer.Rest;

/// <summary>
/// The digests that a request says its body has (RFC 9530): <c>Content-Digest</c>, and <c>Repr-Digest</c>, which is the same since no
/// request body here is coded. Algorithms that are not known are passed over.
/// </summary>
sealed record BodyDigests(byte[]? Sha256, byte[]? Sha512)
{
    static readonly string[] Headers = ["Content-Digest", "Repr-Digest"];

    /// <summary>Null when there are none.</summary>
    /// <exception cref="Refusal">A digest cannot be read, or two of them cannot both be right.</exception>
    public static BodyDigests? Of(IHeaderDictionary headers)
    {
        byte[]? sha256 = null, sha512 = null;
        foreach (var member in Headers.SelectMany(name => headers[name]).SelectMany(line => (line ?? "").Split(',', StringSplitOptions.TrimEntries)))
        {
            if (Read(member, "sha-256=", SHA256.HashSizeInBytes) is { } half)
                sha256 = Agreed(sha256, half);
            else if (Read(member, "sha-512=", SHA512.HashSizeInBytes) is { } whole)
                sha512 = Agreed(sha512, whole);
        }
        return sha256 is null && sha512 is null ? null : new BodyDigests(sha256, sha512);
    }

    public static Refusal Mismatch() => new(RefusalKind.DigestMismatch, "The bytes that arrived have another digest than the request says; nothing was kept. Send them again.");

    static byte[] Agreed(byte[]? known, byte[] digest) => known is null || known.AsSpan().SequenceEqual(digest) ? digest : throw Mismatch();

    static byte[]? Read(string member, string algorithm, int size)
    {
        if (!member.StartsWith(algorithm, StringComparison.OrdinalIgnoreCase))
            return null;
        var value = member.AsSpan(algorithm.Length);
        var bytes = new byte[size + 2];
        if (value is [':', .., ':'] && Convert.TryFromBase64Chars(value[1..^1], bytes, out var length) && length == size)
            return bytes[..size];
        throw Refusal.Invalid($"The digest is not written as '{algorithm}:BASE64:' (RFC 9530).");
    }
}

/// <summary>A request body that is held against its digests while it is read; its reader never sees the end of one that does not match.</summary>
sealed class DigestedBody(Stream body, BodyDigests digests) : Stream
{
    readonly IncrementalHash? sha256 = digests.Sha256 is null ? null : IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    readonly IncrementalHash? sha512 = digests.Sha512 is null ? null : IncrementalHash.CreateHash(HashAlgorithmName.SHA512);
    bool verified;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await body.ReadAsync(buffer, cancellationToken);
        sha256?.AppendData(buffer.Span[..count]);
        sha512?.AppendData(buffer.Span[..count]);
        if (count == 0 && buffer.Length > 0 && !verified)
            Verify();
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    void Verify()
    {
        verified = true;
        if (Differs(sha256, digests.Sha256) || Differs(sha512, digests.Sha512))
            throw BodyDigests.Mismatch();
    }

    static bool Differs(IncrementalHash? computed, byte[]? said) => computed is not null && !computed.GetHashAndReset().AsSpan().SequenceEqual(said);

    protected override void Dispose(bool disposing)
    {
        sha256?.Dispose();
        sha512?.Dispose();
        base.Dispose(disposing);
    }
}
