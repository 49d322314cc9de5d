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
        ListCommands.Ls(cli),
        ListCommands.Tree(cli),
        ListCommands.Stat(cli),
        TransferCommands.Cat(cli),
        TransferCommands.Put(cli),
        TransferCommands.Get(cli),
        ChangeCommands.MkDir(cli),
        ChangeCommands.Mv(cli),
        ChangeCommands.Cp(cli),
        ChangeCommands.Rm(cli),
        HistoryCommands.Versions(cli),
        HistoryCommands.Restore(cli),
        HistoryCommands.Trash(cli),
        AccessCommands.Build(cli),
        SyncCommands.Build(cli),
        SyncCommands.Verify(cli),
        AuditCommands.Build(cli),
        ApiCommand.Build(cli),
        AdminCommands.Build(cli),
        CompletionCommand.Build(cli),
        VersionCommand.Of(cli),
    ];
}
