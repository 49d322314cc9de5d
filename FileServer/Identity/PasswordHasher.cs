using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using FileServer.Http;
using FileServer.Protocol;
using Microsoft.Extensions.Options;

namespace FileServer.Identity;

/// <summary>
/// Password hashes: PBKDF2-HMAC-SHA512 in PHC string format (<c>$pbkdf2-sha512$i=210000$salt$hash</c>). Only so many
/// are computed at a time, and only so many wait, so that sign-in cannot take the processors away from those who work.
/// </summary>
sealed class PasswordHasher : IDisposable
{
    const string Scheme = "pbkdf2-sha512";
    const int SaltBytes = 16;
    const int HashBytes = 32;

    readonly int iterations;
    readonly SemaphoreSlim slots;
    readonly int maxPlaces;
    readonly string nobody;
    int places;

    public PasswordHasher(IOptions<IdentityOptions> options)
        : this(options.Value.PasswordIterations, options.Value.MaxConcurrentHashes, options.Value.MaxQueuedHashes)
    {
    }

    internal PasswordHasher(int iterations, int maxConcurrent, int maxQueued)
    {
        this.iterations = iterations;
        var concurrent = maxConcurrent > 0 ? maxConcurrent : Math.Max(1, Environment.ProcessorCount / 2);
        slots = new SemaphoreSlim(concurrent);
        maxPlaces = concurrent + maxQueued;
        nobody = Encode(iterations, RandomNumberGenerator.GetBytes(SaltBytes), RandomNumberGenerator.GetBytes(HashBytes));
    }

    public Task<string> HashAsync(string password, CancellationToken ct) => WithSlotAsync(
        () =>
        {
            var salt = RandomNumberGenerator.GetBytes(SaltBytes);
            return Encode(iterations, salt, Derive(password, salt, iterations));
        },
        ct);

    /// <summary>
    /// Whether the password belongs to the hash. Without a hash, because there is no such account or it has no password,
    /// the same work is done and the answer is no: the time tells nothing.
    /// </summary>
    public Task<bool> VerifyAsync(string password, string? phc, CancellationToken ct) => WithSlotAsync(
        () =>
        {
            var (rounds, salt, hash) = Decode(phc ?? nobody);
            return CryptographicOperations.FixedTimeEquals(Derive(password, salt, rounds), hash) && phc is not null;
        },
        ct);

    /// <summary>Whether the hash was made with fewer rounds than are asked for now.</summary>
    public bool IsOutdated(string phc) => Decode(phc).Rounds < iterations;

    public void Dispose() => slots.Dispose();

    async Task<T> WithSlotAsync<T>(Func<T> work, CancellationToken ct)
    {
        if (Interlocked.Increment(ref places) > maxPlaces)
        {
            Interlocked.Decrement(ref places);
            throw Refusal.TooManyRequests("Too many people are signing in at this moment.", 2);
        }
        try
        {
            await slots.WaitAsync(ct);
            try
            {
                return await Task.Run(work, ct);
            }
            finally
            {
                slots.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref places);
        }
    }

    static byte[] Derive(string password, byte[] salt, int rounds) =>
        // The same characters typed on another system may come composed differently (RFC 8265 §4.2).
        Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(Nfc.Normalize(password)), salt, rounds, HashAlgorithmName.SHA512, HashBytes);

    static string Encode(int rounds, byte[] salt, byte[] hash) => $"${Scheme}$i={rounds}${Base64(salt)}${Base64(hash)}";

    // PHC strings carry base64 without padding.
    static string Base64(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=');

    static byte[] FromBase64(string text) => Convert.FromBase64String(text.PadRight((text.Length + 3) / 4 * 4, '='));

    static (int Rounds, byte[] Salt, byte[] Hash) Decode(string phc) =>
        phc.Split('$') is ["", Scheme, ['i', '=', .. var rounds], var salt, var hash]
            ? (int.Parse(rounds, CultureInfo.InvariantCulture), FromBase64(salt), FromBase64(hash))
            : throw new InvalidDataException("A stored password hash is in a format that this server does not know.");
}
