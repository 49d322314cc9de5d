using FileClient.Local;
using FileClient.Sync;
using FileClient.Sync.Disk;
using FileClient.Sync.Watch;
using FileClient.Terminal;

namespace FileClient.Commands;

/// <summary>A watched folder: its status, and <c>sync pause</c>, <c>resume</c>, <c>unlink</c> and <c>service</c>.</summary>
static class WatchCommands
{
    public static async Task<ExitCode> WatchAsync(Run run, SyncSession session, SyncOptions options, CancellationToken ct)
    {
        if (options.DryRun)
            throw Failure.Usage("--watch and --dry-run exclude each other.");
        using var loop = new WatchLoop(session, options, new WatchLines(run.Output, run.Clock), run.Clock);
        await loop.RunAsync(ct);
        return ExitCode.Done;
    }

    public static void RequireNoPause(SyncSession session)
    {
        if (Sync.Watch.Pause.IsOn(session.Folder.FullPath))
            throw new Failure(ExitCode.Temporary, $"{session.Folder.FullPath} is paused.") { Hint = $"To go on: fileshare sync resume {session.Folder.FullPath}" };
    }

    /// <summary>What the watching client says; null when there is none.</summary>
    public static async Task<ExitCode?> StatusAsync(Run run, string folder, bool wait, CancellationToken ct)
    {
        var path = Path.GetFullPath(folder);
        if (WatchStatus.Of(path) is null)
            return wait ? throw new Failure(ExitCode.Temporary, $"Nobody watches {path}, so there is nobody to wait for.") { Hint = $"To sync it now: fileshare sync run {folder}" } : null;
        if (wait && !await Note.LeaveAsync(path, Note.Settle, run.Clock, ct))
            throw new Failure(ExitCode.Temporary, $"The client that watched {path} has ended.");
        if (WatchStatus.Of(path) is not { } watching)
            return null;
        Tell(run.Output, path, LinkOf(path), watching);
        return wait ? ExitOf(watching) : ExitCode.Done;
    }

    static SyncLink LinkOf(string path) =>
        AtomicFile.Read(Path.Combine(path, Sync.Core.IgnoreRules.StateFolder, "link.json"), SyncJson.Default.SyncLink)
            ?? throw new Failure(ExitCode.Brake, $"{path} has lost the file that says what it is linked to.");

    static ExitCode ExitOf(WatchStatus status) => status switch
    {
        { State: WatchStates.SignedOut } => ExitCode.NotSignedIn,
        { State: WatchStates.Offline or WatchStates.Paused or WatchStates.Trouble } => ExitCode.Temporary,
        { Brakes.Count: > 0 } => ExitCode.Brake,
        { Problems.Count: > 0 } => ExitCode.Partial,
        _ => ExitCode.Done,
    };

