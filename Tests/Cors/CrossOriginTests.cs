using Tests.Support;
using Tests.Uploads;

namespace Tests.Cors;

/// <summary>Pages of other origins: only named ones, on every answer, and asked before without credentials.</summary>
public sealed class CrossOriginTests(CrossOriginTests.OpenWorld world, World closed) : IClassFixture<CrossOriginTests.OpenWorld>, IClassFixture<World>
{
    const string Portal = "https://portal.example";

    [Theory]
    [InlineData("/api/v1/spaces/x/files/a.txt", "PUT")]
    [InlineData("/api/v1/spaces", "POST")]
    [InlineData("/api/v1/uploads/x", "PATCH")]
    public async Task A_preflight_is_answered_without_credentials(string path, string method)
    {
        using var stranger = world.Server.Anonymous();
        using var answer = await AskAsync(stranger, HttpMethod.Options, path, ("Origin", Portal), ("Access-Control-Request-Method", method), ("Access-Control-Request-Headers", "authorization,if-match"));
        TusClient.Is(204, answer);
        Assert.Equal(Portal, TusClient.Value(answer, "Access-Control-Allow-Origin"));
        Assert.Contains(method, TusClient.Value(answer, "Access-Control-Allow-Methods"), StringComparison.Ordinal);
        Assert.Contains("Authorization", TusClient.Value(answer, "Access-Control-Allow-Headers"), StringComparison.Ordinal);
        Assert.Contains("If-Match", TusClient.Value(answer, "Access-Control-Allow-Headers"), StringComparison.Ordinal);
        Assert.Null(TusClient.Value(answer, "Access-Control-Allow-Credentials"));
        Assert.Equal("Origin", TusClient.Value(answer, "Vary"));
    }

    [Theory]
    [InlineData("/api/v1/me", 401)]
    [InlineData("/api/v1/nothing-here", 404)]
    [InlineData("/healthz", 200)]
    public async Task Answers_carry_the_headers_errors_too(string path, int status)
    {
        using var stranger = world.Server.Anonymous();
        using var answer = await AskAsync(stranger, HttpMethod.Get, path, ("Origin", Portal));
        TusClient.Is(status, answer);
        Assert.Equal(Portal, TusClient.Value(answer, "Access-Control-Allow-Origin"));
        Assert.Contains("ETag", TusClient.Value(answer, "Access-Control-Expose-Headers"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://evil.example")]
    [InlineData("https://portal.example.evil.example")]
    [InlineData("http://portal.example")]
    [InlineData("null")]
    public async Task Other_origins_get_nothing(string origin)
    {
        using var stranger = world.Server.Anonymous();
        using var answer = await AskAsync(stranger, HttpMethod.Get, "/healthz", ("Origin", origin));
        Assert.Null(TusClient.Value(answer, "Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task Without_the_setting_nobody_is_let_in()
    {
        using var stranger = closed.Anonymous();
        using var answer = await AskAsync(stranger, HttpMethod.Options, "/api/v1/spaces", ("Origin", Portal), ("Access-Control-Request-Method", "POST"));
        Assert.Null(TusClient.Value(answer, "Access-Control-Allow-Origin"));
        Assert.Null(TusClient.Value(answer, "Vary"));
    }

    static Task<HttpResponseMessage> AskAsync(HttpClient client, HttpMethod method, string path, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(method, path);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    /// <summary>A server that lets the pages of one origin in.</summary>
    public sealed class OpenWorld(TestCluster cluster) : IAsyncLifetime
    {
        public World Server { get; } = new(cluster) { Settings = [$"--Cors:Origins={Portal} https://other.example"] };

        public ValueTask InitializeAsync() => Server.InitializeAsync();

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }
}
