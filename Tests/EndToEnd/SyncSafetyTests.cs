using FileClient.Terminal;
using Tests.Support;

namespace Tests.EndToEnd;

/// <summary>The sync folder where caution counts more than speed: mass deletions, lost state, killed runs, what is not carried.</summary>
public sealed class SyncSafetyTests(SyncWorld world) : IClassFixture<SyncWorld>
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Many_deletions_wait_for_a_person()
    {
        using var pair = await world.PairAsync();
        for (var i = 0; i < 40; i++)
            pair.A.Write($"f{i}", $"{i}");
        await pair.SettleAsync();
        for (var i = 0; i < 30; i++)
            File.Delete(pair.A[$"f{i}"]);

        var (report, exit, error) = await pair.A.RunAsync();
        await pair.B.SyncAsync();

        Assert.Equal(ExitCode.Brake, exit);
        Assert.Contains("--confirm-deletes", error, StringComparison.Ordinal);
        Assert.True(pair.B.Has("f0"));

        await pair.A.SyncAsync("--confirm-deletes", Assert.Single(report.Brakes).Hash);
        var (_, other, _) = await pair.B.RunAsync();
        Assert.Equal(ExitCode.Brake, other);
        Assert.True(pair.B.Has("f0"));
        await pair.B.SyncAsync("--max-delete", "30");
        await pair.AssertSettledAsync();
        Assert.False(pair.B.Has("f0"));
    }

    [Fact]
    public async Task A_folder_that_is_not_linked_is_not_touched()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["f"], "1");

        var called = await world.Ann.RunAsync("sync", "run", folder.Path);

        Assert.Equal(ExitCode.Brake, called.Exit);
        Assert.Equal(["f"], Directory.GetFileSystemEntries(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_lost_state_unites_and_deletes_nothing()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("kept", "1");
        pair.A.Write("deleted there", "2");
        await pair.SettleAsync();
        foreach (var file in Directory.GetFiles(pair.B[".fileshare"], "state.db*"))
            File.Delete(file);
        File.Delete(pair.B["kept"]);

        await pair.SettleAsync();

        Assert.True(pair.B.Has("kept"));
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task A_dry_run_changes_nothing()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("d/f", "1");

        var (report, exit, _) = await pair.A.RunAsync("--dry-run");
        await pair.B.SyncAsync();

        Assert.Equal(ExitCode.Done, exit);
        Assert.Equal(["RemoteFolder d", "RemotePut d/f"], report.Plan);
        Assert.False(pair.B.Has("d/f"));
    }

    [Fact]
    public async Task Editor_habits_and_leftovers_are_not_carried()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "1");
        pair.A.Write("~$f", "lock");
        pair.A.Write("download.part", "half");
        pair.A.Write(".DS_Store", "desk");

        await pair.SettleAsync();

        Assert.Equal(["f"], Directory.GetFiles(pair.B.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Verify_notices_a_byte_that_changed_behind_our_back()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "right");
        await pair.SettleAsync();
        await pair.Ann.DoAsync("verify", pair.B.Path);
        pair.B.Write("f", "wrong");

        var called = await pair.Ann.RunAsync("verify", pair.B.Path);

        Assert.Equal(ExitCode.Integrity, called.Exit);
    }

    [Fact]
    public async Task A_subfolder_can_be_linked_by_itself()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("in/f", "1");
        pair.A.Write("out/g", "2");
        await pair.A.SyncAsync();
        using var part = new SyncSide(pair.Ann);
        await pair.Ann.DoAsync("sync", "init", part.Path, $"{pair.Space}:/in");

        await part.SyncAsync();
        part.Write("h", "3");
        await part.SyncAsync();
        await pair.A.SyncAsync();

        Assert.Equal(["f", "h"], Directory.GetFiles(part.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal("3", pair.A.Text("in/h"));
        await pair.SettleAsync();
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task A_run_that_was_killed_is_taken_up_where_it_was()
    {
        using var pair = await world.PairAsync();
        var random = new Random(3);
        for (var i = 0; i < 400; i++)
            pair.A.WriteBytes($"d{i % 7}/f{i}", RandomBytes(random, random.Next(60_000)));
        foreach (var side in new[] { pair.A, pair.B })
        {
            for (var patience = 200; patience <= 1400; patience += 400)
            {
                using var client = ClientProcess.Start(world.World.Url, world.Home("ann"), "sync", "run", side.Path);
                await client.KillAfterAsync(TimeSpan.FromMilliseconds(patience), Ct);
            }
            await side.SyncAsync();
        }

        await pair.A.SyncAsync();
        Assert.Empty(pair.A.Copies());
        Assert.Equal(400, Directory.GetFiles(pair.B.Path, "f*", SearchOption.AllDirectories).Length);
        await pair.AssertSettledAsync();
    }

    static byte[] RandomBytes(Random random, int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }
}
