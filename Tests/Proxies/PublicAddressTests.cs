using System.Net.Http.Json;
using FileServer.Protocol.Contracts;
using Tests.Support;
using Tests.Uploads;

namespace Tests.Proxies;

/// <summary>The server behind a proxy that it trusts, and before one that it does not.</summary>
public sealed class PublicAddressTests(PublicAddressTests.TrustingWorld world, World plain) : IClassFixture<PublicAddressTests.TrustingWorld>, IClassFixture<World>
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_trusted_proxy_s_word_is_what_audit_and_throttle_go_by()
    {
        Assert.Equal("203.0.113.7", await AddressOnRecordAsync(world.Server, "6.6.6.6, 203.0.113.7"));
        Assert.Equal("127.0.0.1", await AddressOnRecordAsync(plain, "203.0.113.7"));
    }

    [Theory]
    [InlineData("", "/team/files")]               // The proxy takes the prefix off,
    [InlineData("/team/files", "/team/files")]    // or leaves it on.
    public async Task Every_address_in_an_answer_holds_the_prefix(string sentPrefix, string prefix)
    {
        var ann = await world.Server.SignedInAsync("ann", Ct);
        var space = await world.Server.SpaceAsync($"prefix{sentPrefix.Length}", "editor", ["ann"], Ct);
        foreach (var name in new[] { "a", "b%2525", "c" })
        {
            using var put = await SendAsync(ann, HttpMethod.Put, $"{sentPrefix}/api/v1/spaces/{space.Name}/files/x/{name}?parents=true", prefix, "text");
            Assert.StartsWith($"{prefix}/api/v1/spaces/", put.Headers.Location!.OriginalString, StringComparison.Ordinal);
            Assert.StartsWith($"{prefix}/api/v1/spaces/", TusClient.Value(put, "Content-Location"), StringComparison.Ordinal);
        }
        using var page = await SendAsync(ann, HttpMethod.Get, $"{sentPrefix}/api/v1/spaces/{space.Name}/files/x/?limit=2", prefix);
        var names = await page.Content.ReadFromJsonAsync(WireJson.Default.PageNode, Ct);
        Assert.Equal(["a", "b%25"], names!.Items.Select(node => node.Name));
        Assert.StartsWith($"<{prefix}/api/v1/spaces/{space.Name}/files/x/?", TusClient.Value(page, "Link"), StringComparison.Ordinal);
        using var upload = await SendAsync(
            ann, HttpMethod.Post, $"{sentPrefix}/api/v1/uploads", prefix, null, ("Tus-Resumable", "1.0.0"), ("Upload-Length", "3"), ("Upload-Concat", "partial"));
        Assert.StartsWith($"{prefix}/api/v1/uploads/", upload.Headers.Location!.OriginalString, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stranger_s_prefix_changes_nothing()
    {
        var ann = await plain.SignedInAsync("ann", Ct);
        var space = await plain.SpaceAsync("no-prefix", "editor", ["ann"], Ct);
        using var put = await SendAsync(ann, HttpMethod.Put, $"/api/v1/spaces/{space.Name}/files/a", "/evil", "text");
        Assert.StartsWith("/api/v1/", put.Headers.Location!.OriginalString, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_whole_address_as_the_target_is_understood()
    {
        var answer = await RawHttp.SendAsync(plain.Url, $"GET http://{plain.Url.Authority}/healthz HTTP/1.1\r\nHost: {plain.Url.Authority}\r\nConnection: close\r\n\r\n", Ct);
        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
    }

    static async Task<string?> AddressOnRecordAsync(World world, string forwardedFor)
    {
        using var stranger = world.Anonymous();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/auth/login") { Content = JsonContent.Create(new LoginRequest("nobody-here", "wrong-password-x"), WireJson.Default.LoginRequest) };
        request.Headers.Add("X-Forwarded-For", forwardedFor);
        using var refused = await stranger.SendAsync(request, Ct);
        TusClient.Is(401, refused);
        var admin = await world.AdminAsync(Ct);
        var page = await admin.GetFromJsonAsync("/api/v1/audit?outcome=refused&limit=1", WireJson.Default.PageAuditEvent, Ct);
        return page!.Items[0].ClientIp;
    }

    static Task<HttpResponseMessage> SendAsync(HttpClient client, HttpMethod method, string path, string prefix, string? body = null, params (string, string)[] headers)
    {
        var request = new HttpRequestMessage(method, path) { Content = body is null ? null : new StringContent(body) };
        request.Headers.Add("X-Forwarded-Prefix", prefix);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return client.SendAsync(request, Ct);
    }

    /// <summary>A server that trusts this machine as its proxy.</summary>
    public sealed class TrustingWorld(TestCluster cluster) : IAsyncLifetime
    {
        public World Server { get; } = new(cluster) { Settings = ["--Proxies:Trusted=127.0.0.1"] };

        public ValueTask InitializeAsync() => Server.InitializeAsync();

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }
}
