using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using FileServer.Protocol.Contracts;
using Tests.Support;

namespace Tests.Identity;

/// <summary>Security list rows 8, 90 and 7 on the real program: nothing secret is printed, and a reset beside a running server counts at once.</summary>
public sealed class SecretsInOutputTests
{
    const string AdminPassword = "the-administrator-of-a-test";

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_server_prints_no_password_and_no_token_however_much_it_logs()
    {
        using var folder = new TemporaryFolder();
        await using var server = await ServerProcess.StartAsync(folder.Path, Ct, "--Logging:LogLevel:Default=Trace", "--Logging:LogLevel:Microsoft.AspNetCore=Trace");
        using var client = server.Client();
        var first = await LoginAsync(client, AdminPassword);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", first.AccessToken);
        using var made = await client.PostAsJsonAsync("/api/v1/tokens", new TokenRequest("script"), WireJson.Default.TokenRequest, Ct);
        var personal = (await made.Content.ReadFromJsonAsync(WireJson.Default.CreatedToken, Ct))!;
        using var refreshed = await client.PostAsJsonAsync("/api/v1/auth/refresh", new RefreshRequest(first.RefreshToken), WireJson.Default.RefreshRequest, Ct);
        var second = (await refreshed.Content.ReadFromJsonAsync(WireJson.Default.SessionTokens, Ct))!;
        using var wrong = await client.PostAsJsonAsync("/api/v1/auth/login", new LoginRequest("admin", "a-wrong-password-canary"), WireJson.Default.LoginRequest, Ct);
        foreach (var token in new[] { personal.Token, personal.Token + "x", first.AccessToken[..^4] + "AAAA" })
        {
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
            using var answer = await client.GetAsync("/api/v1/me", Ct);
        }

        var (code, output) = await ServerProcess.RunAsync(folder.Path, Ct, "admin", "reset-password", "admin");
        Assert.True(code == 0, output);
        var password = output.Split(" is now ")[1].Split(' ')[0];
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", second.AccessToken);
        await AssertEndsAsync(client);
        client.DefaultRequestHeaders.Authorization = null;
        var third = await LoginAsync(client, password);
        Assert.Equal(0, await server.TerminateAsync(Ct));

        Assert.Contains("trce: ", server.Output, StringComparison.Ordinal);
        foreach (var secret in new[] { AdminPassword, "a-wrong-password-canary", password, personal.Token, first.RefreshToken, second.RefreshToken, third.RefreshToken, first.AccessToken.Split('.')[2], third.AccessToken.Split('.')[1], "eyJ" })
            Assert.DoesNotContain(secret, server.Output, StringComparison.Ordinal);
    }

    /// <summary>What another process changed counts when this one no longer trusts what it has read: within 30 seconds by any setting.</summary>
    static async Task AssertEndsAsync(HttpClient client)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        limit.CancelAfter(TimeSpan.FromSeconds(30));
        while ((await client.GetAsync("/api/v1/me", limit.Token)).StatusCode != HttpStatusCode.Unauthorized)
            await Task.Delay(100, limit.Token);
    }

    static async Task<SessionTokens> LoginAsync(HttpClient client, string password)
    {
        using var answer = await client.PostAsJsonAsync("/api/v1/auth/login", new LoginRequest("admin", password), WireJson.Default.LoginRequest, Ct);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync(WireJson.Default.SessionTokens, Ct))!;
    }
}
