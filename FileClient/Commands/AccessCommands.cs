using System.CommandLine;
using FileClient.Api;
using FileClient.Terminal;
using FileServer.Protocol.Contracts;

namespace FileClient.Commands;

/// <summary><c>access</c>: who may do what with a folder or file.</summary>
static class AccessCommands
{
    public static Command Build(Cli cli) => new Verb("access", "Shows and changes who may do what.", Show(cli), Grant(cli), Revoke(cli));

    static Verb Show(Cli cli)
    {
        var path = new Argument<string>("SPACE:/path");
        return new Verb("show", "Lists the grants that decide about a file or folder.", path) { Examples = ["fileshare access show team:/reports"] }.Does(cli, async (run, ct) =>
        {
            var at = RemotePath.ParseFolder(run.Of(path));
            var list = await run.Api.GrantsAsync(at.Space, (await run.Api.NodeAtAsync(at, null, ct)).Id, ct);
            if (run.Output.Json)
            {
                run.Output.Value(list, WireJson.Default.GrantList);
                return;
            }
            foreach (var grant in list.Items)
                run.Output.Line($"{run.Name(grant.Principal),-24}  {grant.Role,-12}  {(grant.Inherited ? "inherited" : "here"),-9}  {(grant.ExpiresAt is { } end ? $"until {Wording.Time(end)}" : "")}");
            if (!list.Inherits)
                run.Output.Note("Nothing is inherited from above.");
        });
    }

    static Verb Grant(Cli cli)
    {
        var path = new Argument<string>("SPACE:/path");
        var principal = new Argument<string>("PRINCIPAL") { Description = "user:NAME, group:NAME or everyone." };
        var role = new Argument<string>("ROLE") { Description = "viewer, uploader, contributor, editor or manager." };
        role.AcceptOnlyFromAmong("viewer", "uploader", "contributor", "editor", "manager");
        var expires = new Option<string?>("--expires") { Description = "End of the grant, such as 2026-12-31 or 2026-12-31T18:00:00Z.", HelpName = "TIME" };
        var dryRun = Run.DryRun();
        return new Verb("grant", "Gives somebody a role on a folder or file and everything below.", path, principal, role, expires, dryRun)
        {
            Examples = ["fileshare access grant team:/reports user:ann editor", "fileshare access grant team:/inbox group:staff uploader --expires 2026-12-31"],
        }.Does(cli, async (run, ct) =>
        {
            var at = RemotePath.ParseFolder(run.Of(path));
            var end = run.Of(expires) is { } text ? Moment(text) : (DateTimeOffset?)null;
            var node = await run.Api.NodeAtAsync(at, null, ct);
            if (run.Would(dryRun, new Deed("grant", at.ToString(), $"{run.Of(principal)} {run.Of(role)}")))
                return;
            var grant = await run.Api.GrantAsync(at.Space, node.Id, new GrantRequest(run.Of(principal), run.Of(role), end), ct);
            if (run.Output.Json)
                run.Output.Value(grant, WireJson.Default.Grant);
            else
                run.Output.Note($"{grant.Principal} is now {grant.Role} of {at}.");
        });
    }

    static DateTimeOffset Moment(string text) =>
        DateTimeOffset.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : throw Failure.Usage($"'{text}' is no time: write 2026-12-31 or 2026-12-31T18:00:00Z.");

    static Verb Revoke(Cli cli)
    {
        var path = new Argument<string>("SPACE:/path");
        var principal = new Argument<string>("PRINCIPAL") { Description = "user:NAME, group:NAME or everyone." };
        var dryRun = Run.DryRun();
        return new Verb("revoke", "Takes away what was granted to somebody on this folder or file.", path, principal, dryRun)
        {
            Examples = ["fileshare access revoke team:/reports user:ann"],
        }.Does(cli, async (run, ct) =>
        {
            var at = RemotePath.ParseFolder(run.Of(path));
            var node = await run.Api.NodeAtAsync(at, null, ct);
            var own = (await run.Api.GrantsAsync(at.Space, node.Id, ct)).Items.Where(grant => grant.Principal == run.Of(principal)).ToList();
            if (own.FindAll(grant => !grant.Inherited) is not { Count: > 0 } here)
                throw Failure.NotFound(own.Count > 0 ? $"{run.Of(principal)} has its role on {at} from a folder above: revoke it there." : $"{run.Of(principal)} has no grant on {at}.");
            foreach (var grant in here)
            {
                var deed = new Deed("revoke", at.ToString(), $"{grant.Principal} {grant.Role}");
                if (run.Would(dryRun, deed))
                    continue;
                await run.Api.RevokeAsync(at.Space, node.Id, grant.Id, ct);
                run.Tell(deed);
            }
        });
    }
}
