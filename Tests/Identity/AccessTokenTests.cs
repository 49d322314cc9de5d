using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.IdentityModel.Tokens;
using Tests.Support;

namespace Tests.Identity;

/// <summary>Security list rows 4, 5, 6: what an access token may not talk the server into.</summary>
public sealed class AccessTokenTests(TestDatabase database) : IClassFixture<TestDatabase>, IAsyncLifetime
{
    static int names;

    readonly TurnedClock clock = new();
    Reception node = null!;
    string good = "";

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        node = await Reception.OpenAsync(database, clock, Ct);
        good = (await node.CreateAndLoginAsync($"user{Interlocked.Increment(ref names)}", Ct)).AccessToken;
    }

    public ValueTask DisposeAsync() => node.DisposeAsync();

    [Fact]
    public async Task The_tests_own_signature_is_taken_so_that_each_refusal_is_for_its_own_reason() => await node.CallAsync(Signed(_ => { }, _ => { }), Ct);

    [Theory]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("nOnE")]
    public Task An_unsigned_token_is_refused(string algorithm) => RefusedAsync(Unsigned(header => header["alg"] = algorithm) + ".");

    [Fact]
    public Task A_signature_is_not_taken_for_one_of_no_algorithm() => RefusedAsync(Signed(header => header["alg"] = "none", _ => { }));

    [Theory]
    [InlineData("HS256")]
    [InlineData("HS512")]
    public async Task The_public_key_is_no_shared_secret(string algorithm)
    {
        using var key = Key();
        foreach (var secret in new[] { Encoding.ASCII.GetBytes(key.ExportSubjectPublicKeyInfoPem()), key.ExportSubjectPublicKeyInfo() })
        {
            var head = Unsigned(header => header["alg"] = algorithm);
            var bytes = Encoding.ASCII.GetBytes(head);
            await RefusedAsync($"{head}.{Base64Url.EncodeToString(algorithm == "HS256" ? HMACSHA256.HashData(secret, bytes) : HMACSHA512.HashData(secret, bytes))}");
        }
    }

    [Theory]
    [InlineData("RS256")]
    [InlineData("PS256")]
    [InlineData("ES384")]
    [InlineData("EdDSA")]
    [InlineData("")]
    public Task Another_algorithm_is_refused(string algorithm) => RefusedAsync(Signed(header => header["alg"] = algorithm, _ => { }));

    [Theory]
    [InlineData("../../../../dev/null")]
    [InlineData("' or 1=1 --")]
    [InlineData("00000000-0000-0000-0000-000000000000")]
    [InlineData("")]
    public Task An_unknown_key_name_tries_no_other_key(string keyId) => RefusedAsync(Signed(header => header["kid"] = keyId, _ => { }));

    [Fact]
    public Task A_missing_key_name_tries_no_key() => RefusedAsync(Signed(header => header.Remove("kid"), _ => { }));

    [Fact]
    public async Task A_key_in_the_token_is_not_used()
    {
        using var mine = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = mine.ExportParameters(false).Q;
        var jwk = new JsonObject { ["kty"] = "EC", ["crv"] = "P-256", ["x"] = Base64Url.EncodeToString(point.X!), ["y"] = Base64Url.EncodeToString(point.Y!) };
        await RefusedAsync(Signed(header => header["jwk"] = jwk, _ => { }, mine));
        await RefusedAsync(Signed(
            header =>
            {
                header["jwk"] = jwk.DeepClone();
                header.Remove("kid");
            },
            _ => { },
            mine));
        await RefusedAsync(Signed(header => header["jku"] = "http://127.0.0.1:9/keys", _ => { }, mine));
    }

    [Theory]
    [InlineData("JWT")]
    [InlineData("rt+jwt")]
    [InlineData("id+jwt")]
    [InlineData(null)]
    public Task Another_type_of_token_is_refused(string? type) => RefusedAsync(Signed(header => header["typ"] = type, _ => { }));

    [Fact]
    public async Task The_audience_is_ours_alone()
    {
        await RefusedAsync(Signed(_ => { }, payload => payload.Remove("aud")));
        await RefusedAsync(Signed(_ => { }, payload => payload["aud"] = "urn:fileshare:other"));
        await RefusedAsync(Signed(_ => { }, payload => payload["aud"] = new JsonArray()));
        await RefusedAsync(Signed(_ => { }, payload => payload["aud"] = new JsonArray("urn:fileshare:api", "urn:fileshare:other")));
    }

    [Fact]
    public async Task The_issuer_is_ours_alone()
    {
        await RefusedAsync(Signed(_ => { }, payload => payload.Remove("iss")));
        await RefusedAsync(Signed(_ => { }, payload => payload["iss"] = "urn:fileshare:server/"));
    }

    [Fact]
    public async Task A_token_without_end_is_refused()
    {
        await RefusedAsync(Signed(_ => { }, payload => payload.Remove("exp")));
        await RefusedAsync(Signed(_ => { }, payload => payload["nbf"] = clock.GetUtcNow().AddMinutes(5).ToUnixTimeSeconds()));
    }

    [Theory]
    [InlineData("sub")]
    [InlineData("sid")]
    [InlineData("stamp")]
    public async Task A_token_that_does_not_say_whose_it_is_is_refused(string claim)
    {
        await RefusedAsync(Signed(_ => { }, payload => payload.Remove(claim)));
        await RefusedAsync(Signed(_ => { }, payload => payload[claim] = new JsonArray(payload[claim]!.DeepClone(), Guid.CreateVersion7().ToString())));
    }

    [Fact]
    public async Task Another_users_session_is_not_taken()
    {
        var refusal = await Reception.RefusedAsync(() => node.CallAsync(Signed(_ => { }, payload => payload["sub"] = Guid.CreateVersion7().ToString()), Ct));
        Assert.Equal("token-revoked", refusal);
    }

    [Fact]
    public async Task After_ten_minutes_and_the_skew_a_token_has_expired()
    {
        clock.Turn(TimeSpan.FromSeconds(600 + 29));
        await node.CallAsync(good, Ct);
        clock.Turn(TimeSpan.FromSeconds(2));
        Assert.Equal("token-expired", await Reception.RefusedAsync(() => node.CallAsync(good, Ct)));
    }

    [Fact]
    public async Task No_flipped_character_goes_unnoticed()
    {
        var random = new Random(7);
        for (var round = 0; round < 200; round++)
        {
            // The last character of each part carries bits that belong to no byte.
            var at = random.Next(good.Length);
            if (good[at] == '.' || at + 1 == good.Length || good[at + 1] == '.')
                continue;
            await RefusedAsync($"{good[..at]}{(good[at] == 'A' ? 'Q' : 'A')}{good[(at + 1)..]}");
        }
    }

    [Fact]
    public async Task What_is_no_token_is_refused()
    {
        foreach (var junk in new[] { "x", "..", "a.b.c", "a.b.c.d.e", good + ".", "." + good, good + "=", new string('a', 9000), good[..^1], "fs_pat_", "fs_pat_unknown" })
            await RefusedAsync(junk);
    }

    [Fact]
    public async Task A_token_of_another_installation_is_refused()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await RefusedAsync(Signed(_ => { }, _ => { }, other));
    }

    [Fact]
    public async Task A_token_in_the_address_is_refused_even_beside_a_good_one()
    {
        var request = node.Request(good);
        request.Request.QueryString = new Microsoft.AspNetCore.Http.QueryString($"?access_token={good}");
        Assert.Equal("invalid-request", await Reception.RefusedAsync(() => node.Callers.FindAsync(request, Ct)));
    }

    async Task RefusedAsync(string token) => Assert.Equal("not-signed-in", await Reception.RefusedAsync(() => node.CallAsync(token, Ct)));

    ECDsa Key() => ((ECDsaSecurityKey)node.Keys.Signing.Key).ECDsa is { } key ? ECDsa.Create(key.ExportParameters(true)) : throw new InvalidOperationException();

    string Unsigned(Action<JsonObject> head) => Text(head, _ => { });

    /// <summary>The good token with some changes, signed as the server would, or with another key.</summary>
    string Signed(Action<JsonObject> head, Action<JsonObject> payload, ECDsa? with = null)
    {
        var text = Text(head, payload);
        using var key = Key();
        return $"{text}.{Base64Url.EncodeToString((with ?? key).SignData(Encoding.ASCII.GetBytes(text), HashAlgorithmName.SHA256))}";
    }

    string Text(Action<JsonObject> head, Action<JsonObject> payload)
    {
        var parts = good.Split('.');
        return $"{Changed(parts[0], head)}.{Changed(parts[1], payload)}";
    }

    static string Changed(string part, Action<JsonObject> change)
    {
        var json = JsonNode.Parse(Base64Url.DecodeFromChars(part))!.AsObject();
        change(json);
        return Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json.ToJsonString()));
    }
}
