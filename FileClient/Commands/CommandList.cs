using System.CommandLine;

namespace FileClient.Commands;

/// <summary>The table of contents: every command of the program, in the order of its help.</summary>
static class CommandList
{
    public static IEnumerable<Command> All(Cli cli) =>
    [
        AccountCommands.Login(cli),
        AccountCommands.Logout(cli),
        AccountCommands.WhoAmI(cli),
        AccountCommands.Status(cli),
        SpaceCommands.Build(cli),
        VersionCommand.Of(cli),
    ];
}
