using FileClient.Terminal;

namespace FileClient.Sync.Watch;

/// <summary>One line of <c>sync run --watch --json</c>. Which fields are there depends on <paramref name="Event"/>.</summary>
/// <param name="Event">state, a deed (see <see cref="SyncDone"/>), conflict, problem, brake or note.</param>
sealed record WatchLine(DateTimeOffset Time, string Event)
{
    public string? State { get; init; }

    public string? Detail { get; init; }

    public string? On { get; init; }

    public string? Path { get; init; }

    public string? From { get; init; }

    public long? Bytes { get; init; }

    public string? Copy { get; init; }

    public string? Code { get; init; }

    public string? Reason { get; init; }

    public string? Rail { get; init; }

    public int? Deletes { get; init; }

    public int? Nodes { get; init; }

    public string? Hash { get; init; }
}

/// <summary>What a watching client tells: a line for each thing that happens, and its state in a file for other processes.</summary>
sealed class WatchLines(Output output, TimeProvider clock)
{
    readonly HashSet<(string, string)> toldProblems = [];
    readonly HashSet<string> toldBrakes = [];
    SyncSession session = null!;
    DateTimeOffset started, since;
    DateTimeOffset? lastSync;
    string? detail;
    SyncReport latest = new();

    public string State { get; private set; } = WatchStates.Starting;

    public void Start(SyncSession watched, TimeProvider time)
    {
        session = watched;
        started = since = time.GetUtcNow();
        Write(default);
        Line(new WatchLine(started, "state") { State = State, Detail = $"{watched.Folder.FullPath} ⇄ {watched.Link.SpaceName}:{watched.Link.Path} on {watched.Link.Server}" });
    }

    /// <summary>Says in which state the client is, once for each change of it.</summary>
    public void Say(string state, string? why, (bool Connected, int Watched, int Polled, int Whole, int Partial) extent)
    {
        if (state != State || why != detail)
        {
            var now = clock.GetUtcNow();
            if (state != State)
                since = now;
            (State, detail) = (state, why);
            // Each save would tell of itself three times.
            if (output.Json || state is not (WatchStates.Waiting or WatchStates.Syncing))
                Line(new WatchLine(now, "state") { State = state, Detail = why });
        }
        if (state == WatchStates.Idle)
            lastSync = clock.GetUtcNow();
        Write(extent);
    }

    public void Stop() => Line(new WatchLine(clock.GetUtcNow(), "state") { State = "stopped" });

    public void Done(SyncDone done) =>
        Line(new WatchLine(clock.GetUtcNow(), done.Event) { On = done.On, Path = done.Path, From = done.From, Bytes = done.Bytes });

    public void Note(string text) => Line(new WatchLine(clock.GetUtcNow(), "note") { Detail = text });

    /// <summary>Tells what of a run's report was not told before.</summary>
    public void Report(SyncReport report)
    {
        latest = report;
        var now = clock.GetUtcNow();
        report.Notes.ForEach(Note);
        foreach (var conflict in report.Conflicts)
            Line(new WatchLine(now, "conflict") { Path = conflict.Path, Copy = conflict.Copy, Reason = conflict.Reason });
        toldProblems.IntersectWith(report.Problems.Select(static problem => (problem.Path, problem.Reason)));
        foreach (var problem in report.Problems.Where(problem => toldProblems.Add((problem.Path, problem.Reason))))
            Line(new WatchLine(now, "problem") { Path = problem.Path, Code = problem.Code, Reason = problem.Reason });
        foreach (var brake in report.Brakes.Where(brake => toldBrakes.Add(brake.Hash)))
            Line(new WatchLine(now, "brake") { Rail = brake.Rail, Deletes = brake.Deletes, Nodes = brake.Nodes, Hash = brake.Hash });
    }

    void Write((bool Connected, int Watched, int Polled, int Whole, int Partial) extent)
    {
        var (files, folders, conflicts) = session.State.Counts;
        new WatchStatus(
            Environment.ProcessId, started, State, since, detail, extent.Connected, extent.Watched, extent.Polled, lastSync,
            files, folders, conflicts, latest.Problems, latest.Brakes, extent.Whole, extent.Partial).Write(session.Folder);
    }

    void Line(WatchLine line)
    {
        if (output.Json)
        {
            output.Value(line, SyncJson.Default.WatchLine);
            output.Flush();
        }
        else
            output.Note($"{line.Time.ToLocalTime():HH:mm:ss} {Words(line)}");
    }

    static string Words(WatchLine line)
    {
        var path = Wording.Printable(line.Path ?? "");
        return line.Event switch
        {
            "state" => line.Detail is null ? line.State! : $"{line.State}: {Wording.Printable(line.Detail)}",
            "note" => Wording.Printable(line.Detail!),
            "moved" => $"moved {Wording.Printable(line.From!)} to {path} on the {line.On}",
            "sent" or "fetched" => $"{line.Event} {path} ({Wording.Size(line.Bytes ?? 0)})",
            "conflict" => $"conflict: {path}; this device's version is kept as “{Wording.Printable(line.Copy!)}”. {line.Reason}",
            "problem" => $"skipped: {path}: {line.Reason}",
            "brake" => $"stopped by the safety brake ({line.Rail}): {line.Deletes} of {line.Nodes} nodes would be deleted. Nothing was deleted; to confirm, end this run and use --confirm-deletes {line.Hash}",
            _ => $"{line.Event} {path} on the {line.On}",
        };
    }
}
