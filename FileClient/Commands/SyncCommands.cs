using System.CommandLine;
using FileClient.Api;
using FileClient.Sync;
using FileClient.Sync.Core;
using FileClient.Terminal;
using FileServer.Protocol.Contracts;

namespace FileClient.Commands;

/// <summary><c>sync</c> and <c>verify</c>: a folder of this machine that is kept equal to one on the server.</summary>
static class SyncCommands
{
    public static Command Build(Cli cli) => new Verb("sync", "Keeps a folder of this machine and one on the server equal, both ways.",
        Init(cli), RunOnce(cli), Status(cli), WatchCommands.Pause(cli), WatchCommands.Resume(cli), WatchCommands.Unlink(cli), WatchCommands.Service(cli));

    public static Argument<string> Folder() => new("DIR") { Description = "The linked folder." };

    static Verb Init(Cli cli)
    {
        var folder = Folder();
        var target = new Argument<string>("SPACE[:/path]") { Description = "What to link it to." };
        return new Verb("init", "Links a folder to a space. Both may be filled already: the first run unites them and deletes nothing.", folder, target)
        {
            Examples = ["fileshare sync init ~/Documents team", "fileshare sync init ./drawings team:/projects/bridge"],
        }.Does(cli, async (run, ct) =>
        {
            var path = RemotePath.ParseFolder(run.Of(target));
            var link = await SyncSetup.LinkAsync(run.Api, run.Of(folder), path, run.Clock, ct);
            if (run.Output.Json)
                run.Output.Value(link, SyncJson.Default.SyncLink);
            else
                run.Output.Note($"{Path.GetFullPath(run.Of(folder))} is linked to {link.SpaceName}:{link.Path}. Next: fileshare sync run {run.Of(folder)}");
        });
    }

    static Verb RunOnce(Cli cli)
    {
        var folder = Folder();
        var dryRun = Run.DryRun();
        var maxDelete = new Option<string?>("--max-delete") { Description = "How many deletions may happen without confirmation: a number, or a share as 40%.", HelpName = "N|N%" };
        var confirm = new Option<string?>("--confirm-deletes") { Description = "Confirms exactly the deletions that an earlier run held back.", HelpName = "HASH" };
        var watch = new Option<bool>("--watch", "-w") { Description = "Goes on: what changes on either side is carried at once, until the program is told to stop." };
        return new Verb("run", "Compares both sides and makes them equal. Exit 0: both are proven equal.", folder, watch, dryRun, maxDelete, confirm)
        {
            Examples = ["fileshare sync run ~/Documents", "fileshare sync run ~/Documents --watch", "fileshare sync run ~/Documents --dry-run", "fileshare sync run ~/Documents --max-delete 50%"],
        }.Does(cli, async (run, ct) =>
        {
            using var session = SyncSession.Open(run, run.Of(folder));
            var (deletes, share) = Limit(run.Of(maxDelete));
            var options = new SyncOptions(run.Of(dryRun), deletes, share, run.Of(confirm));
            if (run.Of(watch))
                return await WatchCommands.WatchAsync(run, session, options, ct);
            WatchCommands.RequireNoPause(session);
            var sync = session.NewRun(options);
            var report = await sync.RunAsync(ct);
            SyncOutput.Tell(run.Output, report, run.Of(folder));
            return SyncOutput.ExitOf(report, sync.QuotaHit);
        });
    }

    static (int? Deletes, double? Share) Limit(string? text)
    {
        if (text is null)
            return (null, null);
        if (text.EndsWith('%') && double.TryParse(text[..^1], out var percent) && percent is >= 0 and <= 100)
            return (int.MaxValue, percent / 100);
        return int.TryParse(text, out var number) && number >= 0 ? (number, null) : throw Failure.Usage("--max-delete takes a number, or a share such as 40%.");
    }

    static Verb Status(Cli cli)
    {
        var folder = Folder();
        var wait = new Option<bool>("--wait") { Description = "Returns when all that was done up to now is synced; the exit code says how it went." };
        return new Verb("status", "How a watched folder is doing; of one that nobody watches, what a run would carry, and what is in the way.", folder, wait)
        {
            Examples = ["fileshare sync status ~/Documents", "fileshare sync status ~/Documents --wait", "fileshare sync status ~/Documents --json"],
        }.Does(cli, async (run, ct) =>
        {
            if (await WatchCommands.StatusAsync(run, run.Of(folder), run.Of(wait), ct) is { } exit)
                return exit;
            using var session = SyncSession.Open(run, run.Of(folder));
            var report = await session.NewRun(new SyncOptions(DryRun: true)).RunAsync(ct);
            SyncOutput.Status(run.Output, session, report);
            return ExitCode.Done;
        });
    }

    public static Command Verify(Cli cli)
    {
        var folder = Folder();
        return new Verb("verify", "Compares every byte of a linked folder with the server, by hash. Exit 9: they differ.", folder) { Examples = ["fileshare verify ~/Documents"] }.Does(cli, async (run, ct) =>
        {
            using var session = SyncSession.OpenBeside(run, run.Of(folder));
            var report = await SyncVerify.RunAsync(session, ct);
            if (run.Output.Json)
                run.Output.Value(report, SyncJson.Default.VerifyReport);
            foreach (var difference in report.Differences)
                run.Output.Warn($"{difference.Path}: {difference.Reason}");
            run.Output.Note($"{report.Files} files, {report.Folders} folders, {report.Bytes:N0} bytes compared; {report.Differences.Count} differ.");
            return report.Differences.Count == 0 ? ExitCode.Done : ExitCode.Integrity;
        });
    }
}

