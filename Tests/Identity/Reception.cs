using System.Net;
using FileServer.Audit;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tests.Support;

namespace Tests.Identity;

/// <summary>Identity as one node runs it, without HTTP, with a clock that tests turn and quick password hashes. Several on one database are several nodes.</summary>
sealed class Reception : IAsyncDisposable
{
    public const string Password = "a password of some length";

    readonly ServiceProvider services;

    Reception(ServiceProvider services, TurnedClock clock) => (this.services, Clock) = (services, clock);

    public TurnedClock Clock { get; }

    public Sessions Sessions => services.GetRequiredService<Sessions>();

    public Accounts Accounts => services.GetRequiredService<Accounts>();

    public Callers Callers => services.GetRequiredService<Callers>();

    public SignIn SignIn => services.GetRequiredService<SignIn>();

    public PersonalTokens Tokens => services.GetRequiredService<PersonalTokens>();

    public ServerKeys Keys => services.GetRequiredService<ServerKeys>();

    public static async Task<Reception> OpenAsync(TestDatabase database, TurnedClock clock, CancellationToken ct, params (string Key, string Value)[] settings)
    {
        var collection = new ServiceCollection();
        collection.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Key, (string?)s.Value))).Build());
        collection.AddLogging(logging => logging.SetMinimumLevel(LogLevel.None));
        collection.AddSingleton(database.Source);
        collection.AddSingleton<TimeProvider>(clock);
        collection.AddAudit();
        collection.AddIdentity();
        collection.AddSingleton(new PasswordHasher(iterations: 1000, maxConcurrent: 2, maxQueued: 1000));
        var reception = new Reception(collection.BuildServiceProvider(), clock);
        await reception.Keys.LoadAsync(ct);
        return reception;
    }

    public DefaultHttpContext Request(string? bearer = null, string ip = "192.0.2.1")
    {
        // A scope of its own, as each request has: what checks a token remembers its answer there.
        var context = new DefaultHttpContext { RequestServices = services.CreateScope().ServiceProvider, TraceIdentifier = "request-1" };
        context.Connection.RemoteIpAddress = IPAddress.Parse(ip);
        if (bearer is not null)
            context.Request.Headers.Authorization = $"Bearer {bearer}";
        return context;
    }

    public Task<User> CreateAsync(string name, CancellationToken ct, AccountRole role = AccountRole.Member) =>
        Accounts.CreateAsync(Actor.System("test"), name, Password, null, role, ct);

    public Task<SessionTokens> LoginAsync(string name, CancellationToken ct, string password = Password, string ip = "192.0.2.1") =>
        SignIn.LoginAsync(Request(ip: ip), new LoginRequest(name, password), ct);

    public Task<Caller> CallAsync(string token, CancellationToken ct) => Callers.FindAsync(Request(token), ct);

    public async Task<SessionTokens> CreateAndLoginAsync(string name, CancellationToken ct)
    {
        await CreateAsync(name, ct);
        return await LoginAsync(name, ct);
    }

    /// <summary>The code that it is refused with.</summary>
    public static async Task<string> RefusedAsync(Func<Task> act) => (await Assert.ThrowsAsync<Refusal>(act)).Kind.Code;

    public ValueTask DisposeAsync() => services.DisposeAsync();
}
