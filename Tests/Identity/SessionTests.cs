using FileServer.Audit;
using FileServer.Database;
using FileServer.Identity;
using FileServer.Protocol.Contracts;
using Tests.Support;

namespace Tests.Identity;

/// <summary>Security list rows 7, 10, 12, 22, 23: sessions end when they must, and nobody uses a copied refresh token unseen.</summary>
public sealed class SessionTests(TestDatabase database) : IClassFixture<TestDatabase>, IAsyncLifetime
{
    static int names;

    readonly TurnedClock clock = new();
    readonly string name = $"user{Interlocked.Increment(ref names)}";
    Reception node = null!;

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => node = await Reception.OpenAsync(database, clock, Ct);

    public ValueTask DisposeAsync() => node.DisposeAsync();

    [Fact]
    public async Task A_refresh_gives_a_new_pair_and_the_new_one_works()
    {
        var first = await node.CreateAndLoginAsync(name, Ct);
        var second = await RefreshAsync(first.RefreshToken);
        var third = await RefreshAsync(second.RefreshToken);
        Assert.Equal(3, new[] { first, second, third }.Select(tokens => tokens.RefreshToken).Distinct().Count());
        Assert.Equal(name, (await node.CallAsync(third.AccessToken, Ct)).Name);
    }

    [Fact]
    public async Task A_refresh_token_used_twice_ends_the_session_and_is_on_record()
    {
        var first = await node.CreateAndLoginAsync(name, Ct);
        var second = await RefreshAsync(first.RefreshToken);
        clock.Turn(TimeSpan.FromSeconds(11));
        Assert.Equal("token-revoked", await RefusedAsync(first.RefreshToken));
        Assert.Equal("token-revoked", await RefusedAsync(second.RefreshToken));
        Assert.Equal("token-revoked", await Reception.RefusedAsync(() => node.CallAsync(second.AccessToken, Ct)));
        Assert.Equal(1, await EventsAsync("auth.reuse"));
    }

    [Fact]
    public async Task An_older_token_than_the_previous_one_ends_the_session_at_once()
    {
        var first = await node.CreateAndLoginAsync(name, Ct);
        var second = await RefreshAsync(first.RefreshToken);
        var third = await RefreshAsync(second.RefreshToken);
        Assert.Equal("token-revoked", await RefusedAsync(first.RefreshToken));
        Assert.Equal("token-revoked", await RefusedAsync(third.RefreshToken));
    }

