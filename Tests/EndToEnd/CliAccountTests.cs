using System.Text;
using System.Text.Json;
using FileClient.Local;
using FileClient.Terminal;
using Tests.Support;

namespace Tests.EndToEnd;

/// <summary>Signing in and out by the real client at the real server.</summary>
public sealed class CliAccountTests(CliAccountTests.Office office) : IClassFixture<CliAccountTests.Office>, IDisposable
{
    readonly TemporaryFolder temporary = new();

    /// <summary>A server with an account for Ann.</summary>
    public sealed class Office(TestCluster cluster) : IAsyncLifetime
    {
        public const string Password = "the-long-password-of-ann";

        internal World World { get; } = new(cluster);

        public async ValueTask InitializeAsync()
        {
            await World.InitializeAsync();
            await World.SignedInAsync("ann", CancellationToken.None);
        }

        public ValueTask DisposeAsync() => World.DisposeAsync();
    }

    CommandLine Ann => new(office.World.Url, temporary["ann"]);

    ConfigFolder Folder => new(temporary["ann"]);

    public void Dispose() => temporary.Dispose();

    [Fact]
    public async Task Whoever_signs_in_is_known_until_they_sign_out()
    {
        var ann = Ann;
        await ann.SignInAsync("ann", Office.Password);
        Assert.Equal("ann\n", await ann.DoAsync("whoami"));
        Assert.Equal("ann", JsonDocument.Parse(await ann.DoAsync("whoami", "--json")).RootElement.GetProperty("name").GetString());
        Assert.Contains("ann (member)", await ann.DoAsync("status"));
        await ann.DoAsync("logout");
        Assert.Equal(ExitCode.NotSignedIn, (await ann.RunAsync("whoami")).Exit);
        Assert.Equal(ExitCode.NotSignedIn, (await ann.RunAsync("logout")).Exit);
    }

    [Fact]
    public async Task A_wrong_password_is_exit_code_4_and_stores_nothing()
    {
        var called = await Ann.RunAsync("wrong\n"u8.ToArray(), "login", office.World.Url.AbsoluteUri, "--user", "ann", "--password-stdin");
        Assert.Equal(ExitCode.NotSignedIn, called.Exit);
        Assert.Empty(called.Data);
        Assert.DoesNotContain("wrong\n", called.Error);
        Assert.False(File.Exists(Folder.CredentialsFile));
    }

    [Fact]
    public async Task Without_a_terminal_nobody_is_asked_for_a_password()
    {
        var called = await Ann.RunAsync("login", office.World.Url.AbsoluteUri, "--user", "ann");
        Assert.Equal(ExitCode.Usage, called.Exit);
        Assert.Contains("--password-stdin", called.Error);
    }

    [Fact]
    public async Task An_expired_access_token_is_renewed_without_a_word()
    {
        var ann = Ann;
        await ann.SignInAsync("ann", Office.Password);
        var stored = Folder.Credentials.Servers.Single();
        await Folder.ChangeAsync(all => all.With(stored with { ExpiresAt = DateTimeOffset.UnixEpoch }), TimeProvider.System, TestContext.Current.CancellationToken);
        var both = await Task.WhenAll(ann.RunAsync("whoami"), ann.RunAsync("whoami"), ann.RunAsync("whoami"));
        Assert.All(both, called => Assert.Equal((ExitCode.Done, ""), (called.Exit, called.Error)));
        Assert.NotEqual(stored.RefreshToken, Folder.Credentials.Servers.Single().RefreshToken);
        Assert.Equal("ann\n", await ann.DoAsync("whoami"));
    }

    [Fact]
    public async Task A_damaged_access_token_is_renewed_too()
    {
        var ann = Ann;
        await ann.SignInAsync("ann", Office.Password);
        var stored = Folder.Credentials.Servers.Single();
        await Folder.ChangeAsync(all => all.With(stored with { AccessToken = stored.AccessToken![..^4] + "AAAA" }), TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.Equal("ann\n", await ann.DoAsync("whoami"));
    }

    [Fact]
    public async Task A_personal_token_signs_in_by_standard_input_or_environment()
    {
        var ann = Ann;
        await ann.SignInAsync("ann", Office.Password);
        var made = JsonDocument.Parse(await ann.DoAsync("api", "POST", "tokens", "--data", """{"name":"laptop"}""")).RootElement.GetProperty("token").GetString()!;
        var other = new CommandLine(office.World.Url, temporary["other"]);
        var called = await other.RunAsync(Encoding.UTF8.GetBytes(made), "login", office.World.Url.AbsoluteUri, "--token-stdin");
        Assert.Equal((ExitCode.Done, $"Signed in to {Settings.Text(office.World.Url)} as ann.\n"), (called.Exit, called.Error.ReplaceLineEndings("\n")));
        Assert.Equal("ann\n", await other.DoAsync("whoami"));
        var script = new CommandLine(office.World.Url, temporary["script"]) { ["FILESHARE_TOKEN"] = made };
        Assert.Equal("ann\n", await script.DoAsync("whoami"));
    }

    [Fact]
    public async Task Any_request_can_be_sent_and_its_refusal_is_shown()
    {
        var ann = Ann;
        await ann.SignInAsync("ann", Office.Password);
        Assert.Contains("\"ann\"", await ann.DoAsync("api", "GET", "/api/v1/me"));
        var refused = await ann.RunAsync("api", "GET", "admin/users");
        Assert.Equal(ExitCode.NotSignedIn, refused.Exit);
        Assert.Contains("\"code\":\"forbidden\"", refused.Text);
        Assert.Equal(ExitCode.NotFound, (await ann.RunAsync("api", "GET", "no/such/address")).Exit);
    }

    [Fact]
    public async Task Administrators_manage_accounts_and_groups()
    {
        var admin = new CommandLine(office.World.Url, temporary["admin"]);
        await admin.SignInAsync("admin", "the-administrator-of-a-test");
        var made = await admin.RunAsync("the-long-password-of-eve\n"u8.ToArray(), "admin", "users", "add", "eve", "--role", "auditor", "--password-stdin");
        Assert.Equal((ExitCode.Done, "eve (auditor)\n"), (made.Exit, made.Error.ReplaceLineEndings("\n")));
        Assert.Contains("eve", await admin.DoAsync("admin", "users"));
        await admin.DoAsync("admin", "groups", "add", "staff");
        await admin.DoAsync("admin", "groups", "join", "staff", "user:eve");
        Assert.Contains("user:eve", await admin.DoAsync("admin", "groups"));
        await admin.DoAsync("admin", "users", "disable", "eve");
        Assert.Contains("disabled", await admin.DoAsync("admin", "users"));
    }
}
