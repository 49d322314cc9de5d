using FileServer.Audit;

namespace FileServer.Identity;

/// <summary>The server's command <c>admin reset-password USER</c>, for the day on which nobody can sign in any more.</summary>
sealed class ResetPassword(Accounts accounts, PasswordPolicy policy)
{
    /// <summary>Sets the password that stands in the first line of the input, else a made-up one, which is printed once; the user is signed out everywhere.</summary>
    public async Task RunAsync(string user, TextReader? input, TextWriter output, CancellationToken ct)
    {
        var chosen = input is null ? null : await input.ReadLineAsync(ct);
        if (!string.IsNullOrEmpty(chosen))
            policy.Require(chosen, user);
        var password = string.IsNullOrEmpty(chosen) ? FirstAdministrator.MakeUp() : chosen;
        var account = await accounts.ResetPasswordAsync(Actor.System("admin reset-password"), user, password, ct);
        await output.WriteLineAsync(password == chosen
            ? $"The password of '{account.Name}' is set. All sessions of this user have ended."
            : $"The password of '{account.Name}' is now {password} (shown only now). All sessions of this user have ended.");
        if (account.Disabled)
            await output.WriteLineAsync("The account is disabled, so the user cannot sign in before an administrator enables it.");
    }
}
