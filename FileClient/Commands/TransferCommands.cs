using System.CommandLine;
using FileClient.Api;
using FileClient.Terminal;
using FileClient.Transfer;
using FileServer.Protocol.Contracts;

namespace FileClient.Commands;

/// <summary><c>cat</c>, <c>put</c>, <c>get</c>: bytes from and to the server.</summary>
static class TransferCommands
{
    const string Stream = "-";

    public static Command Cat(Cli cli)
    {
        var paths = new Argument<string[]>("SPACE:/path") { Arity = ArgumentArity.OneOrMore };
        var version = new Option<int?>("--version") { Description = "An older version.", HelpName = "N" };
        return new Verb("cat", "Writes files to standard output.", paths, version)
        {
            Examples = ["fileshare cat team:/notes.txt", "fileshare cat team:/notes.txt --version 3"],
        }.Does(cli, async (run, ct) =>
        {
            foreach (var path in run.Of(paths).Select(RemotePath.Parse))
                await ToOutputAsync(run, path, run.Of(version), ct);
        });
    }

    static async Task ToOutputAsync(Run run, RemotePath path, int? version, CancellationToken ct)
    {
        var node = await FileAsync(run, path, version, ct);
        using var check = await ContentCheck.ForAsync(run.Api, path.Space, node, ct);
        await new Fetch(run.Api, run.Clock).RunAsync(path.Space, node, 0, block =>
        {
            run.Output.Data.Write(block.Span);
            check.Append(block.Span);
        }, Unwatched.Instance, ct);
        if (check.WhatIsWrong() is { } wrong)
            throw Failure.Integrity($"{path}: {wrong}");
    }

    static async Task<Node> FileAsync(Run run, RemotePath path, int? version, CancellationToken ct)
    {
        var node = await run.Api.NodeAtAsync(path, null, ct);
        if (node.Kind != NodeKind.File || path.MeansFolder)
            throw Failure.Usage($"{path} is not a file.");
        if (version is not { } number || number == node.Version)
            return node;
        var old = await run.Api.VersionAsync(path.Space, node.Id, number, ct);
        return node with { Version = number, Size = old.Size, ContentId = old.ContentId, Sha256 = old.Sha256, ModifiedAt = old.ModifiedAt };
    }

    public static Command Put(Cli cli)
    {
        var arguments = new Argument<string[]>("LOCAL… SPACE:/path") { Description = "Files and folders (- is standard input), and where to: into it with a slash at its end, else under that very name.", Arity = new ArgumentArity(2, 100_000) };
        var deep = new Option<bool>("-r", "--recursive") { Description = "Folders with everything below (they are taken so in any case).", Hidden = true };
        var dryRun = Run.DryRun();
        return new Verb("put", "Uploads files and folders. A file that is there already gets a new version. Killed, it goes on where it stopped.", arguments, deep, dryRun)
        {
            Examples =
            [
                "fileshare put report.pdf team:/reports/",
                "fileshare put photos team:/archive/",
                "tar c src | fileshare put - team:/backup/src.tar",
            ],
        }.Does(cli, async (run, ct) =>
        {
            var all = run.Of(arguments);
            var items = await PutItem.PlanAsync(run.Api, all[..^1], RemotePath.Parse(all[^1]), ct);
            using var progress = Progress.For(run.Output, run.Shell);
            var partial = false;
            foreach (var item in items)
            {
                if (!run.Would(dryRun, new Deed("put", item.Local, item.Remote.ToString())))
                    partial |= !await PutAsync(run, item, progress, ct);
            }
            return partial ? ExitCode.Partial : ExitCode.Done;
        });
    }

    static async Task<bool> PutAsync(Run run, PutItem item, Progress progress, CancellationToken ct)
    {
        if (item.IsFolder)
        {
            var result = await new FolderUpload(run.Api, run.Settings.Folder, run.Clock, progress).RunAsync(item.Local, item.Remote, ct);
            progress.Clear();
            return Report(run, new Deed("put", item.Local, item.Remote.ToString()), result);
        }
        Node? node;
        if (item.Local == Stream)
        {
            await using var input = run.Shell.OpenInput();
            node = await run.Api.PutAsync(item.Remote, null, null, watchdog => new PipeContent(input, watchdog), ct);
        }
        else
            node = await new Upload(run.Api, run.Settings.Folder, run.Clock, progress).RunAsync(item.Local, item.Remote, ct);
        progress.Clear();
        if (node is null)
            run.Tell(new Deed("put", item.Local, item.Remote.ToString()));
        else if (run.Output.Json)
            run.Output.Value(Entry.Of(item.Remote.Path, node), CommandJson.Default.Entry);
        else
            run.Output.Note($"put {Wording.Printable(item.Remote.ToString())}  version {node.Version}  {Wording.Size(node.Size)}");
        return true;
    }

