using FileClient.Local;
using FileServer.Protocol.Contracts;
using Tests.Support;

namespace Tests.Local;

public sealed class StoredSessionTests : IDisposable
{
    const string Url = "http://server.example";

    readonly TemporaryFolder temporary = new();
    readonly HashSet<string> used = [];
    readonly Lock gate = new();
    int refreshes;

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    ConfigFolder Folder => new(temporary["config"]);

    public void Dispose() => temporary.Dispose();

    async Task<Credential> SignedInAsync()
    {
        var credential = new Credential(Url, "ann", "access-0", DateTimeOffset.UnixEpoch, "refresh-0", null);
        await Folder.ChangeAsync(stored => stored.With(credential), TimeProvider.System, Ct);
        return credential;
    }

    /// <summary>Like the server: a refresh token that comes twice would end the session.</summary>
    async Task<SessionTokens> RefreshAsync(string token, CancellationToken ct)
    {
        await Task.Yield();
        lock (gate)
        {
            Assert.True(used.Add(token), $"{token} was used twice.");
            refreshes++;
            return new SessionTokens($"access-{refreshes}", 900, $"refresh-{refreshes}");
        }
    }

    [Fact]
    public async Task Processes_that_race_use_each_refresh_token_once()
    {
        var credential = await SignedInAsync();
        // Each session stands for a process: they share nothing but the files.
        var sessions = Enumerable.Range(0, 8).Select(_ => new StoredSession(Folder, credential, TimeProvider.System)).ToList();
        var renewed = await Task.WhenAll(sessions.SelectMany(session => Enumerable.Range(0, 4).Select(_ => session.RenewAsync("access-0", RefreshAsync, Ct))));
        Assert.All(renewed, Assert.True);
        Assert.Equal(1, refreshes);
        Assert.All(sessions, session => Assert.Equal("access-1", session.Current));
        Assert.Equal("refresh-1", Folder.Credentials.For(Url)!.RefreshToken);
    }

    [Fact]
    public async Task A_session_that_another_process_signed_out_is_not_renewed()
    {
        var session = new StoredSession(Folder, await SignedInAsync(), TimeProvider.System);
        await Folder.ChangeAsync(stored => stored.Without(Url), TimeProvider.System, Ct);
        Assert.False(await session.RenewAsync("access-0", RefreshAsync, Ct));
        Assert.Equal(0, refreshes);
    }

    [Fact]
    public async Task An_expired_access_token_is_known_before_it_is_sent()
    {
        var session = new StoredSession(Folder, await SignedInAsync(), TimeProvider.System);
        Assert.True(session.Expired);
        await session.RenewAsync("access-0", RefreshAsync, Ct);
        Assert.False(session.Expired);
    }

    [Fact]
    public async Task A_personal_token_is_never_renewed()
    {
        var session = new StoredSession(Folder, new Credential(Url, "ann", null, null, null, "personal"), TimeProvider.System);
        Assert.Equal("personal", session.Current);
        Assert.False(session.Expired);
        Assert.False(await session.RenewAsync("personal", RefreshAsync, Ct));
    }
}
