using System.Diagnostics;
using FileClient.Api;
using FileClient.Local;
using FileClient.Terminal;
using FileServer.Protocol.Contracts;
using Microsoft.AspNetCore.Http;
using Tests.Support;

namespace Tests.Api;

public sealed class ApiClientTests
{
    const string Ann = """{"id":"01234567-89ab-7def-8123-456789abcdef","name":"ann","role":"member","groups":[]}""";

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    static ApiClient Client(StubServer server, ITokens? tokens = null, TimeSpan? idle = null) => new(
        new ApiOptions { Server = server.Url, Retry = new Retry(Attempts: 4, BaseMs: 5, CapMs: 20), IdleTimeout = idle ?? TimeSpan.FromSeconds(20) },
        tokens ?? new FixedToken("token"),
        TimeProvider.System);

    [Fact]
    public async Task A_busy_server_is_asked_again_but_not_before_it_wants_to()
    {
        var asked = 0;
        await using var server = await StubServer.StartAsync(context =>
        {
            if (Interlocked.Increment(ref asked) > 1)
                return StubServer.JsonAsync(context, Ann);
            context.Response.Headers.RetryAfter = "1";
            return StubServer.ProblemAsync(context, 503, "unavailable");
        });
        using var api = Client(server);
        var start = Stopwatch.StartNew();
        Assert.Equal("ann", (await api.MeAsync(Ct)).Name);
        Assert.True(start.Elapsed >= TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_server_that_stays_busy_ends_in_exit_code_5()
    {
        await using var server = await StubServer.StartAsync(context => StubServer.ProblemAsync(context, 503, "unavailable"));
        using var api = Client(server);
        var failure = await Assert.ThrowsAsync<ApiException>(() => api.MeAsync(Ct));
        Assert.Equal(ExitCode.Temporary, failure.Exit);
        Assert.Equal(4, server.Requests.Count);
    }

    [Fact]
    public async Task An_answer_that_is_cut_off_is_asked_for_again_when_that_is_safe()
    {
        var asked = 0;
        await using var server = await StubServer.StartAsync(async context =>
        {
            if (Interlocked.Increment(ref asked) > 1)
            {
                await StubServer.JsonAsync(context, Ann);
                return;
            }
            context.Response.ContentLength = Ann.Length;
            await context.Response.WriteAsync(Ann[..20], Ct);
            await context.Response.Body.FlushAsync(Ct);
            context.Abort();
        });
        using var api = Client(server);
        Assert.Equal("ann", (await api.MeAsync(Ct)).Name);
        Assert.Equal(2, asked);
    }

    [Fact]
    public async Task A_sign_in_that_was_cut_off_is_not_repeated()
    {
        await using var server = await StubServer.StartAsync(context =>
        {
            context.Abort();
            return Task.CompletedTask;
        });
        using var api = Client(server);
        var failure = await Assert.ThrowsAsync<ApiException>(() => api.LoginAsync(new LoginRequest("ann", "secret"), Ct));
        Assert.Equal(ExitCode.Temporary, failure.Exit);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_silent_server_is_given_up()
    {
        await using var server = await StubServer.StartAsync(context => Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, Ct, TaskContinuationOptions.None, TaskScheduler.Default));
        using var api = Client(server, idle: TimeSpan.FromMilliseconds(200));
        var failure = await Assert.ThrowsAsync<ApiException>(() => api.LoginAsync(new LoginRequest("ann", "secret"), Ct));
        Assert.Equal("stalled", failure.Code);
        Assert.Equal(ExitCode.Temporary, failure.Exit);
    }

    [Fact]
    public async Task Nothing_listens_is_exit_code_5()
    {
        var server = await StubServer.StartAsync(_ => Task.CompletedTask);
        using var api = Client(server);
        await server.DisposeAsync();
        Assert.Equal(ExitCode.Temporary, (await Assert.ThrowsAsync<ApiException>(() => api.MeAsync(Ct))).Exit);
    }

    [Fact]
    public async Task A_redirect_is_told_and_not_followed()
    {
        await using var elsewhere = await StubServer.StartAsync(context => StubServer.JsonAsync(context, Ann));
        await using var server = await StubServer.StartAsync(context =>
        {
            context.Response.Redirect(elsewhere.Url + "api/v1/me");
            return Task.CompletedTask;
        });
        using var api = Client(server);
        var failure = await Assert.ThrowsAsync<ApiException>(() => api.MeAsync(Ct));
        Assert.Contains("redirects", failure.Message);
        Assert.Empty(elsewhere.Requests);
    }

    [Fact]
    public async Task A_page_that_is_no_answer_of_ours_says_so()
    {
        await using var server = await StubServer.StartAsync(context => StubServer.JsonAsync(context, "<html>", type: "text/html"));
        using var api = Client(server);
        Assert.Equal("protocol", (await Assert.ThrowsAsync<ApiException>(() => api.MeAsync(Ct))).Code);
    }

    [Fact]
    public async Task An_upload_on_another_host_is_not_followed()
    {
        await using var server = await StubServer.StartAsync(context =>
        {
            context.Response.StatusCode = 201;
            context.Response.Headers.Location = "http://elsewhere.example/upload";
            return Task.CompletedTask;
        });
        using var api = Client(server);
        Assert.Equal("protocol", (await Assert.ThrowsAsync<ApiException>(() => api.CreateUploadAsync(10, [], null, Ct))).Code);
    }

    [Fact]
    public async Task The_token_stands_in_the_header_and_nowhere_else()
    {
        string? header = null, target = null;
        await using var server = await StubServer.StartAsync(context =>
        {
            header = context.Request.Headers.Authorization;
            target = context.Request.Path + context.Request.QueryString;
            return StubServer.JsonAsync(context, Ann);
        });
        using var api = Client(server, new FixedToken("secret-token"));
        await api.MeAsync(Ct);
        Assert.Equal("Bearer secret-token", header);
        Assert.DoesNotContain("secret-token", target);
    }

    [Theory]
    [InlineData(400, "invalid-request", ExitCode.Failure)]
    [InlineData(400, "invalid-name", ExitCode.Usage)]
    [InlineData(401, "wrong-credentials", ExitCode.NotSignedIn)]
    [InlineData(403, "forbidden", ExitCode.NotSignedIn)]
    [InlineData(404, "not-found", ExitCode.NotFound)]
    [InlineData(409, "version-conflict", ExitCode.Conflicts)]
    [InlineData(409, "name-taken", ExitCode.Failure)]
    [InlineData(413, "too-large", ExitCode.Limit)]
    [InlineData(423, "locked", ExitCode.Locked)]
    [InlineData(429, "too-many-requests", ExitCode.Temporary)]
    [InlineData(500, "internal-error", ExitCode.Failure)]
    [InlineData(500, "damaged-content", ExitCode.Integrity)]
    [InlineData(503, "unavailable", ExitCode.Temporary)]
    [InlineData(507, "quota-exceeded", ExitCode.Limit)]
    public async Task Refusals_become_exit_codes(int status, string code, object exit)
    {
        await using var server = await StubServer.StartAsync(context => StubServer.ProblemAsync(context, status, code));
        using var api = Client(server, new FixedToken(null));
        var failure = await Assert.ThrowsAsync<ApiException>(() => api.MeAsync(Ct));
        Assert.Equal((ExitCode)exit, failure.Exit);
        Assert.Equal(code, failure.Code);
        Assert.Equal("It is so.", failure.Message);
    }
}
