using System.CommandLine;
using FileClient.Terminal;
using FileServer.Protocol.Contracts;

namespace FileClient.Commands;

/// <summary><c>spaces</c>: the roots that teams own.</summary>
static class SpaceCommands
{
    public static Command Build(Cli cli) =>
        new Verb("spaces", "Lists, creates, renames and deletes spaces.", List(cli), Create(cli), Show(cli), Rename(cli), Delete(cli))
        {
            Examples = ["fileshare spaces", "fileshare spaces create team --quota 10G", "fileshare spaces show team --json"],
        }.Does(cli, ListAsync);

    static Verb List(Cli cli) => new Verb("ls", "Lists the spaces that you may see.").Does(cli, ListAsync);

    static Task ListAsync(Run run, CancellationToken ct) => run.Output.ListAsync(run.Api.SpacesAsync(ct), WireJson.Default.Space, space => run.Name(space.Name), ct);

    static Verb Create(Cli cli)
    {
        var name = new Argument<string>("NAME");
        var quota = Quota();
        var dryRun = Run.DryRun();
        return new Verb("create", "Creates a space; you become its manager.", name, quota, dryRun) { Examples = ["fileshare spaces create team"] }.Does(cli, async (run, ct) =>
        {
            var bytes = run.Of(quota) is { } text ? Sizes.Parse(text) : (long?)null;
            if (run.Would(dryRun, new Deed("create", run.Of(name))))
                return;
            Print(run, await run.Api.CreateSpaceAsync(new SpaceRequest(run.Of(name), bytes), ct));
        });
    }

    static Verb Show(Cli cli)
    {
        var name = new Argument<string>("SPACE");
        return new Verb("show", "Shows a space.", name) { Examples = ["fileshare spaces show team"] }.Does(cli, async (run, ct) =>
        {
            var space = await run.Api.SpaceAsync(SpaceName(run.Of(name)), ct);
            if (run.Output.Json)
            {
                run.Output.Value(space, WireJson.Default.Space);
                return;
            }
            run.Output.Line($"name      {run.Name(space.Name)}");
            run.Output.Line($"id        {space.Id}");
            run.Output.Line($"revision  {space.Revision}");
            run.Output.Line($"used      {Wording.Size(space.UsedBytes)}{(space.QuotaBytes is { } quota ? $" of {Wording.Size(quota)}" : "")}");
            run.Output.Line($"rights    {string.Join(' ', space.Rights)}");
        });
    }

    static Verb Rename(Cli cli)
    {
        var name = new Argument<string>("SPACE");
        var newName = new Argument<string>("NEW-NAME");
        var dryRun = Run.DryRun();
        return new Verb("rename", "Gives a space another name.", name, newName, dryRun) { Examples = ["fileshare spaces rename team crew"] }.Does(cli, async (run, ct) =>
        {
            if (!run.Would(dryRun, new Deed("rename", run.Of(name), run.Of(newName))))
                Print(run, await run.Api.PatchSpaceAsync(SpaceName(run.Of(name)), new SpacePatch(run.Of(newName), null), ct));
        });
    }

    static Verb Delete(Cli cli)
    {
        var name = new Argument<string>("SPACE");
        var yes = new Option<bool>("--yes") { Description = "Do not ask." };
        var dryRun = Run.DryRun();
        return new Verb("delete", "Deletes a space with everything in it.", name, yes, dryRun) { Examples = ["fileshare spaces delete old-team --yes"] }.Does(cli, async (run, ct) =>
        {
            var space = await run.Api.SpaceAsync(SpaceName(run.Of(name)), ct);
            if (run.Would(dryRun, new Deed("delete", space.Name)))
                return;
            if (!run.Of(yes) && Input.Ask(run.Shell, $"Type the name of the space to delete it with {Wording.Size(space.UsedBytes)}", "Deleting a space needs --yes.") != space.Name)
                throw Failure.Usage("The names differ: nothing was deleted.");
            await run.Api.DeleteSpaceAsync(space.Id.ToString(), ct);
            run.Output.Note($"Deleted {space.Name}.");
        });
    }

    static Option<string?> Quota() => new("--quota") { Description = "Largest size of all versions, such as 500M or 10G.", HelpName = "SIZE" };

    static string SpaceName(string text) => text.EndsWith(":/", StringComparison.Ordinal) ? text[..^2] : text.TrimEnd(':');

    static void Print(Run run, Space space)
    {
        if (run.Output.Json)
            run.Output.Value(space, WireJson.Default.Space);
        else
            run.Output.Line(run.Name(space.Name));
    }
}
