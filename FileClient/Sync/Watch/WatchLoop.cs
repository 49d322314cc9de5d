using System.Security.Cryptography;
using System.Threading.Channels;
using FileClient.Api;
using FileClient.Sync.Disk;
using FileClient.Terminal;
using FileServer.Protocol;

namespace FileClient.Sync.Watch;

// 1. Nothing is done because of an event: an event says where to look, the looks and the feed say what is, and the planner says what to do.
// 2. Before each look all earlier events have been heard.
// 3. It goes on until it is told to stop: what is temporary is tried again, what needs a person is told. Only a folder or space that is another one ends it.

/// <summary>Keeps a folder and the server equal for as long as it runs.</summary>
sealed class WatchLoop(SyncSession session, SyncOptions options, WatchLines lines, TimeProvider clock) : IDisposable
{
    static readonly TimeSpan rescanEvery = TimeSpan.FromHours(1), pollEvery = TimeSpan.FromSeconds(60), longestPause = TimeSpan.FromSeconds(60);

    readonly Channel<bool> wakes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    readonly QuietTimes<WatchPoint> quiet = new(clock);
    readonly SleepClock sleep = new();
    readonly Dictionary<NodeId, string> refused = [];
    readonly List<string> settling = [];
    IFolderWatcher watcher = null!;
    WatchedFolder side = null!;
    ServerNews news = null!;
    bool first = true, asked;
    int failures;
    long? retryAt, rescanAt, pollAt;

    public async Task RunAsync(CancellationToken ct)
    {
        lines.Start(session, clock);
        watcher = LinuxWatcher.Open(session.Folder, quiet, clock) ?? (IFolderWatcher)new SystemWatcher(session.Folder, quiet, clock);
        watcher.Woken = Wake;
        side = new WatchedFolder(session.Folder, session.State, session.Link, watcher, quiet, clock);
        news = new ServerNews(() => session.Api, session.Link.Space.ToString(), clock, Wake);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(ct);
        watcher.Start(ct);
        var listening = news.RunAsync(ending.Token);
        rescanAt = In(rescanEvery * (0.75 + RandomNumberGenerator.GetInt32(500) / 1000.0));
        pollAt = In(pollEvery);
        try
        {
            while (true)
            {
                ct.ThrowIfCancellationRequested();
                Attend(ct);
                if (Pause.IsOn(session.Folder.FullPath))
                    lines.Say(WatchStates.Paused, null, Extent());
                else
                    await CycleAsync(ct);
                Answer();
                await WaitAsync(ct);
            }
        }
        finally
        {
            await ending.CancelAsync();
            await listening.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            WatchStatus.Remove(session.Folder);
            lines.Stop();
        }
    }

    void Wake() => wakes.Writer.TryWrite(true);

    long In(TimeSpan time) => clock.GetTimestamp() + (long)(time.TotalSeconds * clock.TimestampFrequency);

    bool IsOver(long? at) => at <= clock.GetTimestamp();

    TimeSpan Left(long? at) => at is { } time ? TimeSpan.FromSeconds(Math.Max(0, (time - clock.GetTimestamp()) / (double)clock.TimestampFrequency)) : TimeSpan.MaxValue;

    (bool Connected, int Watched, int Polled, int Whole, int Partial) Extent() =>
        (news.IsConnected, watcher.Extent.Folders, watcher.Extent.Polled, side.Looks.Whole, side.Looks.Partial);

    /// <summary>What time brings, and what others ask for.</summary>
    void Attend(CancellationToken ct)
    {
        if (sleep.HasSlept() || IsOver(rescanAt))
        {
            side.Doubt();
            session.State.SweepChunks();
            rescanAt = In(rescanEvery * (0.75 + RandomNumberGenerator.GetInt32(500) / 1000.0));
        }
        if (IsOver(pollAt))
        {
            watcher.Poll(ct);
            // While no stream tells of changes, the feed is asked.
            asked |= !news.IsConnected;
            refused.Clear();
            pollAt = In(pollEvery);
        }
        foreach (var note in watcher.TakeNotes())
        {
            settling.Add(note);
            // All of the server's changes up to now belong to it as well.
            asked |= Note.KindOf(note) == Note.Settle;
        }
    }

    /// <summary>Takes the notes away that ask for no more than what is done by now.</summary>
    void Answer()
    {
        var settled = lines.State switch
        {
            WatchStates.Idle or WatchStates.Blocked => !quiet.IsWaiting && !side.IsHolding,
            // Nothing moves until somebody does something about it.
            WatchStates.Offline or WatchStates.SignedOut or WatchStates.Paused or WatchStates.Trouble => true,
            _ => false,
        };
        foreach (var note in settling.Where(note => settled || Note.KindOf(note) != Note.Settle).ToList())
        {
            Note.TakeAway(session.Folder, note);
            settling.Remove(note);
        }
    }

