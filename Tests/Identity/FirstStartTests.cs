using System.Text.RegularExpressions;
using FileServer.Http;
using FileServer.Identity;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Tests.Support;

namespace Tests.Identity;

/// <summary>How the first person gets in, and how they get in again.</summary>
public sealed partial class FirstStartTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_first_password_is_made_up_and_printed_once_and_a_reset_replaces_it()
    {
        await using var node = await Reception.OpenAsync(database, new TurnedClock(), Ct);
        using var hasher = new PasswordHasher(1000, 1, 10);
        var policy = new PasswordPolicy(Options.Create(new IdentityOptions()));
        var first = new FirstAdministrator(database.Source, node.Accounts, hasher, policy, NullLogger<FirstAdministrator>.Instance);
        await using var printed = new StringWriter();
        // Two nodes that start at once make one account and print one password.
        await Task.WhenAll(first.EnsureAsync(null, printed, Ct), first.EnsureAsync(null, printed, Ct));
        await first.EnsureAsync("another password", printed, Ct);
        var password = Assert.Single(MadeUp().Matches(printed.ToString())).Value;
        var tokens = await node.LoginAsync("admin", Ct, password);
        var admin = await node.CallAsync(tokens.AccessToken, Ct);
        Assert.Equal(AccountRole.Admin, admin.Role);

        var reset = new ResetPassword(node.Accounts, policy);
        await using var told = new StringWriter();
        await reset.RunAsync("admin", input: null, told, Ct);
        Assert.Equal("token-revoked", await Reception.RefusedAsync(() => node.Sessions.RefreshAsync(node.Request(), tokens.RefreshToken, Ct)));
        await node.LoginAsync("admin", Ct, MadeUp().Match(told.ToString()).Value);
        await reset.RunAsync("admin", new StringReader("a password of the operator\n"), told, Ct);
        await node.LoginAsync("admin", Ct, "a password of the operator");
        await Assert.ThrowsAsync<Refusal>(() => reset.RunAsync("nobody", input: null, told, Ct));
    }

    [GeneratedRegex("[a-z2-9]{5}(-[a-z2-9]{5}){3}", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex MadeUp();
}
