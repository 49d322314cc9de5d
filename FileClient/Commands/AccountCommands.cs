using System.CommandLine;
using FileClient.Api;
using FileClient.Local;
using FileClient.Terminal;
using FileServer.Protocol.Contracts;

namespace FileClient.Commands;

/// <summary><c>login</c>, <c>logout</c>, <c>whoami</c>, <c>status</c>: who this machine is to the server.</summary>
static class AccountCommands
{
    public static Command Login(Cli cli)
    {
        var url = new Argument<string>("URL") { Description = "Address of the server." };
        var user = new Option<string?>("--user", "-u") { Description = "Account to sign in with.", HelpName = "NAME" };
        var passwordStdin = new Option<bool>("--password-stdin") { Description = "Read the password from standard input." };
        var tokenStdin = new Option<bool>("--token-stdin") { Description = "Read a personal access token from standard input, instead of a password." };
        return new Verb("login", "Signs in to a server and remembers it.", url, user, passwordStdin, tokenStdin)
        {
            Examples =
            [
                "fileshare login https://files.example.org --user ann",
                "fileshare login http://127.0.0.1:8080 --user admin --password-stdin < password.txt",
                "fileshare login https://files.example.org --token-stdin < token.txt",
            ],
        }.Does(cli, async (run, ct) =>
        {
            var server = Settings.ParseUrl(run.Of(url));
            if (run.Of(passwordStdin) && run.Of(tokenStdin))
                throw Failure.Usage("Give a password or a token, not both.");
            var credential = run.Of(tokenStdin)
                ? new Credential(Settings.Text(server), "", null, null, null, await Input.LineAsync(run.Shell, ct))
                : await SignInAsync(run, server, run.Of(user), run.Of(passwordStdin), ct);
            using var api = run.Connect(server, new FixedToken(credential.Token ?? credential.AccessToken));
            var me = await api.MeAsync(ct);
            var folder = run.Settings.Folder;
            await folder.ChangeAsync(stored => stored.With(credential with { User = me.Name }), run.Clock, ct);
            folder.Save(folder.Config with { Url = credential.Url });
            if (run.Output.Json)
                run.Output.Value(me, WireJson.Default.Me);
            run.Output.Note($"Signed in to {credential.Url} as {me.Name}.");
            if (server is { Scheme: "http", IsLoopback: false })
                run.Output.Warn("the connection is not encrypted: passwords and files can be read on the way. Use https.");
        });
    }

    static async Task<Credential> SignInAsync(Run run, Uri server, string? user, bool passwordStdin, CancellationToken ct)
    {
        user ??= Input.Ask(run.Shell, "User", "Name the account with --user.");
        var password = passwordStdin
            ? await Input.LineAsync(run.Shell, ct)
            : Input.AskSecretly(run.Shell, $"Password of {user}", "There is no terminal to ask for the password: use --password-stdin or --token-stdin.");
        using var api = run.Connect(server, new FixedToken(null));
        var pair = await api.LoginAsync(new LoginRequest(user, password, Environment.MachineName), ct);
        return new Credential(Settings.Text(server), user, pair.AccessToken, run.Clock.GetUtcNow().AddSeconds(pair.ExpiresIn), pair.RefreshToken, null);
    }

    public static Command Logout(Cli cli) => new Verb("logout", "Ends the session on the server and forgets it here.")
    {
        Examples = ["fileshare logout"],
    }.Does(cli, async (run, ct) =>
    {
        var url = Settings.Text(run.Settings.RequireUrl());
        var folder = run.Settings.Folder;
        if (folder.Credentials.For(url) is not { } stored)
            throw new Failure(ExitCode.NotSignedIn, $"Nobody is signed in to {url}.");
        ApiException? unheard = null;
        if (stored.RefreshToken is { } refreshToken)
        {
            try
            {
                using var api = run.Connect(run.Settings.RequireUrl(), new StoredSession(folder, stored, run.Clock));
                await api.LogoutAsync(refreshToken, ct);
            }
            catch (ApiException failure) when (failure.Exit is ExitCode.Temporary or ExitCode.NotSignedIn)
            {
                // Signed out here in any case; a session that the server had ended already is no failure.
                unheard = failure.Exit == ExitCode.Temporary ? failure : null;
            }
        }
        await folder.ChangeAsync(credentials => credentials.Without(url), run.Clock, ct);
        if (unheard is not null)
            throw new Failure(ExitCode.Temporary, $"Signed out here, but the server did not hear of it: {unheard.Message}") { Hint = "The session ends there by itself when it expires." };
        run.Output.Note($"Signed out of {url}.");
    });

    public static Command WhoAmI(Cli cli) => new Verb("whoami", "Shows the account that commands act as.")
    {
        Examples = ["fileshare whoami", "fileshare whoami --json"],
    }.Does(cli, async (run, ct) =>
    {
        var me = await run.Api.MeAsync(ct);
        if (run.Output.Json)
            run.Output.Value(me, WireJson.Default.Me);
        else
            run.Output.Line(me.Name);
    });

    public static Command Status(Cli cli) => new Verb("status", "Shows the server, the account and whether both answer.")
    {
        Examples = ["fileshare status", "fileshare status --json"],
    }.Does(cli, async (run, ct) =>
    {
        var me = await run.Api.MeAsync(ct);
        var status = new Status(run.Api.Server.AbsoluteUri.TrimEnd('/'), me.Name, me.Role, ThisAssembly.Version, run.Settings.Folder.Path);
        if (run.Output.Json)
        {
            run.Output.Value(status, CommandJson.Default.Status);
            return;
        }
        run.Output.Line($"server    {status.Server}");
        run.Output.Line($"user      {me.Name} ({me.Role})");
        run.Output.Line($"client    {status.Client}");
        run.Output.Line($"settings  {status.Settings}");
    });
}
