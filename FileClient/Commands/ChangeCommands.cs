using System.CommandLine;
using FileClient.Api;
using FileClient.Transfer;
using FileServer.Protocol.Contracts;

namespace FileClient.Commands;

/// <summary><c>mkdir</c>, <c>mv</c>, <c>cp</c>, <c>rm</c>: changes on the server, each call one changeset.</summary>
static class ChangeCommands
{
    public static Command MkDir(Cli cli)
    {
        var paths = Paths("SPACE:/path");
        var parents = new Option<bool>("-p", "--parents") { Description = "Make missing folders above too; a folder that is there is no failure." };
        var dryRun = Run.DryRun();
        return new Verb("mkdir", "Makes folders.", paths, parents, dryRun) { Examples = ["fileshare mkdir team:/reports", "fileshare mkdir -p team:/2026/11/drafts"] }.Does(cli, async (run, ct) =>
        {
            foreach (var path in run.Of(paths).Select(RemotePath.Parse))
                await CommitAsync(run, dryRun, "mkdir", [await new RemoteChanges(run.Api).MakeFolderAsync(path, run.Of(parents), ct)], ct);
        });
    }

    public static Command Mv(Cli cli) => FromTo(cli, "mv", "Moves or renames. The history, links and rights come along.",
        ["fileshare mv team:/draft.txt team:/final.txt", "fileshare mv team:/a.txt team:/b.txt team:/archive/"],
        (changes, sources, target, ct) => changes.MoveAsync(sources, target, ct));

    public static Command Cp(Cli cli) => FromTo(cli, "cp", "Copies on the server: no bytes travel.",
        ["fileshare cp team:/template.docx team:/reports/november.docx", "fileshare cp team:/2025 team:/2026"],
        (changes, sources, target, ct) => changes.CopyAsync(sources, target, ct));

    static Verb FromTo(
        Cli cli, string name, string description, string[] examples,
        Func<RemoteChanges, IReadOnlyList<RemotePath>, RemotePath, CancellationToken, Task<IReadOnlyList<PlannedChange>>> plan)
    {
        var paths = new Argument<string[]>("SPACE:/from… SPACE:/to") { Description = "What, and where to: a folder that is there takes it, else it is the new name.", Arity = new ArgumentArity(2, 100_000) };
        var deep = new Option<bool>("-r", "--recursive") { Description = "Folders with everything below (they are taken so in any case).", Hidden = true };
        var dryRun = Run.DryRun();
        return new Verb(name, description, paths, deep, dryRun) { Examples = examples }.Does(cli, async (run, ct) =>
        {
            var all = run.Of(paths).Select(RemotePath.Parse).ToList();
            await CommitAsync(run, dryRun, name, await plan(new RemoteChanges(run.Api), all[..^1], all[^1], ct), ct);
        });
    }

    public static Command Rm(Cli cli)
    {
        var paths = Paths("SPACE:/path");
        var deep = new Option<bool>("-r", "--recursive") { Description = "Folders with everything below (they are taken so in any case).", Hidden = true };
        var dryRun = Run.DryRun();
        return new Verb("rm", "Puts files and folders into the trash, from where they can be restored.", paths, deep, dryRun)
        {
            Examples = ["fileshare rm team:/old.txt", "fileshare rm team:/drafts --dry-run"],
        }.Does(cli, async (run, ct) =>
        {
            var changes = new List<PlannedChange>();
            foreach (var path in run.Of(paths).Select(RemotePath.Parse))
                changes.Add(await new RemoteChanges(run.Api).DeleteAsync(path, ct));
            await CommitAsync(run, dryRun, "rm", changes, ct);
        });
    }

    static Argument<string[]> Paths(string name) => new(name) { Arity = ArgumentArity.OneOrMore };

    /// <summary>All changes of one space as one changeset: either everything is done or nothing.</summary>
    static async Task CommitAsync(Run run, Option<bool> dryRun, string action, IReadOnlyList<PlannedChange> changes, CancellationToken ct)
    {
        foreach (var space in changes.GroupBy(change => change.Space))
        {
            var operations = space.SelectMany(change => change.Operations).ToList();
            var result = run.Of(dryRun) || operations.Count == 0
                ? null
                : await run.Api.CommitAsync(space.Key, new Changeset(FileServer.Protocol.ChangesetId.New(), operations, Environment.MachineName), ct);
            foreach (var change in space)
            {
                if (!run.Would(dryRun, new Deed(action, change.From, change.To)))
                    run.Tell(new Deed(action, change.From, change.To, result?.Revision));
            }
        }
    }
}
