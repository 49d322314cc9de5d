using System.CommandLine;
using FileClient.Api;
using FileClient.Terminal;
using FileClient.Transfer;
using FileServer.Protocol.Contracts;

namespace FileClient.Commands;

/// <summary><c>ls</c>, <c>tree</c>, <c>stat</c>: what is on the server.</summary>
static class ListCommands
{
    public static Command Ls(Cli cli)
    {
        var path = new Argument<string?>("SPACE:/path") { Description = "Folder or file; nothing: the spaces.", Arity = ArgumentArity.ZeroOrOne };
        var details = new Option<bool>("-l", "--long") { Description = "With rights, size, version and time." };
        var deep = new Option<bool>("-R", "--recursive") { Description = "Everything below, too." };
        return new Verb("ls", "Lists a folder.", path, details, deep)
        {
            Examples = ["fileshare ls team:/", "fileshare ls -l team:/reports", "fileshare ls -R team:/ --json"],
        }.Does(cli, async (run, ct) =>
        {
            if (run.Of(path) is not { } text)
            {
                await run.Output.ListAsync(run.Api.SpacesAsync(ct), WireJson.Default.Space, space => run.Name(space.Name) + ":/", ct);
                return;
            }
            var entries = Entries(run, RemotePath.ParseFolder(text), run.Of(deep), ct);
            await run.Output.ListAsync(entries, CommandJson.Default.Entry, run.Of(details) ? entry => Details(run, entry) : entry => run.Name(Short(entry)), ct);
        });
    }

    /// <summary>The entries of a folder, with paths from it on; a file is its own only entry.</summary>
    static async IAsyncEnumerable<Entry> Entries(Run run, RemotePath path, bool deep, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        var top = await run.Api.NodeAtAsync(path, null, ct);
        if (top.Kind != NodeKind.Folder)
        {
            if (path.MeansFolder)
                throw Failure.NotFound($"{path} is not a folder.");
            yield return Entry.Of(top.Name, top);
        }
        else if (deep)
        {
            foreach (var (place, node) in await RemoteTree.BelowAsync(run.Api, path.Space, top, ct))
                yield return Entry.Of(place, node);
        }
        else
        {
            await foreach (var node in run.Api.ChildrenAsync(path.Space, top.Id, null, ct))
                yield return Entry.Of(node.Name, node);
        }
    }

    static string Short(Entry entry) => entry.Kind == NodeKind.Folder ? entry.Path + "/" : entry.Path;

    static string Details(Run run, Entry entry) => string.Concat(
        entry.Kind switch { NodeKind.Folder => 'd', NodeKind.Symlink => 'l', _ => entry.Executable ? 'x' : '-' },
        $" {(entry.Kind == NodeKind.File ? entry.Size.ToString() : "-"),14} {(entry.Kind == NodeKind.File ? $"v{entry.Version}" : "-"),6}  {Wording.Time(entry.ModifiedAt)}  {run.Name(Short(entry))}",
        entry.Target is { } target ? $" -> {run.Name(target)}" : "");

    public static Command Tree(Cli cli)
    {
        var path = new Argument<string>("SPACE:/path");
        return new Verb("tree", "Shows everything below a folder as a tree.", path) { Examples = ["fileshare tree team:/reports"] }.Does(cli, async (run, ct) =>
        {
            var at = RemotePath.ParseFolder(run.Of(path));
            var top = await run.Api.NodeAtAsync(at, null, ct);
            var below = await RemoteTree.BelowAsync(run.Api, at.Space, top, ct);
            if (run.Output.Json)
            {
                await run.Output.ListAsync(below.Select(item => Entry.Of(item.Path, item.Node)).ToAsyncEnumerable(), CommandJson.Default.Entry, Short, ct);
                return;
            }
            run.Output.Line(run.Name(at.ToString()));
            var children = below.ToLookup(item => item.Node.ParentId!.Value, item => item.Node);
            Branch(run, children, top, "");
        });
    }

    static void Branch(Run run, ILookup<FileServer.Protocol.NodeId, Node> children, Node folder, string indent)
    {
        var items = children[folder.Id].ToList();
        for (var i = 0; i < items.Count; i++)
        {
            var last = i == items.Count - 1;
            run.Output.Line($"{indent}{(last ? "└── " : "├── ")}{run.Name(items[i].Name)}{(items[i].Kind == NodeKind.Folder ? "/" : "")}");
            Branch(run, children, items[i], indent + (last ? "    " : "│   "));
        }
    }

    public static Command Stat(Cli cli)
    {
        var path = new Argument<string>("SPACE:/path");
        return new Verb("stat", "Shows all that is known about a file or folder.", path)
        {
            Examples = ["fileshare stat team:/reports/2026.pdf", "fileshare stat team:/reports/2026.pdf --json"],
        }.Does(cli, async (run, ct) =>
        {
            var at = RemotePath.ParseFolder(run.Of(path));
            var node = await run.Api.NodeAtAsync(at, null, ct);
            if (run.Output.Json)
            {
                run.Output.Value(Entry.Of(at.Path, node), CommandJson.Default.Entry);
                return;
            }
            run.Output.Line($"path      {run.Name(at.ToString())}");
            run.Output.Line($"kind      {node.Kind.ToString().ToLowerInvariant()}");
            run.Output.Line($"id        {node.Id}");
            if (node.Kind == NodeKind.File)
            {
                run.Output.Line($"size      {node.Size} ({Wording.Size(node.Size)})");
                run.Output.Line($"version   {node.Version}");
                run.Output.Line($"content   {node.ContentId}");
                run.Output.Line($"sha256    {node.Sha256?.ToString() ?? "not known yet"}");
            }
            run.Output.Line($"modified  {Wording.Time(node.ModifiedAt)}");
            run.Output.Line($"changed   in revision {node.ChangedRevision}");
            run.Output.Line($"rights    {string.Join(' ', node.Rights)}");
        });
    }
}
