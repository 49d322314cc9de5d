using FileServer.Http;
using FileServer.Identity;
using Microsoft.Extensions.Options;

namespace Tests.Identity;

/// <summary>Security list rows 15 and 17: hashes that cost, but never more than the server has.</summary>
public sealed class PasswordTests
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_hash_is_a_PHC_string_that_only_its_password_fits()
    {
        using var hasher = new PasswordHasher(Options.Create(new IdentityOptions()));
        var hash = await hasher.HashAsync("correct horse battery", Ct);
        Assert.Matches(@"^\$pbkdf2-sha512\$i=210000\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$", hash);
        Assert.True(await hasher.VerifyAsync("correct horse battery", hash, Ct));
        Assert.False(await hasher.VerifyAsync("correct horse batterz", hash, Ct));
        Assert.False(await hasher.VerifyAsync("correct horse battery", null, Ct));
    }

    [Fact]
    public async Task An_account_that_does_not_exist_costs_the_same_time()
    {
        using var hasher = new PasswordHasher(Options.Create(new IdentityOptions()));
        var hash = await hasher.HashAsync("correct horse battery", Ct);
        List<double> known = [];
        List<double> unknown = [];
        // Taken in turns, so that whatever else the machine does falls on both.
        for (var i = 0; i < 9; i++)
        {
            known.Add(await TimeAsync(hash));
            unknown.Add(await TimeAsync(null));
        }
        Assert.InRange(Median(unknown) / Median(known), 0.4, 2.5);

        async Task<double> TimeAsync(string? phc)
        {
            var start = TimeProvider.System.GetTimestamp();
            await hasher.VerifyAsync("a wrong password", phc, Ct);
            return TimeProvider.System.GetElapsedTime(start).TotalMilliseconds;
        }

        static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
    }

    [Fact]
    public async Task Composed_and_decomposed_characters_are_one_password()
    {
        using var hasher = new PasswordHasher(1000, 1, 10);
        var hash = await hasher.HashAsync("stra\u00dfe \u00fcber m\u00fcnchen", Ct);
        Assert.True(await hasher.VerifyAsync("stra\u00dfe u\u0308ber mu\u0308nchen", hash, Ct));
    }

    [Fact]
    public async Task Fewer_rounds_than_asked_for_are_outdated()
    {
        using var old = new PasswordHasher(1000, 1, 10);
        using var now = new PasswordHasher(2000, 1, 10);
        var hash = await old.HashAsync("a password of some length", Ct);
        Assert.True(now.IsOutdated(hash));
        Assert.True(await now.VerifyAsync("a password of some length", hash, Ct));
    }

    [Fact]
    public async Task Only_so_many_hashes_run_and_wait()
    {
        using var hasher = new PasswordHasher(100_000, maxConcurrent: 1, maxQueued: 3);
        var attempts = Enumerable.Range(0, 20).Select(_ => hasher.HashAsync("a password of some length", Ct)).ToArray();
        var refused = 0;
        foreach (var attempt in attempts)
        {
            try
            {
                await attempt;
            }
            catch (Refusal refusal)
            {
                Assert.Equal("too-many-requests", refusal.Kind.Code);
                refused++;
            }
        }
        Assert.InRange(refused, 14, 16);
        await hasher.HashAsync("a password of some length", Ct);
    }

    [Theory]
    [InlineData("short")]
    [InlineData("elevenchars")]
    [InlineData("password1234")]
    [InlineData("PASSWORD1234")]
    [InlineData("aaaaaaaaaaaaaaaa")]
    [InlineData("abababababababab")]
    [InlineData("margaretmargaret12")]
    [InlineData("margaret-fileshare")]
    [InlineData(null)]
    public void A_password_that_everybody_tries_is_refused(string? password) => Assert.NotNull(Policy.Fault(password, "margaret"));

    [Theory]
    [InlineData("margaret-secret-pw")]
    [InlineData("twelve chars")]
    [InlineData("correct horse battery staple")]
    public void A_long_password_needs_nothing_else(string password) => Assert.Null(Policy.Fault(password, "margaret"));

    [Fact]
    public void A_password_is_measured_in_bytes_before_it_is_hashed()
    {
        PasswordPolicy.RequireHashable(new string('x', 1024));
        Assert.Throws<Refusal>(() => PasswordPolicy.RequireHashable(new string('x', 1025)));
        Assert.Throws<Refusal>(() => PasswordPolicy.RequireHashable(new string('ü', 513)));
    }

    static PasswordPolicy Policy => new(Options.Create(new IdentityOptions()));
}