    [Fact]
    public async Task Refreshes_in_parallel_get_the_same_successor()
    {
        var first = await node.CreateAndLoginAsync(name, Ct);
        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => RefreshAsync(first.RefreshToken)));
        Assert.Single(answers.Select(tokens => tokens.RefreshToken).Distinct());
        await RefreshAsync(answers[0].RefreshToken);
    }

    [Fact]
    public async Task A_made_up_refresh_token_of_a_known_session_ends_nothing()
    {
        var tokens = await node.CreateAndLoginAsync(name, Ct);
        var session = (await node.CallAsync(tokens.AccessToken, Ct)).SessionId!.Value;
        Assert.Equal("not-signed-in", await RefusedAsync(RefreshToken.First(session).Write(new byte[32])));
        Assert.Equal("not-signed-in", await RefusedAsync(tokens.AccessToken));
        await RefreshAsync(tokens.RefreshToken);
    }

    [Fact]
    public async Task Each_flipped_character_makes_a_refresh_token_worthless()
    {
        var tokens = await node.CreateAndLoginAsync(name, Ct);
        for (var i = 0; i < tokens.RefreshToken.Length; i++)
        {
            var other = tokens.RefreshToken[i] == 'A' ? 'Q' : 'A';
            Assert.Equal("not-signed-in", await RefusedAsync($"{tokens.RefreshToken[..i]}{other}{tokens.RefreshToken[(i + 1)..]}"));
        }
        await RefreshAsync(tokens.RefreshToken);
    }

    [Fact]
    public async Task A_session_ends_when_it_is_idle_and_after_its_absolute_time()
    {
        var idle = await node.CreateAndLoginAsync(name, Ct);
        clock.Turn(TimeSpan.FromDays(14));
        Assert.Equal("token-expired", await RefusedAsync(idle.RefreshToken));
        var used = await node.LoginAsync(name, Ct);
        for (var day = 0; day < 80; day += 10)
        {
            clock.Turn(TimeSpan.FromDays(10));
            used = await RefreshAsync(used.RefreshToken);
        }
        clock.Turn(TimeSpan.FromDays(10));
        Assert.Equal("token-expired", await RefusedAsync(used.RefreshToken));
    }

    [Fact]
    public async Task Log_out_ends_the_access_token_here_at_once_and_on_another_node_within_seconds()
    {
        await using var other = await Reception.OpenAsync(database, clock, Ct);
        var tokens = await node.CreateAndLoginAsync(name, Ct);
        await other.CallAsync(tokens.AccessToken, Ct);
        await node.CallAsync(tokens.AccessToken, Ct);
        await node.Sessions.EndAsync(node.Request(), tokens.RefreshToken, Ct);
        Assert.Equal("token-revoked", await Reception.RefusedAsync(() => node.CallAsync(tokens.AccessToken, Ct)));
        clock.Turn(TimeSpan.FromSeconds(2));
        Assert.Equal("token-revoked", await Reception.RefusedAsync(() => other.CallAsync(tokens.AccessToken, Ct)));
        Assert.Equal("token-revoked", await RefusedAsync(tokens.RefreshToken));
    }

    [Theory]
    [InlineData("disabled")]
    [InlineData("role")]
    [InlineData("password")]
    public async Task What_an_administrator_changes_ends_all_sessions(string what)
    {
        var tokens = await node.CreateAndLoginAsync(name, Ct);
        await node.CallAsync(tokens.AccessToken, Ct);
        var patch = what switch
        {
            "disabled" => new UserPatch(Disabled: true),
            "role" => new UserPatch(Role: "auditor"),
            _ => new UserPatch(Password: "quite another password"),
        };
        await node.Accounts.PatchAsync(Actor.System("test"), name, patch, FileServer.Http.Expectation.None, Ct);
        Assert.Equal("token-revoked", await Reception.RefusedAsync(() => node.CallAsync(tokens.AccessToken, Ct)));
        Assert.Equal("token-revoked", await RefusedAsync(tokens.RefreshToken));
    }

    [Fact]
    public async Task A_disabled_account_has_no_door_left()
    {
        var tokens = await node.CreateAndLoginAsync(name, Ct);
        var caller = await node.CallAsync(tokens.AccessToken, Ct);
        var personal = await node.Tokens.CreateAsync(caller, new TokenRequest("script"), Ct);
        await node.CallAsync(personal.Token, Ct);
        await node.Accounts.PatchAsync(Actor.System("test"), name, new UserPatch(Disabled: true), FileServer.Http.Expectation.None, Ct);
        Assert.Equal("token-revoked", await Reception.RefusedAsync(() => node.CallAsync(personal.Token, Ct)));
        Assert.Equal("wrong-credentials", await Reception.RefusedAsync(() => node.LoginAsync(name, Ct)));
    }

    [Fact]
    public async Task Changing_ones_password_ends_every_other_session_and_gives_a_new_one()
    {
        var here = await node.CreateAndLoginAsync(name, Ct);
        var elsewhere = await node.LoginAsync(name, Ct);
        var caller = await node.CallAsync(here.AccessToken, Ct);
        var fresh = await node.SignIn.ChangePasswordAsync(node.Request(), caller, new PasswordChange(Reception.Password, "a newer, longer password"), Ct);
        Assert.Equal("token-revoked", await Reception.RefusedAsync(() => node.CallAsync(elsewhere.AccessToken, Ct)));
        Assert.Equal("token-revoked", await RefusedAsync(elsewhere.RefreshToken));
        await node.CallAsync(fresh.AccessToken, Ct);
        Assert.Equal("wrong-credentials", await Reception.RefusedAsync(() => node.LoginAsync(name, Ct)));
        await node.LoginAsync(name, Ct, "a newer, longer password");
    }

    [Fact]
    public async Task Group_changes_count_at_once()
    {
        var tokens = await node.CreateAndLoginAsync(name, Ct);
        var before = await node.CallAsync(tokens.AccessToken, Ct);
        var groups = new Groups(database.Source, new AuditLog(), node.Callers);
        await groups.CreateAsync(Actor.System("test"), new GroupRequest($"inner {name}", [$"user:{name}"]), Ct);
        await groups.CreateAsync(Actor.System("test"), new GroupRequest($"outer {name}", [$"group:inner {name}"]), Ct);
        var after = await node.CallAsync(tokens.AccessToken, Ct);
        Assert.Equal((1, 3), (before.Principals.Count, after.Principals.Count));
        await groups.RemoveMemberAsync(Actor.System("test"), $"inner {name}", $"user:{name}", FileServer.Http.Expectation.None, Ct);
        Assert.Single((await node.CallAsync(tokens.AccessToken, Ct)).Principals);
    }

    Task<SessionTokens> RefreshAsync(string token) => node.Sessions.RefreshAsync(node.Request(), token, Ct);

    Task<string> RefusedAsync(string token) => Reception.RefusedAsync(() => RefreshAsync(token));

    Task<long> EventsAsync(string action) => database.Source.QuerySingleAsync<long>(
        "select count(*) from audit_events where action = @action and actor = @name", new { action, name }, Ct);
}
