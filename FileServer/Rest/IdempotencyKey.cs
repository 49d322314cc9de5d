using System.Security.Cryptography;
using System.Text;
using FileServer.Http;
using FileServer.Protocol;

namespace FileServer.Rest;

/// <summary>
/// The key that a client gives a request, so that it can send it again without doing it twice
/// (draft-ietf-httpapi-idempotency-key-header-07). All that is stored about the request is derived from the key, which is not stored itself.
/// </summary>
sealed class IdempotencyKey
{
    public const string Header = "Idempotency-Key";

    const int MaxChars = 255;
    const int TagBytes = 16;
    const int NonceBytes = 12;

    readonly byte[] secret;

    IdempotencyKey(UserId user, string key)
    {
        User = user;
        secret = HKDF.DeriveKey(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(key), 32, user.Value.ToByteArray(), "fileshare idempotency"u8.ToArray());
    }

    public UserId User { get; }

    /// <summary>Names the key in the database.</summary>
    public byte[] Hash => Derive("name");

    /// <summary>The key of a request; null if it has none. A structured string, or the bare text of one.</summary>
    /// <exception cref="Refusal">The header is there and holds no key.</exception>
    public static IdempotencyKey? Of(HttpRequest request, UserId user)
    {
        var header = request.Headers[Header];
        if (header.Count == 0)
            return null;
        var text = header.Count == 1 ? header[0]!.Trim() : "";
        var key = text is ['"', .. var quoted, '"'] ? quoted : text;
        if (key.Length is 0 or > MaxChars || key.AsSpan().ContainsAnyExceptInRange(' ', '~') || key.AsSpan().ContainsAny('"', '\\'))
            throw Refusal.Invalid($"'{Header}' holds one quoted text of 1 to {MaxChars} printable characters, such as a UUID.");
        return new IdempotencyKey(user, key);
    }

    /// <summary>Tells requests under the same key apart.</summary>
    public byte[] Mac(string method, string target, ReadOnlySpan<byte> body)
    {
        using var mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Derive("request"));
        mac.AppendData(Encoding.UTF8.GetBytes($"{method} {target}\n"));
        mac.AppendData(body);
        return mac.GetHashAndReset();
    }

    public byte[] Seal(ReadOnlySpan<byte> answer)
    {
        var bytes = new byte[NonceBytes + TagBytes + answer.Length];
        var nonce = bytes.AsSpan(0, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var cipher = new AesGcm(Derive("answer"), TagBytes);
        cipher.Encrypt(nonce, answer, bytes.AsSpan(NonceBytes + TagBytes), bytes.AsSpan(NonceBytes, TagBytes));
        return bytes;
    }

    public byte[] Open(ReadOnlySpan<byte> stored)
    {
        var answer = new byte[stored.Length - NonceBytes - TagBytes];
        using var cipher = new AesGcm(Derive("answer"), TagBytes);
        cipher.Decrypt(stored[..NonceBytes], stored[(NonceBytes + TagBytes)..], stored.Slice(NonceBytes, TagBytes), answer);
        return answer;
    }

    byte[] Derive(string purpose) => HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(purpose));
}
