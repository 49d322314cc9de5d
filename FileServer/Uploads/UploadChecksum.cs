using System.Buffers.Binary;
using System.IO.Hashing;
using System.Security.Cryptography;
using FileServer.Http;

namespace FileServer.Uploads;

/// <summary>The sum over one request's bytes that its client promised, computed while they arrive (tus: checksum, checksum-trailer).</summary>
sealed class UploadChecksum : IDisposable
{
    public const string Algorithms = "sha1,sha256,crc32";

    readonly IncrementalHash? sha1;
    readonly IncrementalHash? sha256;
    readonly Crc32? crc32;
    readonly string? promised;

    UploadChecksum(string? promised, params ReadOnlySpan<string> algorithms)
    {
        this.promised = promised;
        foreach (var algorithm in algorithms)
        {
            switch (algorithm)
            {
                case "sha1":
                    sha1 = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
                    break;
                case "sha256":
                    sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
                    break;
                default:
                    crc32 = new Crc32();
                    break;
            }
        }
    }

    /// <summary>What this request promises: in a header, or in a trailer whose algorithm is not known before the end; null if nothing.</summary>
    /// <exception cref="Refusal">The algorithm is unknown, or the sum is not readable.</exception>
    public static UploadChecksum? Promised(HttpRequest request)
    {
        if (TusHeaders.Single(request.Headers, TusHeaders.UploadChecksum) is { } header)
            return new UploadChecksum(header, Read(header).Algorithm);
        var announced = request.Headers.Trailer.Any(names => names?.Contains(TusHeaders.UploadChecksum, StringComparison.OrdinalIgnoreCase) is true);
        return announced ? new UploadChecksum(promised: null, "sha1", "sha256", "crc32") : null;
    }

    public void Append(ReadOnlySpan<byte> bytes)
    {
        sha1?.AppendData(bytes);
        sha256?.AppendData(bytes);
        crc32?.Append(bytes);
    }

    /// <summary>To be called once, after the last byte.</summary>
    /// <exception cref="Refusal">The bytes have another sum, or the announced trailer did not come.</exception>
    public void Verify(HttpRequest request)
    {
        var sum = promised ?? (request.CheckTrailersAvailable() ? request.GetTrailer(TusHeaders.UploadChecksum).ToString() : "");
        if (sum.Length == 0)
            throw Refusal.Invalid($"The request announced '{TusHeaders.UploadChecksum}' as a trailer and did not send it; its bytes were not kept.");
        var (algorithm, expected) = Read(sum);
        if (!CryptographicOperations.FixedTimeEquals(Computed(algorithm), expected))
            throw new Refusal(RefusalKind.ChecksumMismatch, "The bytes that arrived have another checksum; none of them were kept. Send them again from the same offset.");
    }

    byte[] Computed(string algorithm)
    {
        if (algorithm == "sha1")
            return sha1!.GetHashAndReset();
        if (algorithm == "sha256")
            return sha256!.GetHashAndReset();
        var sum = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(sum, crc32!.GetCurrentHashAsUInt32());
        return sum;
    }

    static (string Algorithm, byte[] Sum) Read(string text)
    {
        var parts = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var length = parts.Length > 0 ? parts[0] switch { "sha1" => 20, "sha256" => 32, "crc32" => 4, _ => 0 } : 0;
        if (length == 0)
            throw Refusal.Invalid($"'{TusHeaders.UploadChecksum}' names an algorithm that is not known here; known are {Algorithms}.");
        var sum = new byte[length];
        if (parts.Length != 2 || !Convert.TryFromBase64String(parts[1], sum, out var written) || written != length)
            throw Refusal.Invalid($"'{TusHeaders.UploadChecksum}' must be the algorithm, a space, and the sum of {length} bytes in Base64.");
        return (parts[0], sum);
    }

    public void Dispose()
    {
        sha1?.Dispose();
        sha256?.Dispose();
    }
}
