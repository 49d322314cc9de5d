using FileServer.Http;
using FileServer.Protocol.Contracts;
using Tests.Support;

namespace Tests.Identity;

/// <summary>Security list row 16: guessing is slowed down, whatever restarts or pretends to be elsewhere.</summary>
public sealed class ThrottleTests(TestDatabase database) : IClassFixture<TestDatabase>, IAsyncLifetime
{
    static int tests;

    readonly TurnedClock clock = new();
    readonly int test = Interlocked.Increment(ref tests);
    Reception node = null!;

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    string Name => $"user{test}";

    public async ValueTask InitializeAsync()
    {
        node = await Reception.OpenAsync(database, clock, Ct);
        await node.CreateAsync(Name, Ct);
    }

    public ValueTask DisposeAsync() => node.DisposeAsync();

    [Fact]
    public async Task After_five_failures_a_name_waits_and_the_wait_doubles_up_to_a_quarter_of_an_hour()
    {
        for (var i = 0; i < 5; i++)
            Assert.Equal("wrong-credentials", await WrongAsync(Name));
        var waits = new List<int>();
        for (var i = 0; i < 12; i++)
        {
            var refusal = await Assert.ThrowsAsync<Refusal>(() => node.LoginAsync(Name, Ct));
            Assert.Equal("too-many-requests", refusal.Kind.Code);
            waits.Add(refusal.RetryAfterSeconds!.Value);
            clock.Turn(TimeSpan.FromSeconds(refusal.RetryAfterSeconds.Value));
            Assert.Equal("wrong-credentials", await WrongAsync(Name));
        }
        Assert.Equal([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900], waits);
    }

    [Fact]
    public async Task The_right_password_lets_a_name_start_anew()
    {
        for (var i = 0; i < 4; i++)
            await WrongAsync(Name);
        await node.LoginAsync(Name, Ct);
        for (var i = 0; i < 5; i++)
            Assert.Equal("wrong-credentials", await WrongAsync(Name));
    }

    [Fact]
    public async Task A_restart_forgets_nothing()
    {
        for (var i = 0; i < 5; i++)
            await WrongAsync(Name);
        await using var restarted = await Reception.OpenAsync(database, clock, Ct);
        Assert.Equal("too-many-requests", await Reception.RefusedAsync(() => restarted.LoginAsync(Name, Ct)));
    }

    [Fact]
    public async Task A_name_that_nobody_has_waits_just_the_same()
    {
        for (var i = 0; i < 5; i++)
            Assert.Equal("wrong-credentials", await WrongAsync($"nobody{test}"));
        var refusal = await Assert.ThrowsAsync<Refusal>(() => node.LoginAsync($"nobody{test}", Ct));
        Assert.Equal(("too-many-requests", 1), (refusal.Kind.Code, refusal.RetryAfterSeconds!.Value));
    }

    [Fact]
    public async Task Guesses_in_parallel_do_not_slip_through_together()
    {
        var codes = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => WrongAsync(Name)));
        Assert.Equal(5, codes.Count(code => code == "wrong-credentials"));
    }

    [Fact]
    public async Task Right_sign_ins_in_parallel_all_succeed() => await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => node.LoginAsync(Name, Ct)));

    [Fact]
    public async Task An_address_has_thirty_failures_a_minute_over_all_names()
    {
        var ip = $"198.51.100.{test}";
        for (var i = 0; i < 30; i++)
            Assert.Equal("wrong-credentials", await Reception.RefusedAsync(() => node.LoginAsync($"n{test}-{i}", Ct, "wrong password", ip)));
        Assert.Equal("too-many-requests", await Reception.RefusedAsync(() => node.LoginAsync($"other{test}", Ct, "wrong password", ip)));
        // Elsewhere the same name is let in, and a minute later it is here.
        await node.LoginAsync(Name, Ct);
        clock.Turn(TimeSpan.FromMinutes(1));
        await node.LoginAsync(Name, Ct, ip: ip);
    }

    [Fact]
    public async Task Neighbouring_addresses_of_one_network_are_one()
    {
        for (var i = 0; i < 30; i++)
            await Reception.RefusedAsync(() => node.LoginAsync($"v6-{test}-{i}", Ct, "wrong password", $"2001:db8:0:{test}::{i:x}"));
        Assert.Equal("too-many-requests", await Reception.RefusedAsync(() => node.LoginAsync(Name, Ct, ip: $"2001:db8:0:{test}:1::1")));
        await node.LoginAsync(Name, Ct, ip: "2001:db8:ffff::1");
    }

    [Fact]
    public async Task A_header_does_not_make_another_address()
    {
        for (var i = 0; i < 30; i++)
            await GuessAsync($"x{test}-{i}", i);
        Assert.Equal("too-many-requests", await GuessAsync($"x{test}-30", 30));

        Task<string> GuessAsync(string name, int i)
        {
            var request = node.Request(ip: $"203.0.113.{test}");
            request.Request.Headers["X-Forwarded-For"] = $"10.0.0.{i}";
            request.Request.Headers["Forwarded"] = $"for=10.0.0.{i}";
            return Reception.RefusedAsync(() => node.SignIn.LoginAsync(request, new LoginRequest(name, "wrong password"), Ct));
        }
    }

    // Each test guesses from an address of its own, so that only the name counts.
    Task<string> WrongAsync(string name) => Reception.RefusedAsync(() => node.LoginAsync(name, Ct, "wrong password", $"192.0.2.{100 + test}"));
}
