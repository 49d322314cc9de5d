using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using FileServer;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Tests.Support;

/// <summary>
/// A whole server for one test class: real HTTP on loopback, its own data folder, its own database. With words for what
/// nearly every test starts from: somebody who is signed in, and a space.
/// </summary>
public sealed class World(TestCluster cluster) : IAsyncLifetime
{
    const string AdminPassword = "the-administrator-of-a-test";

    readonly TemporaryFolder folder = new();
    readonly SemaphoreSlim gate = new(1);
    readonly Dictionary<string, HttpClient> people = new(StringComparer.Ordinal);
    ServerHost? host;

    /// <summary>Settings beyond those that a test always has, like `--Uploads:ExpiryHours=1`; set before the server starts.</summary>
    internal string[] Settings { get; init; } = [];

    public string ConnectionString { get; private set; } = "";

    public string DataFolder => folder.Path;

    public Uri Url { get; private set; } = new("http://127.0.0.1");

    /// <summary>The server's own services, for tests of a part below its endpoints.</summary>
    public IServiceProvider Services => host!.Services;

    public NpgsqlDataSource Database => Services.GetRequiredService<NpgsqlDataSource>();

    public async ValueTask InitializeAsync()
    {
        ConnectionString = await cluster.CopyAsync(CancellationToken.None);
        await StartAsync(CancellationToken.None);
    }

    /// <summary>Stops the server and starts it again on the same data: what a restart must not lose.</summary>
    public async Task RestartAsync(CancellationToken ct)
    {
        await StopAsync();
        await StartAsync(ct);
    }

    /// <summary>Somebody who sends no credentials.</summary>
    public HttpClient Anonymous() => new(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = Url };

    /// <summary>The first administrator.</summary>
    public Task<HttpClient> AdminAsync(CancellationToken ct) => SignedInAsync("admin", ct);

    /// <summary>A member of this name; the account is made when there is none yet. The same client each time.</summary>
    public async Task<HttpClient> SignedInAsync(string name, CancellationToken ct)
    {
        await gate.WaitAsync(ct);
        try
        {
            return people.TryGetValue(name, out var client) ? client : people[name] = await SignInAsync(name, ct);
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>A space of this name, in which the people named have this role.</summary>
    public async Task<Space> SpaceAsync(string name, string role, IEnumerable<string> people, CancellationToken ct)
    {
        var admin = await AdminAsync(ct);
        var created = await admin.PostAsJsonAsync("/api/v1/spaces", new SpaceRequest(name, null), WireJson.Default.SpaceRequest, ct);
        await EnsureAsync(created, HttpStatusCode.Created, ct);
        var space = (await created.Content.ReadFromJsonAsync(WireJson.Default.Space, ct))!;
        foreach (var person in people)
        {
            await SignedInAsync(person, ct);
            var granted = await admin.PostAsJsonAsync($"/api/v1/spaces/{space.Id}/nodes/{space.Id}/grants", new GrantRequest($"user:{person}", role, null), WireJson.Default.GrantRequest, ct);
            await EnsureAsync(granted, HttpStatusCode.Created, ct);
        }
        return space;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (ConnectionString.Length > 0)
            await cluster.DropAsync(ConnectionString, CancellationToken.None);
        gate.Dispose();
        folder.Dispose();
    }

    static string PasswordOf(string name) => name == "admin" ? AdminPassword : $"the-long-password-of-{name}";

    async Task StartAsync(CancellationToken ct)
    {
        host = await ServerHost.CreateAsync(
            [
                "--urls=http://127.0.0.1:0", $"--Data={folder.Path}", $"--Database={ConnectionString};Pooling=true", "--Database:MaxPoolSize=20",
                $"--Admin_Password={AdminPassword}", "--Logging:LogLevel:Default=Warning", .. Settings,
            ],
            join: false,
            ct);
        await host.App.StartAsync(ct);
        Url = new Uri(host.App.Urls.First());
    }

    async Task StopAsync()
    {
        foreach (var client in people.Values)
            client.Dispose();
        people.Clear();
        if (host is null)
            return;
        await host.App.StopAsync(CancellationToken.None);
        await host.DisposeAsync();
        host = null;
    }

    async Task<HttpClient> SignInAsync(string name, CancellationToken ct)
    {
        if (name != "admin")
        {
            var admin = people.TryGetValue("admin", out var known) ? known : people["admin"] = await SignInAsync("admin", ct);
            var made = await admin.PostAsJsonAsync("/api/v1/admin/users", new UserRequest(name, PasswordOf(name)), WireJson.Default.UserRequest, ct);
            // After a restart the account is there already.
            if (made.StatusCode != HttpStatusCode.Conflict)
                await EnsureAsync(made, HttpStatusCode.Created, ct);
        }
        var client = Anonymous();
        var answer = await client.PostAsJsonAsync("/api/v1/auth/login", new LoginRequest(name, PasswordOf(name)), WireJson.Default.LoginRequest, ct);
        await EnsureAsync(answer, HttpStatusCode.OK, ct);
        var tokens = (await answer.Content.ReadFromJsonAsync(WireJson.Default.SessionTokens, ct))!;
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", tokens.AccessToken);
        return client;
    }

    static async Task EnsureAsync(HttpResponseMessage answer, HttpStatusCode expected, CancellationToken ct)
    {
        if (answer.StatusCode != expected)
            Assert.Fail($"{answer.RequestMessage?.Method} {answer.RequestMessage?.RequestUri} answered {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(ct)}");
    }
}