    static void Tell(Output output, string folder, SyncLink link, WatchStatus watching)
    {
        if (output.Json)
        {
            output.Value(
                new SyncStatus(
                    folder, link.Server, link.SpaceName, link.Path, watching.Files, watching.Folders, 0, 0, watching.Conflicts, watching.Problems, watching.Brakes,
                    watching.State == WatchStates.Idle, watching.State == WatchStates.Paused)
                { Watch = watching },
                SyncJson.Default.SyncStatus);
            return;
        }
        output.Line($"{folder} ⇄ {link.SpaceName}:{link.Path} on {link.Server}");
        output.Line($"{watching.State} since {Wording.Time(watching.Since)}{(watching.Detail is null ? "" : $": {Wording.Printable(watching.Detail)}")}");
        output.Line($"{watching.Files} files, {watching.Folders} folders synced, {watching.Conflicts} conflict copies; last equal: {Wording.Time(watching.LastSync)}");
        output.Line($"Watched by process {watching.Process}: {watching.Watched} folders{(watching.Connected ? ", hears of the server's changes at once" : ", asks the server for changes once a minute")}.");
        if (watching.Polled > 0)
            output.Line($"The system has no watches left for {watching.Polled} folders: these are looked at once a minute. More: sysctl fs.inotify.max_user_watches");
        foreach (var problem in watching.Problems)
            output.Line($"skipped: {SyncOutput.Plain(problem.Path)}: {problem.Reason}");
        foreach (var brake in watching.Brakes)
            output.Line($"{brake.Deletes} deletions wait for confirmation ({brake.Hash}).");
    }

    public static Verb Pause(Cli cli)
    {
        var folder = SyncCommands.Folder();
        return new Verb("pause", "Leaves both sides as they are until the folder is resumed, also over a restart of this machine.", folder) { Examples = ["fileshare sync pause ~/Documents"] }
            .Does(cli, (run, ct) => SwitchAsync(run, run.Of(folder), pause: true, ct));
    }

    public static Verb Resume(Cli cli)
    {
        var folder = SyncCommands.Folder();
        return new Verb("resume", "Goes on with a folder that was paused.", folder) { Examples = ["fileshare sync resume ~/Documents"] }
            .Does(cli, (run, ct) => SwitchAsync(run, run.Of(folder), pause: false, ct));
    }

    static async Task SwitchAsync(Run run, string folder, bool pause, CancellationToken ct)
    {
        var path = Path.GetFullPath(folder);
        using (SyncFolder.Open(path, create: false, beside: true))
            LinkOf(path);
        if (pause)
            Sync.Watch.Pause.Begin(path, run.Clock);
        else
            Sync.Watch.Pause.End(path);
        if (WatchStatus.Of(path) is not null)
            await Note.LeaveAsync(path, Note.Look, run.Clock, ct);
        run.Tell(new Deed(pause ? "paused" : "resumed", path));
    }

    public static Verb Unlink(Cli cli)
    {
        var folder = SyncCommands.Folder();
        var dryRun = Run.DryRun();
        return new Verb("unlink", "Ends the sync of a folder. All files stay, here and on the server; what is in the local trash stays too.", folder, dryRun) { Examples = ["fileshare sync unlink ~/Documents"] }
            .Does(cli, (run, ct) =>
            {
                var path = Path.GetFullPath(run.Of(folder));
                using (var open = SyncFolder.Open(path, create: false))
                {
                    var link = LinkOf(path);
                    if (run.Would(dryRun, new Deed("unlink", path, $"{link.SpaceName}:{link.Path}")))
                        return Task.CompletedTask;
                    Unlinking.Run(open);
                    run.Tell(new Deed("unlinked", path, $"{link.SpaceName}:{link.Path}"));
                }
                if (ServiceUnit.IsInstalled(run.Shell.Environment, path))
                    run.Output.Note($"Its service is still installed. To remove it: fileshare sync service uninstall {path}");
                return Task.CompletedTask;
            });
    }

    public static Verb Service(Cli cli) => new(
        "service", "Watches a folder whenever you are signed in to this machine, as a systemd user service.", Install(cli), Uninstall(cli));

    static Verb Install(Cli cli)
    {
        var folder = SyncCommands.Folder();
        var dryRun = Run.DryRun();
        return new Verb("install", "Writes a systemd user unit that watches the folder, and starts it.", folder, dryRun)
        {
            Examples = ["fileshare sync service install ~/Documents", "fileshare sync service install ~/Documents --dry-run"],
        }.Does(cli, async (run, ct) =>
        {
            var path = Path.GetFullPath(run.Of(folder));
            using (SyncFolder.Open(path, create: false, beside: true))
                LinkOf(path);
            var unit = ServiceUnit.For(run.Shell.Environment, path);
            if (run.Of(dryRun))
            {
                run.Output.Line(unit.Text.TrimEnd('\n'));
                return;
            }
            var started = await unit.InstallAsync(ct);
            run.Tell(new Deed("installed", unit.Path));
            run.Output.Note(started is null ? $"It runs. Its log: journalctl --user -u {unit.Name}" : $"It was written but not started ({started}). To start it: systemctl --user enable --now {unit.Name}");
        });
    }

    static Verb Uninstall(Cli cli)
    {
        var folder = SyncCommands.Folder();
        var dryRun = Run.DryRun();
        return new Verb("uninstall", "Stops the service of a folder and removes its unit. The folder stays linked.", folder, dryRun) { Examples = ["fileshare sync service uninstall ~/Documents"] }
            .Does(cli, async (run, ct) =>
            {
                var unit = ServiceUnit.For(run.Shell.Environment, Path.GetFullPath(run.Of(folder)));
                if (!File.Exists(unit.Path))
                    throw Failure.NotFound($"No service watches {Path.GetFullPath(run.Of(folder))}: there is no {unit.Path}.");
                if (run.Would(dryRun, new Deed("uninstall", unit.Path)))
                    return;
                await unit.UninstallAsync(ct);
                run.Tell(new Deed("uninstalled", unit.Path));
            });
    }
}