    async Task CycleAsync(CancellationToken ct)
    {
        try
        {
            RequireRoot();
            await side.ReadAsync(ct);
            var known = long.TryParse(session.State.Meta("revision"), out var revision) ? revision : -1;
            var told = news.Take(known);
            if (first || told || asked || side.FoundNews || (IsOver(retryAt) && retryAt is not null))
                await SyncAsync(ct);
            else
                session.State.Save();
            if (failures == 0 && retryAt is null)
                lines.Say(quiet.IsWaiting || side.IsHolding ? WatchStates.Waiting : WatchStates.Idle, null, Extent());
        }
        catch (Failure failure) when (failure.Exit != ExitCode.Brake)
        {
            Fail(failure);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            Fail(new Failure(ExitCode.Failure, fault.Message, fault));
        }
    }

    /// <summary>The folder that was opened is still the one that is linked, at its place or at another.</summary>
    void RequireRoot()
    {
        if (Stat.Of(session.Folder.State, Path.GetFileName(session.Folder.MarkerPath), out _) is null || Stat.Of(session.Folder.Root, Core.IgnoreRules.StateFolder, out _) is null)
            throw new Failure(ExitCode.Brake, $"{session.Folder.FullPath} is gone, or has lost the file that says what it is linked to. Nothing was touched.");
    }

    async Task SyncAsync(CancellationToken ct)
    {
        if (!side.AllAgree)
            lines.Say(WatchStates.Syncing, null, Extent());
        var run = session.NewRun(options, side, lines.Done);
        foreach (var (id, reason) in refused)
            run.Waiting[id] = reason;
        asked = false;
        var report = await run.RunAsync(ct);
        first = false;
        foreach (var (id, reason) in run.Waiting)
            refused[id] = reason;
        if (failures > 0)
            lines.Note("The server answers again.");
        failures = 0;
        lines.Report(report);
        Judge(report);
    }

    void Judge(SyncReport report)
    {
        retryAt = null;
        if (report.InSync)
            return;
        // What the disk refused may be told by no event; what the server refused may be granted.
        if (report.Problems.Exists(static problem => problem.Code is "changed-meanwhile" or "local" or "folder-missing"))
            side.Doubt();
        retryAt = In(report.Problems.Count == 0 && report.Brakes.Count == 0 ? TimeSpan.FromSeconds(1) : pollEvery);
        lines.Say(
            report.Problems.Count > 0 || report.Brakes.Count > 0 ? WatchStates.Blocked : WatchStates.Waiting,
            report.Brakes.Count > 0 ? "Deletions wait for a person to confirm them." : report.Problems.Count > 0 ? $"{report.Problems.Count} items cannot be synced for now." : null,
            Extent());
    }

    void Fail(Failure failure)
    {
        var signedOut = failure is ApiException { Status: 401 } or { Exit: ExitCode.NotSignedIn };
        var pause = TimeSpan.FromMilliseconds(RandomNumberGenerator.GetInt32(500, 500 + (int)Math.Min(longestPause.TotalMilliseconds - 500, 1000 * Math.Pow(2, failures))));
        failures = Math.Min(failures + 1, 16);
        if (failure is ApiException { RetryAfter: { } wanted })
            pause += wanted;
        if (signedOut)
        {
            pause = TimeSpan.FromSeconds(15);
            session.Reconnect();
        }
        retryAt = In(pause);
        asked = true;
        lines.Say(signedOut ? WatchStates.SignedOut : failure is ApiException ? WatchStates.Offline : WatchStates.Trouble, Told(failure, signedOut), Extent());
    }

    string Told(Failure failure, bool signedOut) =>
        signedOut ? $"{failure.Message} Sign in with: fileshare login {session.Link.Server}" : failure.Message;

    async Task WaitAsync(CancellationToken ct)
    {
        // While the server is away, or the folder is paused, what happens here is only heard.
        var due = retryAt is not null && failures > 0 || lines.State == WatchStates.Paused ? TimeSpan.MaxValue : quiet.NextIn() ?? TimeSpan.MaxValue;
        var pause = new[] { due, Left(retryAt), Left(rescanAt), Left(pollAt) }.Min();
        var back = news.IsConnected;
        while (pause > TimeSpan.Zero)
        {
            using var timer = new CancellationTokenSource(pause, clock);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, ct);
            try
            {
                await wakes.Reader.ReadAsync(either.Token);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                return;
            }
            if (watcher.HasNotes || (failures == 0 && news.HasNews) || (failures > 0 && news.IsConnected && !back))
                return;
            // Every event wakes; most of them only begin a quiet time.
            due = failures > 0 || lines.State == WatchStates.Paused ? TimeSpan.MaxValue : quiet.NextIn() ?? TimeSpan.MaxValue;
            pause = new[] { due, Left(retryAt), Left(rescanAt), Left(pollAt) }.Min();
        }
    }

    public void Dispose() => watcher?.Dispose();
}
