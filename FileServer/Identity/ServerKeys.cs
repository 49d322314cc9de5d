using System.Collections.Concurrent;
using System.Security.Cryptography;
using FileServer.Database;
using Microsoft.IdentityModel.Tokens;
using Npgsql;

namespace FileServer.Identity;

/// <summary>
/// The keys that a server makes for itself at its first start and keeps in its database: every node signs and checks with
/// the same ones, and no two installations share any. One key per purpose, never one for two.
/// </summary>
sealed class ServerKeys(NpgsqlDataSource db)
{
    const string ForAccessTokens = "access-token";
    const string ForRefreshTokens = "refresh-token";

    readonly ConcurrentDictionary<string, ECDsaSecurityKey> publicKeys = new(StringComparer.Ordinal);
    SigningCredentials? signing;
    byte[]? refresh;

    /// <summary>Signs access tokens (ES256).</summary>
    public SigningCredentials Signing => signing ?? throw new InvalidOperationException("The keys are loaded when the server starts.");

    /// <summary>Derives the successor of a refresh token.</summary>
    public byte[] Refresh => refresh ?? throw new InvalidOperationException("The keys are loaded when the server starts.");

    /// <summary>The key that an access token names; nothing for a name that is not ours, so that no other key is tried.</summary>
    public IEnumerable<SecurityKey> Find(string? keyId) => keyId is not null && publicKeys.TryGetValue(keyId, out var key) ? [key] : [];

    /// <summary>Reads the keys, making what is missing.</summary>
    public async Task LoadAsync(CancellationToken ct)
    {
        var access = await EnsureAsync(ForAccessTokens, NewSigningKey, ct);
        foreach (var row in access)
        {
            // The key's object lives as long as the process: signing and checking go on in it all the time.
            var ecdsa = ECDsa.Create();
            ecdsa.ImportPkcs8PrivateKey(row.PrivateKey, out _);
            publicKeys[row.Id.ToString()] = new ECDsaSecurityKey(ecdsa) { KeyId = row.Id.ToString() };
        }
        signing = new SigningCredentials(publicKeys[access[0].Id.ToString()], SecurityAlgorithms.EcdsaSha256);
        refresh = (await EnsureAsync(ForRefreshTokens, () => RandomNumberGenerator.GetBytes(32), ct))[0].PrivateKey;
    }

    /// <returns>The keys of this purpose, the newest first.</returns>
    Task<List<KeyRow>> EnsureAsync(string purpose, Func<byte[]> make, CancellationToken ct) => db.InTransactionAsync(
        async tx =>
        {
            // Two nodes that start at once must end with one key.
            await tx.ExecuteAsync("select pg_advisory_xact_lock(hashtext('server_keys'))", null, ct);
            var rows = await ReadAsync(tx, purpose, ct);
            if (rows.Count > 0)
                return rows;
            await tx.ExecuteAsync(
                "insert into server_keys (id, purpose, private_key) values (@id, @purpose, @key)",
                new { id = Guid.CreateVersion7(), purpose, key = make() },
                ct);
            return await ReadAsync(tx, purpose, ct);
        },
        ct);

    static Task<List<KeyRow>> ReadAsync(NpgsqlConnection tx, string purpose, CancellationToken ct) => tx.QueryAsync<KeyRow>(
        "select id, private_key from server_keys where purpose = @purpose and retired_at is null order by created_at desc, id desc",
        new { purpose },
        ct);

    static byte[] NewSigningKey()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return key.ExportPkcs8PrivateKey();
    }

    sealed record KeyRow(Guid Id, byte[] PrivateKey);
}
