using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using FileServer.Database;
using FileServer.Protocol.Contracts;
using Tests.Support;
using Tests.Uploads;

namespace Tests.Rest;

/// <summary>What every REST endpoint does alike, seen from outside.</summary>
public sealed class ConventionsTests(World world) : IClassFixture<World>
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_request_sent_twice_under_one_key_is_carried_out_once()
    {
        var admin = await world.AdminAsync(Ct);
        const string body = """{"name":"once"}""";
        using var first = await SendAsync(admin, "POST", "/api/v1/spaces", body, ("Idempotency-Key", "\"key-once\""));
        using var again = await SendAsync(admin, "POST", "/api/v1/spaces", body, ("Idempotency-Key", "\"key-once\""));
        TusClient.Is(201, first);
        TusClient.Is(201, again);
        Assert.Equal("true", TusClient.Value(again, "Idempotency-Replayed"));
        Assert.Equal(first.Headers.Location, again.Headers.Location);
        Assert.Equal(await first.Content.ReadAsStringAsync(Ct), await again.Content.ReadAsStringAsync(Ct));
        using var other = await SendAsync(admin, "POST", "/api/v1/spaces", """{"name":"another"}""", ("Idempotency-Key", "\"key-once\""));
        TusClient.Is(422, other);
        Assert.Equal("idempotency-key-reused", await CodeAsync(other));
        using var bad = await SendAsync(admin, "POST", "/api/v1/spaces", body, ("Idempotency-Key", "\"\""));
        TusClient.Is(400, bad);
    }

    [Fact]
    public async Task A_request_that_failed_may_be_tried_again_under_its_key()
    {
        var admin = await world.AdminAsync(Ct);
        using var refused = await SendAsync(admin, "POST", "/api/v1/admin/groups", """{"name":""}""", ("Idempotency-Key", "key-failed"));
        TusClient.Is(400, refused);
        using var made = await SendAsync(admin, "POST", "/api/v1/admin/groups", """{"name":"second try"}""", ("Idempotency-Key", "key-failed"));
        TusClient.Is(201, made);
    }

    [Fact]
    public async Task Requests_with_one_key_at_the_same_time_make_one_thing()
    {
        var admin = await world.AdminAsync(Ct);
        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => SendAsync(admin, "POST", "/api/v1/tokens", """{"name":"raced"}""", ("Idempotency-Key", "key-raced"))));
        Assert.All(answers, answer => Assert.True((int)answer.StatusCode is 201 or 409, answer.StatusCode.ToString()));
        var tokens = await admin.GetFromJsonAsync("/api/v1/tokens", WireJson.Default.PageTokenInfo, Ct);
        Assert.Single(tokens!.Items, token => token.Name == "raced");
    }

    [Fact]
    public async Task Nothing_that_is_kept_about_a_key_can_be_read()
    {
        var admin = await world.AdminAsync(Ct);
        using var made = await SendAsync(admin, "POST", "/api/v1/tokens", """{"name":"hidden"}""", ("Idempotency-Key", "key-hidden"));
        var token = (await made.Content.ReadFromJsonAsync(WireJson.Default.CreatedToken, Ct))!.Token;
        foreach (var kept in await world.Database.QueryAsync<byte[]>("select answer from idempotency_keys where answer is not null", null, Ct))
            Assert.False(kept.AsSpan().IndexOf(Encoding.ASCII.GetBytes(token[..16])) >= 0);
    }

    [Theory]
    [InlineData("user")]
    [InlineData("group")]
    [InlineData("space")]
    [InlineData("node")]
    [InlineData("grants")]
    public async Task A_change_of_a_state_that_is_not_the_current_one_is_refused(string what)
    {
        var admin = await world.AdminAsync(Ct);
        var space = await world.SpaceAsync($"tags-{what}", "editor", ["ann"], Ct);
        using var folder = await SendAsync(admin, "POST", $"/api/v1/spaces/{space.Id}/files/f?mkdir", null);
        using var group = await SendAsync(admin, "POST", "/api/v1/admin/groups", $$"""{"name":"group {{what}}"}""");
        var (read, method, change, body) = what switch
        {
            "user" => ("/api/v1/admin/users/ann", "PATCH", "/api/v1/admin/users/ann", """{"displayName":"A NAME"}"""),
            "group" => ($"/api/v1/admin/groups/group%20{what}", "POST", $"/api/v1/admin/groups/group%20{what}/members", """{"member":"user:ann"}"""),
            "space" => ($"/api/v1/spaces/{space.Id}", "PATCH", $"/api/v1/spaces/{space.Id}", """{"quotaBytes":1000}"""),
            "node" => (folder.Headers.Location!.OriginalString, "PATCH", folder.Headers.Location!.OriginalString, """{"name":"g"}"""),
            _ => ($"/api/v1/spaces/{space.Id}/nodes/{space.Id}/grants", "POST", $"/api/v1/spaces/{space.Id}/nodes/{space.Id}/grants", """{"principal":"everyone","role":"viewer"}"""),
        };
        var before = await TagAsync(admin, read);
        using (var stale = await SendAsync(admin, method, change, body, ("If-Match", "\"stale\"")))
            TusClient.Is(412, stale);
        using (var weak = await SendAsync(admin, method, change, body, ("If-Match", $"W/{before}")))
            TusClient.Is(412, weak);
        Assert.Equal(before, await TagAsync(admin, read));
        using (var right = await SendAsync(admin, method, change, body, ("If-Match", before)))
            Assert.True(right.IsSuccessStatusCode, await right.Content.ReadAsStringAsync(Ct));
        Assert.NotEqual(before, await TagAsync(admin, read));
        using (var again = await SendAsync(admin, method, change, body, ("If-Match", before)))
            TusClient.Is(412, again);
    }

    [Fact]
    public async Task A_patch_is_a_merge_patch()
    {
        var admin = await world.AdminAsync(Ct);
        await world.SignedInAsync("merged", Ct);
        using var named = await SendAsync(admin, "PATCH", "/api/v1/admin/users/merged", """{"displayName":"M"}""", ("Content-Type", "application/merge-patch+json"));
        Assert.Equal("M", (await named.Content.ReadFromJsonAsync(WireJson.Default.User, Ct))!.DisplayName);
        using var cleared = await SendAsync(admin, "PATCH", "/api/v1/admin/users/merged", """{"displayName":null}""", ("Content-Type", "application/merge-patch+json"));
        Assert.Null((await cleared.Content.ReadFromJsonAsync(WireJson.Default.User, Ct))!.DisplayName);
        foreach (var type in new[] { "application/json-patch+json", "text/plain" })
        {
            using var refused = await SendAsync(admin, "PATCH", "/api/v1/admin/users/merged", "[]", ("Content-Type", type));
            TusClient.Is(415, refused);
            Assert.Contains("application/merge-patch+json", TusClient.Value(refused, "Accept-Patch"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Who_wants_no_representation_gets_none()
    {
        var admin = await world.AdminAsync(Ct);
        using var made = await SendAsync(admin, "POST", "/api/v1/spaces", """{"name":"minimal"}""", ("Prefer", "return=minimal"));
        TusClient.Is(201, made);
        Assert.Equal("return=minimal", TusClient.Value(made, "Preference-Applied"));
        Assert.NotNull(made.Headers.Location);
        Assert.Empty(await made.Content.ReadAsByteArrayAsync(Ct));
        using var changed = await SendAsync(admin, "PATCH", "/api/v1/spaces/minimal", """{"quotaBytes":5}""", ("Prefer", "return=minimal"));
        TusClient.Is(204, changed);
        using var token = await SendAsync(admin, "POST", "/api/v1/tokens", """{"name":"told"}""", ("Prefer", "return=minimal"));
        Assert.NotEmpty((await token.Content.ReadFromJsonAsync(WireJson.Default.CreatedToken, Ct))!.Token);
        using var refused = await SendAsync(admin, "POST", "/api/v1/spaces", """{"name":"minimal"}""", ("Prefer", "return=minimal"));
        Assert.Equal("name-taken", await CodeAsync(refused));
    }

    [Theory]
    [InlineData("Content-Digest", "sha-256")]
    [InlineData("Content-Digest", "sha-512")]
    [InlineData("Repr-Digest", "sha-512")]
    public async Task A_body_is_held_against_its_digest(string header, string algorithm)
    {
        var admin = await world.AdminAsync(Ct);
        var (space, bytes) = ($"digest-{header}-{algorithm}", Encoding.UTF8.GetBytes("some bytes"));
        var json = $$"""{"name":"{{space}}"}""";
        using var wrong = await SendAsync(admin, "POST", "/api/v1/spaces", json, (header, Digest(algorithm, bytes)));
        Assert.Equal("digest-mismatch", await CodeAsync(wrong));
        using var right = await SendAsync(admin, "POST", "/api/v1/spaces", json, (header, Digest(algorithm, Encoding.UTF8.GetBytes(json))));
        TusClient.Is(201, right);
        using var wrongFile = await SendAsync(admin, "PUT", $"/api/v1/spaces/{space}/files/a", "other bytes", (header, Digest(algorithm, bytes)));
        Assert.Equal("digest-mismatch", await CodeAsync(wrongFile));
        using var file = await SendAsync(admin, "PUT", $"/api/v1/spaces/{space}/files/a", "some bytes", (header, Digest(algorithm, bytes)));
        TusClient.Is(201, file);
    }

    [Fact]
    public async Task Every_answer_names_its_request()
    {
        using var stranger = world.Anonymous();
        using var answer = await stranger.GetAsync("/api/v1/me", Ct);
        var problem = await answer.Content.ReadFromJsonAsync(WireJson.Default.Problem, Ct);
        Assert.Equal(problem!.RequestId, TusClient.Value(answer, "X-Request-Id"));
    }

    static string Digest(string algorithm, byte[] bytes) => $"{algorithm}=:{Convert.ToBase64String(algorithm == "sha-256" ? SHA256.HashData(bytes) : SHA512.HashData(bytes))}:";

    static async Task<string?> CodeAsync(HttpResponseMessage answer) => (await answer.Content.ReadFromJsonAsync(WireJson.Default.Problem, Ct))!.Code;

    static async Task<string> TagAsync(HttpClient client, string path)
    {
        using var answer = await client.GetAsync(path, Ct);
        return answer.Headers.ETag!.ToString();
    }

    static Task<HttpResponseMessage> SendAsync(HttpClient client, string method, string path, string? body, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }
        foreach (var (name, value) in headers)
        {
            if (name == "Content-Type")
                request.Content!.Headers.ContentType = MediaTypeHeaderValue.Parse(value);
            else if (!request.Headers.TryAddWithoutValidation(name, value))
                request.Content!.Headers.TryAddWithoutValidation(name, value);
        }
        return client.SendAsync(request, Ct);
    }
}
