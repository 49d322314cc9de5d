using FileClient.Sync;
using FileClient.Sync.State;
using FileClient.Terminal;
using Tests.EndToEnd;

namespace Tests.Faults;

/// <summary>Runs that break off, or meet somebody who works in the folder, at the worst moments; the next run finds out what is whose.</summary>
public sealed class BrokenRunTests(SyncWorld world) : IClassFixture<SyncWorld>
{
    [Fact]
    public async Task What_stands_aside_goes_back_when_its_place_was_taken_meanwhile()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("a", "was a");
        pair.A.Write("b", "was b");
        await pair.SettleAsync();
        File.Move(pair.A["a"], pair.A["t"]);
        File.Move(pair.A["b"], pair.A["a"]);
        File.Move(pair.A["t"], pair.A["b"]);
        await pair.A.SyncAsync();
        Failpoint.Meet(Failpoint.ParkRenamed, () => pair.B.Write(pair.B.Has("a") ? "b" : "a", "newcomer"));

        await pair.B.RunAsync();

        Assert.Empty(Staging(pair.B));
        await pair.SettleAsync();
        await pair.B.SyncAsync();
        Assert.Equal(["newcomer", "was a", "was b"], Contents(pair.A));
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task A_run_that_ends_after_an_exchange_loses_neither_version()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "old");
        await pair.SettleAsync();
        pair.A.Write("f", "newer");
        await pair.A.SyncAsync();
        Failpoint.Meet(Failpoint.DownloadExchanged, Break);

        await pair.B.RunAsync();
        Assert.Equal(["old"], Staging(pair.B).Select(File.ReadAllText));
        await pair.B.SyncAsync();

        Assert.Equal("newer", pair.B.Text("f"));
        Assert.True(pair.B.Trashed("f"));
        Assert.Empty(pair.B.Copies());
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task An_edit_of_the_displaced_file_becomes_a_conflict_and_no_rubbish()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "old");
        await pair.SettleAsync();
        pair.A.Write("f", "newer");
        await pair.A.SyncAsync();
        Failpoint.Meet(Failpoint.DownloadExchanged, () =>
        {
            // A program that has it open writes to it wherever it stands.
            File.WriteAllText(Assert.Single(Staging(pair.B)), "edited");
            Break();
        });

        await pair.B.RunAsync();
        await pair.B.SyncAsync();

        Assert.Equal(["edited", "newer"], Contents(pair.B));
        Assert.Equal("newer", pair.B.Text("f"));
        Assert.Single(pair.B.Copies());
        await pair.A.SyncAsync();
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task An_old_version_for_which_the_trash_has_no_room_waits_in_staging()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "old");
        pair.A.Write("g", "old g");
        await pair.SettleAsync();
        pair.A.Write("f", "newer");
        await pair.A.SyncAsync();
        var state = pair.B[".fileshare"];
        Failpoint.Meet(Failpoint.DownloadVerified, () =>
        {
            Directory.Move(Path.Combine(state, "trash"), Path.Combine(state, "elsewhere"));
            for (var number = 1; number <= 1001; number++)
                File.WriteAllText(Path.Combine(state, number == 1 ? "trash" : $"{number}.trash"), "");
        });

        var (report, exit, _) = await pair.B.RunAsync();

        Assert.Equal(ExitCode.Partial, exit);
        Assert.Single(report.Problems);
        Assert.Equal(["old"], Staging(pair.B).Select(File.ReadAllText));
        foreach (var file in Directory.GetFiles(state, "*trash"))
            File.Delete(file);
        Directory.Move(Path.Combine(state, "elsewhere"), Path.Combine(state, "trash"));
        pair.A.Write("g", "newer g");
        await pair.A.SyncAsync();
        await pair.B.SyncAsync();
        Assert.True(pair.B.Trashed("f"));
        Assert.Equal("newer", pair.B.Text("f"));
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task An_edit_after_a_commit_of_which_nobody_heard_is_no_conflict()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "1");
        await pair.SettleAsync();
        pair.A.Write("f", "second");
        pair.A.Write("new", "first of new");
        Failpoint.Meet(Failpoint.CommitAfterSend, Break);
        await pair.A.RunAsync();
        pair.A.Write("f", "the third");
        pair.A.Write("new", "other");

        await pair.A.SyncAsync();

        Assert.Empty(pair.A.Copies());
        await pair.SettleAsync();
        Assert.Equal("the third", pair.B.Text("f"));
        Assert.Equal("other", pair.B.Text("new"));
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task An_edit_after_a_commit_that_was_heard_but_not_yet_agreed_is_no_conflict()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "1");
        pair.A.Write("g", "1");
        await pair.SettleAsync();
        pair.B.Write("g", "from b");
        await pair.B.SyncAsync();
        pair.A.Write("f", "second");
        // The state is written after the download; the run ends right then.
        Failpoint.Meet(Failpoint.DownloadExchanged, Break);
        await pair.A.RunAsync();
        pair.A.Write("f", "the third");

        await pair.A.SyncAsync();

        Assert.Empty(pair.A.Copies());
        await pair.SettleAsync();
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task A_revision_that_somebody_else_made_is_not_taken_for_ones_own()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "1");
        await pair.SettleAsync();
        pair.A.Write("f", "the same edit");
        pair.B.Write("f", "the same edit");
        File.SetLastWriteTimeUtc(pair.B["f"], File.GetLastWriteTimeUtc(pair.A["f"]));
        pair.B.Write("g", "and something more");
        var other = Task.CompletedTask;
        Failpoint.Meet(Failpoint.CommitBeforeSend, () =>
        {
            other = Task.Run(() => pair.B.SyncAsync());
            ((IAsyncResult)other).AsyncWaitHandle.WaitOne();
        });

        await pair.A.SyncAsync();
        await other;
        await pair.A.SyncAsync();

        Assert.True(pair.A.Has("g"));
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task After_a_conflict_rename_the_old_id_is_not_agreed_any_more()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "1");
        await pair.SettleAsync();
        pair.A.Write("f", "from a");
        await pair.A.SyncAsync();
        pair.B.Write("f", "from b");
        Failpoint.Meet(Failpoint.ConflictRenamed, Break);

        await pair.B.RunAsync();

        using (var state = SyncState.Open(pair.B[".fileshare/state.db"]))
            Assert.Empty(state.Synced);
        await pair.B.SyncAsync();
        Assert.Equal("from a", pair.B.Text("f"));
        Assert.Single(pair.B.Copies());
        await pair.A.SyncAsync();
        await pair.AssertSettledAsync();
    }

    static void Break() => throw new IOException("It broke off here.");

    static string[] Staging(SyncSide side) => Directory.GetFiles(side[".fileshare/staging"]);

    static string[] Contents(SyncSide side) => [.. Directory.GetFiles(side.Path).Select(File.ReadAllText).Order(StringComparer.Ordinal)];
}