    public static Command Get(Cli cli)
    {
        var arguments = new Argument<string[]>("SPACE:/path… LOCAL") { Description = "What to fetch, and where to: into a folder with a slash at its end, else under that very name; - is standard output.", Arity = new ArgumentArity(2, 100_000) };
        var version = new Option<int?>("--version") { Description = "An older version.", HelpName = "N" };
        var deep = new Option<bool>("-r", "--recursive") { Description = "Folders with everything below (they are taken so in any case).", Hidden = true };
        var dryRun = Run.DryRun();
        return new Verb("get", "Downloads files and folders. Killed, it goes on where it stopped; nothing is replaced before all of it has arrived and is proven right.", arguments, version, deep, dryRun)
        {
            Examples = ["fileshare get team:/reports/2026.pdf .", "fileshare get team:/reports /tmp/reports", "fileshare get team:/notes.txt --version 3 old-notes.txt"],
        }.Does(cli, async (run, ct) =>
        {
            var all = run.Of(arguments);
            var sources = all[..^1].Select(RemotePath.Parse).ToList();
            var target = all[^1];
            if (RemotePath.Looks(target) && !Path.Exists(target))
                throw Failure.Usage($"The last argument is where to save, and '{target}' is a remote path.");
            using var progress = Progress.For(run.Output, run.Shell);
            var partial = false;
            foreach (var source in sources)
                partial |= !await GetAsync(run, source, target, sources.Count > 1, run.Of(version), dryRun, progress, ct);
            return partial ? ExitCode.Partial : ExitCode.Done;
        });
    }

    static async Task<bool> GetAsync(Run run, RemotePath source, string target, bool several, int? version, Option<bool> dryRun, Progress progress, CancellationToken ct)
    {
        if (target == Stream)
        {
            await ToOutputAsync(run, source, version, ct);
            return true;
        }
        var node = await run.Api.NodeAtAsync(source, null, ct);
        // A folder goes under the very name unless a slash says otherwise, so that the same command run again goes on instead of nesting.
        var meant = target.EndsWith(Path.DirectorySeparatorChar) || target is "." or "..";
        var into = meant || (Directory.Exists(target) && (several || node.Kind != NodeKind.Folder));
        if (several && !into)
            throw Failure.Usage($"{target} is not a folder, and there are several sources.");
        var place = into ? Path.Combine(target, source.Name) : target;
        var deed = new Deed("get", source.ToString(), place);
        if (run.Would(dryRun, deed))
            return true;
        if (node.Kind == NodeKind.Folder)
        {
            var result = await new FolderDownload(run.Api, run.Clock, progress).RunAsync(source.Space, node, place, ct);
            progress.Clear();
            return Report(run, deed, result);
        }
        node = await FileAsync(run, source, version, ct);
        if (Path.GetDirectoryName(Path.GetFullPath(place)) is { } folder && target.EndsWith(Path.DirectorySeparatorChar))
            Directory.CreateDirectory(folder);
        await new Download(run.Api, run.Clock, progress).RunAsync(source.Space, node, place, ct);
        progress.Clear();
        if (run.Output.Json)
            run.Output.Value(Entry.Of(place, node), CommandJson.Default.Entry);
        else
            run.Output.Note($"got {Wording.Printable(place)}  version {node.Version}  {Wording.Size(node.Size)}");
        return true;
    }

    static bool Report(Run run, Deed deed, FolderResult result)
    {
        foreach (var skipped in result.Skipped)
            run.Output.Warn($"skipped {Wording.Printable(skipped.Path)}: {skipped.Reason}");
        if (run.Output.Json)
            run.Output.Value(new FolderDeed(deed.Action, deed.Path, deed.To!, result.Transferred, result.Unchanged, result.Skipped), CommandJson.Default.FolderDeed);
        else
            run.Output.Note($"{deed.Action} {Wording.Printable(deed.Path)} -> {Wording.Printable(deed.To!)}: {result.Transferred} files, {result.Unchanged} unchanged, {result.Skipped.Count} skipped");
        return result.Skipped.Count == 0;
    }
}
