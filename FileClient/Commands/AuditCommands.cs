using System.CommandLine;
using FileClient.Api;
using FileClient.Terminal;
using FileServer.Protocol.Contracts;

namespace FileClient.Commands;

/// <summary><c>audit</c>: who did what, for auditors and administrators.</summary>
static class AuditCommands
{
    public static Command Build(Cli cli) => new Verb("audit", "Shows and exports the audit log.", List(cli), Export(cli));

    static Verb List(Cli cli)
    {
        var filters = new Filters();
        var limit = new Option<int>("--limit") { Description = "How many events at most, newest first.", DefaultValueFactory = _ => 100, HelpName = "N" };
        return new Verb("ls", "Lists events, newest first.", [.. filters.Options, limit])
        {
            Examples = ["fileshare audit ls --actor ann --limit 20", "fileshare audit ls --action file.read --space team --from 2026-11-01"],
        }.Does(cli, (run, ct) =>
        {
            var count = run.Of(limit);
            if (count < 1)
                throw Failure.Usage("--limit is at least 1.");
            var events = run.Api.AuditAsync(filters.Query(run), Math.Min(count, 500), ct).Take(count);
            return run.Output.ListAsync(events, WireJson.Default.AuditEvent, item => Line(run, item), ct);
        });
    }

    static string Line(Run run, AuditEvent item) =>
        $"{Wording.Time(item.At)}  {run.Name(item.Actor),-16}  {item.Action,-20}  {item.Outcome,-8}  {item.ClientIp ?? "-",-15}  {run.Name(item.Subject ?? "")}";

    static Verb Export(Cli cli)
    {
        var filters = new Filters();
        var format = new Option<string>("--format") { Description = "ndjson or csv.", DefaultValueFactory = _ => "ndjson", HelpName = "FORMAT" };
        format.AcceptOnlyFromAmong("ndjson", "csv");
        return new Verb("export", "Writes all matching events to standard output.", [.. filters.Options, format])
        {
            Examples = ["fileshare audit export > audit.ndjson", "fileshare audit export --format csv --from 2026-11-01 > november.csv"],
        }.Does(cli, async (run, ct) =>
        {
            using var response = await run.Api.AuditExportAsync(filters.Query(run), run.Of(format) == "csv" ? "text/csv" : "application/x-ndjson", ct);
            await using var body = await response.BodyAsync();
            await body.CopyToAsync(run.Output.Data, ct);
        });
    }

    /// <summary>The options that choose events.</summary>
    sealed class Filters
    {
        readonly Option<string?> actor = new("--actor") { Description = "Events of this account.", HelpName = "NAME" };
        readonly Option<string?> action = new("--action") { Description = "Events of this kind, such as file.put or auth.login.", HelpName = "ACTION" };
        readonly Option<string?> space = new("--space") { Description = "Events in this space.", HelpName = "SPACE" };
        readonly Option<string?> node = new("--node") { Description = "Events about this node.", HelpName = "ID" };
        readonly Option<string?> outcome = new("--outcome") { Description = "done, refused or failed.", HelpName = "OUTCOME" };
        readonly Option<string?> from = new("--from") { Description = "Not before this time.", HelpName = "TIME" };
        readonly Option<string?> to = new("--to") { Description = "Before this time.", HelpName = "TIME" };

        public IEnumerable<Option> Options => [actor, action, space, node, outcome, from, to];

        public AuditQuery Query(Run run) => new(run.Of(actor), run.Of(action), run.Of(space), run.Of(node), run.Of(outcome), run.Of(from), run.Of(to));
    }
}
