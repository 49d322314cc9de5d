using System.CommandLine;
using FileClient.Api;
using FileClient.Terminal;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Commands;

/// <summary><c>versions</c>, <c>restore</c>, <c>trash</c>: what was, and how it comes back.</summary>
static class HistoryCommands
{
    public static Command Versions(Cli cli)
    {
        var path = new Argument<string>("SPACE:/path");
        return new Verb("versions", "Lists the versions of a file, newest first.", path)
        {
            Examples = ["fileshare versions team:/notes.txt", "fileshare versions team:/notes.txt --json"],
        }.Does(cli, async (run, ct) =>
        {
            var at = RemotePath.Parse(run.Of(path));
            var node = await run.Api.NodeAtAsync(at, null, ct);
            if (node.Kind != NodeKind.File)
                throw Failure.Usage($"{at} is not a file, so it has no versions.");
            await run.Output.ListAsync(run.Api.VersionsAsync(at.Space, node.Id, ct), WireJson.Default.FileVersion, version => Line(run, version), ct);
        });
    }

    static string Line(Run run, FileVersion version) =>
        $"{version.Number,5}  {version.Size,14}  {Wording.Time(version.CreatedAt)}  {run.Name(version.CreatedBy)}{(version.Device is { } device ? $" on {run.Name(device)}" : "")}{(version.Comment is { } comment ? $"  {run.Name(comment)}" : "")}";

    public static Command Restore(Cli cli)
    {
        var path = new Argument<string>("SPACE:/path");
        var version = new Option<int>("--version") { Description = "The version that becomes the newest again.", HelpName = "N", Required = true };
        var dryRun = Run.DryRun();
        return new Verb("restore", "Makes an old version of a file the newest again. The versions between stay.", path, version, dryRun)
        {
            Examples = ["fileshare restore team:/notes.txt --version 3"],
        }.Does(cli, async (run, ct) =>
        {
            var at = RemotePath.Parse(run.Of(path));
            var node = await run.Api.NodeAtAsync(at, null, ct);
            if (node.Kind != NodeKind.File)
                throw Failure.Usage($"{at} is not a file, so it has no versions.");
            await run.Api.VersionAsync(at.Space, node.Id, run.Of(version), ct);
            var deed = new Deed("restore", at.ToString(), $"version {run.Of(version)}");
            if (!run.Would(dryRun, deed))
                run.Tell(deed with { Revision = (await run.Api.RestoreVersionAsync(at.Space, node.Id, run.Of(version), ct)).Revision });
        });
    }

    public static Command Trash(Cli cli) => new Verb("trash", "What was removed, and how it comes back.", TrashList(cli), TrashRestore(cli));

    static Verb TrashList(Cli cli)
    {
        var space = new Argument<string>("SPACE");
        return new Verb("ls", "Lists what is in the trash of a space.", space) { Examples = ["fileshare trash ls team"] }.Does(cli, (run, ct) =>
            run.Output.ListAsync(
                run.Api.TrashAsync(RemotePath.ParseFolder(run.Of(space)).Space, ct),
                WireJson.Default.Node,
                node => $"{node.Id}  {run.Name(node.Name)}{(node.Kind == NodeKind.Folder ? "/" : "")}",
                ct));
    }

    static Verb TrashRestore(Cli cli)
    {
        var what = new Argument<string>("SPACE:/name") { Description = "The space, and the name or id as trash ls shows it." };
        var target = new Option<string?>("--to") { Description = "Restore under this path instead of the old place.", HelpName = "SPACE:/path" };
        var dryRun = Run.DryRun();
        return new Verb("restore", "Brings something back from the trash.", what, target, dryRun)
        {
            Examples = ["fileshare trash restore team:/old.txt", "fileshare trash restore team:/old.txt --to team:/old-again.txt"],
        }.Does(cli, async (run, ct) =>
        {
            var at = RemotePath.Parse(run.Of(what));
            var node = await FindAsync(run, at, ct);
            var operation = new Operation { Op = OperationKind.Restore, NodeId = node.Id };
            if (run.Of(target) is { } text)
            {
                var to = RemotePath.Parse(text);
                operation = operation with { ParentId = (await run.Api.NodeAtAsync(to.Parent, null, ct)).Id, Name = to.Name };
            }
            var deed = new Deed("restore", at.ToString(), run.Of(target));
            if (!run.Would(dryRun, deed))
                run.Tell(deed with { Revision = (await run.Api.CommitAsync(at.Space, new Changeset(ChangesetId.New(), [operation], Environment.MachineName), ct)).Revision });
        });
    }

    static async Task<Node> FindAsync(Run run, RemotePath at, CancellationToken ct)
    {
        var found = new List<Node>();
        await foreach (var node in run.Api.TrashAsync(at.Space, ct))
        {
            if (node.Name == at.Name || node.Id.ToString() == at.Name)
                found.Add(node);
        }
        return found switch
        {
            [var only] => only,
            [] => throw Failure.NotFound($"The trash of {at.Space} holds nothing named {at.Name}."),
            _ => throw new Failure(ExitCode.Failure, $"The trash holds {found.Count} items named {at.Name}.") { Hint = $"Name one by its id, as in {at.Space}:/{found[0].Id}" },
        };
    }
}
