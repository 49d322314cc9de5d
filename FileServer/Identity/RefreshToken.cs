using System.Buffers.Text;
using System.Security.Cryptography;

namespace FileServer.Identity;

/// <summary>
/// A refresh token: which session, a 256-bit secret, and a tag that proves that this server made it. The database holds
/// only its SHA-256. The next secret is derived from this one with a key of the server's, so that the same token always has
/// the same successor, which therefore need not be kept anywhere; the tag tells an old token of the family, whose
/// use ends the session, from something made up, which must not.
/// </summary>
sealed record RefreshToken(Guid Session, byte[] Secret)
{
    const string Prefix = "fs_ref_";
    const int SecretBytes = 32;
    const int TagBytes = 16;
    const int SessionBytes = 16;

    public static RefreshToken First(Guid session) => new(session, RandomNumberGenerator.GetBytes(SecretBytes));

    public RefreshToken Successor(byte[] key) => new(Session, HMACSHA256.HashData(key, Bytes("refresh successor\0"u8)));

    public byte[] Hash() => SHA256.HashData(Bytes([]));

    public string Write(byte[] key) => Prefix + Base64Url.EncodeToString([.. Bytes([]), .. Tag(key)]);

    /// <summary>The token, or null when this server did not make it.</summary>
    public static RefreshToken? Read(string? text, byte[] key)
    {
        Span<byte> bytes = stackalloc byte[SessionBytes + SecretBytes + TagBytes];
        if (text is null
            || text.Length != Prefix.Length + Base64Url.GetEncodedLength(bytes.Length)
            || !text.StartsWith(Prefix, StringComparison.Ordinal)
            || !Base64Url.TryDecodeFromChars(text.AsSpan(Prefix.Length), bytes, out var written)
            || written != bytes.Length)
            return null;
        var token = new RefreshToken(new Guid(bytes[..SessionBytes], bigEndian: true), bytes.Slice(SessionBytes, SecretBytes).ToArray());
        return CryptographicOperations.FixedTimeEquals(token.Tag(key), bytes[^TagBytes..]) ? token : null;
    }

    byte[] Tag(byte[] key) => HMACSHA256.HashData(key, Bytes("refresh tag\0"u8))[..TagBytes];

    byte[] Bytes(ReadOnlySpan<byte> purpose) => [.. purpose, .. Session.ToByteArray(bigEndian: true), .. Secret];
}
