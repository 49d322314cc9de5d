using System.CommandLine;
using FileClient.Terminal;
using FileServer.Protocol.Contracts;

namespace FileClient.Commands;

/// <summary><c>admin</c>: accounts, groups and sessions, for administrators.</summary>
static class AdminCommands
{
    public static Command Build(Cli cli) => new Verb("admin", "Manages accounts, groups and sessions.", Users(cli), Groups(cli), Sessions(cli));

    static Verb Users(Cli cli) => new Verb("users", "Lists and manages accounts.", AddUser(cli), SetUser(cli), DisableUser(cli))
    {
        Examples = ["fileshare admin users", "fileshare admin users add ann --password-stdin < password.txt"],
    }.Does(cli, (run, ct) => run.Output.ListAsync(
        run.Api.UsersAsync(ct),
        WireJson.Default.User,
        user => $"{run.Name(user.Name),-24}  {user.Role,-8}  {(user.Disabled ? "disabled" : "active"),-8}  {Wording.Time(user.LastSeenAt)}  {run.Name(user.DisplayName ?? "")}",
        ct));

    static Verb AddUser(Cli cli)
    {
        var name = new Argument<string>("NAME");
        var password = PasswordStdin();
        var display = DisplayName();
        var role = Role();
        return new Verb("add", "Makes an account.", name, password, display, role)
        {
            Examples = ["fileshare admin users add ann --display-name 'Ann Smith'", "fileshare admin users add eve --role auditor --password-stdin < password.txt"],
        }.Does(cli, async (run, ct) =>
            Print(run, await run.Api.CreateUserAsync(new UserRequest(run.Of(name), await SecretAsync(run, run.Of(password), run.Of(name), ct), run.Of(display), run.Of(role)), ct)));
    }

    static Verb SetUser(Cli cli)
    {
        var name = new Argument<string>("NAME");
        var password = PasswordStdin();
        var display = DisplayName();
        var role = Role();
        var enable = new Option<bool>("--enable") { Description = "Lets a disabled account sign in again." };
        return new Verb("set", "Changes an account; with --password-stdin its password, which ends its sessions.", name, password, display, role, enable)
        {
            Examples = ["fileshare admin users set ann --role admin", "fileshare admin users set ann --password-stdin < password.txt"],
        }.Does(cli, async (run, ct) =>
        {
            var secret = run.Of(password) ? await Input.LineAsync(run.Shell, ct) : null;
            Print(run, await run.Api.PatchUserAsync(run.Of(name), new UserPatch(run.Of(display), run.Of(role), run.Of(enable) ? false : null, secret), ct));
        });
    }

    static Verb DisableUser(Cli cli)
    {
        var name = new Argument<string>("NAME");
        var dryRun = Run.DryRun();
        return new Verb("disable", "Ends an account's sessions and keeps it from signing in. What it did stays on record.", name, dryRun)
        {
            Examples = ["fileshare admin users disable ann"],
        }.Does(cli, async (run, ct) =>
        {
            var deed = new Deed("disable", run.Of(name));
            if (run.Would(dryRun, deed))
                return;
            await run.Api.DisableUserAsync(run.Of(name), ct);
            run.Tell(deed);
        });
    }

    static Verb Groups(Cli cli)
    {
        var group = new Argument<string>("GROUP");
        var member = new Argument<string>("MEMBER") { Description = "user:NAME or group:NAME." };
        return new Verb(
            "groups",
            "Lists and manages groups.",
            new Verb("add", "Makes a group.", group) { Examples = ["fileshare admin groups add staff"] }.Does(cli, async (run, ct) =>
                Print(run, await run.Api.CreateGroupAsync(new GroupRequest(run.Of(group)), ct))),
            new Verb("delete", "Deletes a group, and what was granted to it.", group).Does(cli, async (run, ct) =>
            {
                await run.Api.DeleteGroupAsync(run.Of(group), ct);
                run.Tell(new Deed("delete", run.Of(group)));
            }),
            new Verb("join", "Adds a user or group to a group.", group, member) { Examples = ["fileshare admin groups join staff user:ann"] }.Does(cli, async (run, ct) =>
                Print(run, await run.Api.AddMemberAsync(run.Of(group), run.Of(member), ct))),
            new Verb("leave", "Takes a user or group out of a group.", group, member).Does(cli, async (run, ct) =>
            {
                await run.Api.RemoveMemberAsync(run.Of(group), run.Of(member), ct);
                run.Tell(new Deed("leave", run.Of(group), run.Of(member)));
            }))
        {
            Examples = ["fileshare admin groups", "fileshare admin groups join staff user:ann"],
        }.Does(cli, (run, ct) => run.Output.ListAsync(
            run.Api.GroupsAsync(ct),
            WireJson.Default.Group,
            item => $"{run.Name(item.Name),-24}  {string.Join(' ', item.Members.Select(run.Name))}",
            ct));
    }

    static Verb Sessions(Cli cli)
    {
        var user = new Option<string?>("--user") { Description = "Only this account's.", HelpName = "NAME" };
        var id = new Argument<string>("ID");
        return new Verb(
            "sessions",
            "Lists and ends sign-ins.",
            user,
            new Verb("end", "Ends a sign-in.", id).Does(cli, async (run, ct) =>
            {
                await run.Api.EndSessionAsync(run.Of(id), ct);
                run.Tell(new Deed("end", run.Of(id)));
            }))
        {
            Examples = ["fileshare admin sessions --user ann"],
        }.Does(cli, (run, ct) => run.Output.ListAsync(
            run.Api.SessionsAsync(run.Of(user), ct),
            WireJson.Default.Session,
            session => $"{session.Id}  {run.Name(session.User),-16}  {run.Name(session.Device ?? "-"),-20}  {Wording.Time(session.LastUsedAt)}",
            ct));
    }

    static Option<bool> PasswordStdin() => new("--password-stdin") { Description = "Read the password from standard input." };

    static Option<string?> DisplayName() => new("--display-name") { Description = "The name that people read.", HelpName = "TEXT" };

    static Option<string?> Role()
    {
        var role = new Option<string?>("--role") { Description = "member, admin or auditor.", HelpName = "ROLE" };
        role.AcceptOnlyFromAmong("member", "admin", "auditor");
        return role;
    }

    static async Task<string> SecretAsync(Run run, bool fromInput, string user, CancellationToken ct)
    {
        if (fromInput)
            return await Input.LineAsync(run.Shell, ct);
        const string Otherwise = "There is no terminal to ask for the password: use --password-stdin.";
        var password = Input.AskSecretly(run.Shell, $"Password of {user}", Otherwise);
        return password == Input.AskSecretly(run.Shell, "Once more", Otherwise) ? password : throw Failure.Usage("The two differ.");
    }

    static void Print(Run run, User user)
    {
        if (run.Output.Json)
            run.Output.Value(user, WireJson.Default.User);
        else
            run.Output.Note($"{user.Name} ({user.Role}{(user.Disabled ? ", disabled" : "")})");
    }

    static void Print(Run run, Group group)
    {
        if (run.Output.Json)
            run.Output.Value(group, WireJson.Default.Group);
        else
            run.Output.Note($"{group.Name}: {string.Join(' ', group.Members)}");
    }
}
