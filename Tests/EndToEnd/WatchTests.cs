using FileClient.Sync.Watch;
using FileClient.Terminal;

namespace Tests.EndToEnd;

/// <summary>Two watching clients and the real server: what is done on one side appears on the other by itself.</summary>
public sealed class WatchTests(SyncWorld world) : IClassFixture<SyncWorld>
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_save_appears_on_the_other_side_by_itself()
    {
        await using var watched = await WatchedPair.StartAsync(world, static pair => pair.A.Write("old", "1"));
        watched.A.Write("f", "first");

        await watched.WatcherB.SaidAsync(static line => line is { Event: "fetched", Path: "f" });

        Assert.Equal("first", watched.B.Text("f"));
        await watched.AssertEqualAsync();
        Assert.Contains(watched.WatcherA.Lines, static line => line is { Event: "sent", Path: "f", Bytes: 5 });
    }

    [Fact]
    public async Task Folders_made_faster_than_they_can_be_watched_are_never_missed()
    {
        await using var watched = await WatchedPair.StartAsync(world);
        for (var i = 0; i < 500; i++)
            watched.A.Write($"t{i % 7}/a{i}/b/c/f", $"{i}");

        await watched.AssertEqualAsync();

        Assert.Equal(500, Directory.GetFiles(watched.B.Path, "f", SearchOption.AllDirectories).Length);
        // Found by events, not by looking at everything again.
        Assert.Equal(1, watched.WatcherA.Status!.WholeScans);
    }

    [Fact]
    public async Task Renames_deletions_and_moves_between_folders_are_what_they_are()
    {
        await using var watched = await WatchedPair.StartAsync(world, static pair =>
        {
            for (var i = 0; i < 20; i++)
                pair.A.Write($"d/e/f{i}", $"content {i}");
            pair.A.Write("g/other", "1");
            pair.A.Write("gone", "2");
        });
        Directory.Move(watched.A["d/e"], watched.A["g/moved"]);
        File.Move(watched.A["g/other"], watched.A["d/other"]);
        File.Delete(watched.A["gone"]);

        await watched.AssertEqualAsync();

        Assert.True(watched.B.Has("g/moved/f19"));
        Assert.False(watched.B.Has("gone"));
        Assert.Empty(watched.WatcherB.Lines.Where(static line => line.Event == "fetched" && line.Path!.StartsWith("g/moved", StringComparison.Ordinal)));
        Assert.Contains(watched.WatcherB.Lines, static line => line is { Event: "moved", Path: "g/moved", From: "d/e" });
        Assert.Contains(watched.WatcherB.Lines, static line => line is { Event: "moved", Path: "d/other" });
    }

    [Fact]
    public async Task Both_sides_may_be_worked_in_at_once()
    {
        await using var watched = await WatchedPair.StartAsync(world);
        for (var i = 0; i < 30; i++)
        {
            watched.A.Write($"a/{i}", $"of a {i}");
            watched.B.Write($"b/{i}", $"of b {i}");
        }

        await watched.AssertEqualAsync();

        Assert.Equal(60, watched.A.Show().Split('\n').Count(static line => line.Contains('=', StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_thousand_files_that_come_and_go_leave_nothing_on_the_server()
    {
        await using var watched = await WatchedPair.StartAsync(world, static pair => pair.A.Write("kept", "1"));
        for (var i = 0; i < 1000; i++)
        {
            watched.A.Write($"tmp{i}", $"{i}");
            File.Delete(watched.A[$"tmp{i}"]);
        }

        await watched.AssertEqualAsync();

        Assert.True(watched.WatcherA.Lines.Count(static line => line.Event == "sent") < 20);
        Assert.DoesNotContain("tmp", await watched.Pair.Ann.DoAsync("ls", $"{watched.Pair.Space}:/"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_deletion_waits_for_the_file_to_come_back()
    {
        await using var watched = await WatchedPair.StartAsync(world, static pair => pair.A.Write("f", "first"));
        File.Delete(watched.A["f"]);
        await watched.WatcherA.SaidAsync(static line => line is { Event: "state", State: WatchStates.Waiting });
        watched.A.Write("f", "second");

        await watched.AssertEqualAsync();

        Assert.DoesNotContain(watched.WatcherA.Lines, static line => line.Event == "deleted");
        Assert.Equal("first", await watched.Pair.Ann.DoAsync("cat", $"{watched.Pair.Space}:/f", "--version", "1"));
    }

    [Fact]
    public async Task A_run_beside_a_watching_client_says_that_there_is_one()
    {
        await using var watched = await WatchedPair.StartAsync(world);

        foreach (var options in new string[][] { [], ["--watch"] })
        {
            var called = await watched.Pair.Ann.RunAsync(["sync", "run", watched.A.Path, .. options]);
            Assert.Equal(ExitCode.Temporary, called.Exit);
            Assert.Contains("watching client", called.Error, StringComparison.Ordinal);
        }
        Assert.Equal(ExitCode.Done, (await watched.Pair.Ann.RunAsync("verify", watched.A.Path)).Exit);
    }
}