/// <summary>How the sync commands speak to people and programs.</summary>
static class SyncOutput
{
    public static void Tell(Output output, SyncReport report, string folder)
    {
        if (output.Json)
            output.Value(report, SyncJson.Default.SyncReport);
        foreach (var line in report.Plan)
            output.Note(Would(line));
        foreach (var note in report.Notes)
            output.Note(note);
        foreach (var conflict in report.Conflicts)
            output.Note($"conflict: {conflict.Path}; this device's version is kept as “{conflict.Copy}”. {conflict.Reason}");
        foreach (var problem in report.Problems)
            output.Warn($"skipped: {Plain(problem.Path)}: {problem.Reason}");
        foreach (var brake in report.Brakes)
        {
            output.Warn($"stopped by the safety brake ({brake.Rail}): {brake.Deletes} of {brake.Nodes} nodes would be deleted {(brake.Rail == "mass-delete-local" ? "on this device" : "on the server")}. Nothing was deleted.");
            output.Warn($"  If that is meant: fileshare sync run {folder} --confirm-deletes {brake.Hash}   (or --max-delete {brake.Deletes})");
        }
        if (!report.DryRun)
            output.Note(Summary(report));
    }

    /// <summary>A step of the plan in a person's words.</summary>
    static string Would(string step)
    {
        var space = step.IndexOf(' ', StringComparison.Ordinal);
        var words = step[..space] switch
        {
            nameof(StepKind.Park) => "move aside for a moment",
            nameof(StepKind.LocalFolder) => "make the folder here",
            nameof(StepKind.LocalMove) => "move here, to",
            nameof(StepKind.LocalPlace) => "fetch",
            nameof(StepKind.LocalReplace) => "fetch the new version of",
            nameof(StepKind.LocalLink) => "make the symbolic link here",
            nameof(StepKind.LocalMetadata) => "set time and mode here of",
            nameof(StepKind.LocalTrash) => "put into the local trash",
            nameof(StepKind.LocalRemoveFolder) => "remove the folder here",
            nameof(StepKind.LocalEvict) => "take out of the synced tree",
            nameof(StepKind.RemoteFolder) => "make the folder on the server",
            nameof(StepKind.RemoteRestore) => "bring back on the server",
            nameof(StepKind.RemoteMove) => "move on the server, to",
            nameof(StepKind.RemotePut) => "send",
            nameof(StepKind.RemoteLink) => "send the symbolic link",
            nameof(StepKind.RemoteMetadata) => "set time and mode on the server of",
            nameof(StepKind.RemoteDelete) => "delete on the server",
            var other => other,
        };
        return $"would {words} {Plain(step[(space + 1)..])}";
    }

    // A name may hold what would move a terminal's cursor.
    public static string Plain(string text) => string.Concat(text.Select(static c => char.IsControl(c) ? '\uFFFD' : c));

    static string Summary(SyncReport report) =>
        $"up {report.Uploaded} ({report.BytesUp:N0} bytes), down {report.Downloaded} ({report.BytesDown:N0} bytes), moved {report.MovedLocally + report.MovedRemotely}, "
        + $"deleted {report.DeletedLocally + report.DeletedRemotely}, folders {report.FoldersMade}{(report.InSync ? "; both sides are equal." : ".")}";

    public static ExitCode ExitOf(SyncReport report, bool quotaHit) => report switch
    {
        { Brakes.Count: > 0 } => ExitCode.Brake,
        { DryRun: true } => ExitCode.Done,
        _ when quotaHit => ExitCode.Limit,
        { Problems.Count: > 0 } => ExitCode.Partial,
        { Conflicts.Count: > 0 } => ExitCode.Conflicts,
        { InSync: false } => ExitCode.Temporary,
        _ => ExitCode.Done,
    };

    public static void Status(Output output, SyncSession session, SyncReport report)
    {
        var synced = session.State.Synced.Values;
        var up = report.Plan.Count(static line => line.StartsWith("Remote", StringComparison.Ordinal));
        var link = session.Link;
        var status = new SyncStatus(
            session.Folder.FullPath, link.Server, link.SpaceName, link.Path, synced.Count(static entry => entry.Kind == NodeKind.File), synced.Count(static entry => entry.Kind == NodeKind.Folder),
            up, report.Plan.Count - up, synced.Count(static entry => entry.Name.Contains("(conflicted copy ", StringComparison.Ordinal)), report.Problems, report.Brakes, report.InSync, Sync.Watch.Pause.IsOn(session.Folder.FullPath));
        if (output.Json)
        {
            output.Value(status, SyncJson.Default.SyncStatus);
            return;
        }
        output.Line($"{status.Folder} ⇄ {status.Space}:{status.Path} on {status.Server}");
        output.Line($"{status.Files} files, {status.Folders} folders synced; {status.PendingUp} to send, {status.PendingDown} to fetch, {status.Conflicts} conflict copies.");
        output.Line(status.Paused ? $"Paused. To go on: fileshare sync resume {status.Folder}" : "Nobody watches it.");
        foreach (var problem in status.Problems)
            output.Line($"skipped: {Plain(problem.Path)}: {problem.Reason}");
        foreach (var brake in status.Brakes)
            output.Line($"{brake.Deletes} deletions wait for confirmation ({brake.Hash}).");
    }
}
