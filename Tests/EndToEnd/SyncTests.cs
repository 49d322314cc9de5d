using FileClient.Terminal;

namespace Tests.EndToEnd;

/// <summary>Two sync folders and the real server: what people do on one side, the other one has afterwards.</summary>
public sealed class SyncTests(SyncWorld world) : IClassFixture<SyncWorld>
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_the_server_has_arrives_with_times_and_modes()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("one.txt", "1");
        pair.A.Write("d/two.txt", "2");
        pair.A.Write("d/e/run.sh", "3");
        File.SetUnixFileMode(pair.A["d/e/run.sh"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.SetLastWriteTimeUtc(pair.A["one.txt"], new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc));

        await pair.SettleAsync();

        await pair.AssertSettledAsync();
        Assert.Equal(File.GetLastWriteTimeUtc(pair.A["one.txt"]), File.GetLastWriteTimeUtc(pair.B["one.txt"]));
        Assert.Empty(pair.B.Copies());
    }

    [Fact]
    public async Task An_edit_makes_a_second_version()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "first");
        await pair.SettleAsync();
        pair.A.Write("f", "second");

        await pair.SettleAsync();

        await pair.AssertSettledAsync();
        Assert.Equal("second", pair.B.Text("f"));
        Assert.Equal("first", await pair.Ann.DoAsync("cat", $"{pair.Space}:/f", "--version", "1"));
        Assert.True(pair.B.Trashed("f"));
    }

    [Fact]
    public async Task A_deletion_goes_to_both_trashes()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "1");
        pair.A.Write("g", "2");
        await pair.SettleAsync();
        File.Delete(pair.A["f"]);

        await pair.SettleAsync();

        await pair.AssertSettledAsync();
        Assert.False(pair.B.Has("f"));
        Assert.True(pair.B.Trashed("f"));
        Assert.Contains("f", await pair.Ann.DoAsync("trash", "ls", pair.Space), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Empty_files_and_folders_are_carried()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("empty", "");
        Directory.CreateDirectory(pair.A["d/e/f"]);

        await pair.SettleAsync();

        await pair.AssertSettledAsync();
        Assert.True(pair.B.Has("d/e/f"));
        Assert.Equal("", pair.B.Text("empty"));
    }

    [Fact]
    public async Task A_file_that_grows_from_nothing_and_back_has_three_versions()
    {
        using var pair = await world.PairAsync();
        foreach (var text in new[] { "", "content", "" })
        {
            pair.A.Write("f", text);
            await pair.SettleAsync();
            Assert.Equal(text, pair.B.Text("f"));
        }
        Assert.Equal(3, (await pair.Ann.DoAsync("versions", $"{pair.Space}:/f")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Count(static line => char.IsDigit(line.TrimStart()[0])));
    }

    [Fact]
    public async Task A_new_time_or_mode_sends_no_bytes()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "1");
        await pair.SettleAsync();
        File.SetLastWriteTimeUtc(pair.A["f"], new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        File.SetUnixFileMode(pair.A["f"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

        var report = await pair.A.SyncAsync();
        await pair.B.SyncAsync();

        Assert.Equal((0L, 0), (report.BytesUp, report.Uploaded));
        Assert.Equal(2020, File.GetLastWriteTimeUtc(pair.B["f"]).Year);
        Assert.True(File.GetUnixFileMode(pair.B["f"]).HasFlag(UnixFileMode.UserExecute));
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task Two_different_edits_keep_both()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f.txt", "base");
        await pair.SettleAsync();
        pair.A.Write("f.txt", "of a");
        pair.B.Write("f.txt", "of b");

        await pair.A.SyncAsync();
        var (_, exit, _) = await pair.B.RunAsync();
        await pair.A.SyncAsync();

        Assert.Equal(ExitCode.Conflicts, exit);
        Assert.Equal(("of a", "of a"), (pair.A.Text("f.txt"), pair.B.Text("f.txt")));
        Assert.Equal("of b", File.ReadAllText(Assert.Single(pair.A.Copies())));
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task The_same_edit_on_both_sides_is_no_conflict()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "base");
        await pair.SettleAsync();
        pair.A.Write("f", "same");
        pair.B.Write("f", "same");

        await pair.SettleAsync();

        Assert.Empty(pair.A.Copies());
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task Files_made_alike_on_both_sides_are_one_node()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("d/f", "same");
        pair.B.Write("d/f", "same");
        File.SetLastWriteTimeUtc(pair.B["d/f"], new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc));

        await pair.A.SyncAsync();
        var report = await pair.B.SyncAsync();

        Assert.Equal((0, 0, 0), (report.Uploaded, report.Downloaded, report.Conflicts.Count));
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task Files_made_differently_under_one_name_are_both_kept()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "of a");
        pair.B.Write("f", "of b");

        await pair.SettleAsync();

        Assert.Equal("of a", pair.B.Text("f"));
        Assert.Equal("of b", File.ReadAllText(Assert.Single(pair.A.Copies())));
        await pair.AssertSettledAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_edit_beats_a_deletion_and_keeps_the_history(bool deleteFirst)
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "base");
        pair.A.Write("other", "stays");
        await pair.SettleAsync();
        File.Delete(pair.A["f"]);
        pair.B.Write("f", "edited");

        if (!deleteFirst)
            await pair.B.SyncAsync();
        await pair.SettleAsync();

        Assert.Equal(("edited", "edited"), (pair.A.Text("f"), pair.B.Text("f")));
        Assert.Equal("base", await pair.Ann.DoAsync("cat", $"{pair.Space}:/f", "--version", "1"));
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task A_file_deleted_on_both_sides_is_gone()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "1");
        pair.A.Write("g", "2");
        await pair.SettleAsync();
        File.Delete(pair.A["f"]);
        File.Delete(pair.B["f"]);

        await pair.SettleAsync();

        await pair.AssertSettledAsync();
        Assert.False(pair.A.Has("f"));
    }

    [Fact]
    public async Task A_rename_sends_no_bytes_and_renames_on_the_other_side()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "content");
        await pair.SettleAsync();
        var before = await pair.Ann.DoAsync("stat", $"{pair.Space}:/f", "--json");
        File.Move(pair.A["f"], pair.A["g"]);

        var up = await pair.A.SyncAsync();
        var down = await pair.B.SyncAsync();

        Assert.Equal((0L, 1), (up.BytesUp, up.Operations));
        Assert.Equal((0L, 1), (down.BytesDown, down.MovedLocally));
        Assert.Equal(IdIn(before), IdIn(await pair.Ann.DoAsync("stat", $"{pair.Space}:/g", "--json")));
        await pair.AssertSettledAsync();
    }

    static string IdIn(string json) => System.Text.Json.JsonDocument.Parse(json).RootElement.GetProperty("id").GetString()!;

    [Fact]
    public async Task A_renamed_folder_is_one_operation()
    {
        using var pair = await world.PairAsync();
        for (var i = 0; i < 300; i++)
            pair.A.Write($"d/e{i % 10}/f{i}", $"content {i}");
        await pair.SettleAsync();
        Directory.Move(pair.A["d"], pair.A["z"]);

        var up = await pair.A.SyncAsync();
        var down = await pair.B.SyncAsync();

        Assert.Equal((1, 0L), (up.Operations, up.BytesUp));
        Assert.Equal((1, 0), (down.MovedLocally, down.Downloaded));
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task A_file_that_was_moved_and_edited_is_still_one_node()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "content");
        await pair.SettleAsync();
        Directory.CreateDirectory(pair.A["d"]);
        File.Move(pair.A["f"], pair.A["d/g"]);
        File.AppendAllText(pair.A["d/g"], " and more");

        await pair.SettleAsync();

        Assert.Equal("content", await pair.Ann.DoAsync("cat", $"{pair.Space}:/d/g", "--version", "1"));
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task A_folder_moved_here_and_deleted_there_comes_back_with_all_it_held()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("d/e/f", "1");
        pair.A.Write("d/g", "2");
        await pair.SettleAsync();
        await pair.Ann.DoAsync("rm", $"{pair.Space}:/d");
        Directory.Move(pair.A["d"], pair.A["h"]);

        await pair.SettleAsync();

        await pair.AssertSettledAsync();
        Assert.Equal(("1", "2"), (pair.B.Text("h/e/f"), pair.A.Text("h/g")));
        Assert.Equal("1", await pair.Ann.DoAsync("cat", $"{pair.Space}:/h/e/f"));
        Assert.False(pair.A.Trashed("f"));
    }

    [Fact]
    public async Task A_folder_moved_out_of_a_folder_that_was_deleted_there_keeps_what_it_holds()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("d/e/f", "1");
        pair.A.Write("d/g", "2");
        await pair.SettleAsync();
        await pair.Ann.DoAsync("rm", $"{pair.Space}:/d");
        Directory.Move(pair.A["d/e"], pair.A["e"]);

        await pair.SettleAsync();

        await pair.AssertSettledAsync();
        Assert.Equal(("1", false), (pair.B.Text("e/f"), pair.B.Has("d")));
        Assert.Equal("1", await pair.Ann.DoAsync("cat", $"{pair.Space}:/e/f"));
    }

    [Fact]
    public async Task Swapped_files_arrive_without_bytes()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("a", "of a");
        pair.A.Write("b", "of b");
        await pair.SettleAsync();
        File.Move(pair.A["a"], pair.A["t"]);
        File.Move(pair.A["b"], pair.A["a"]);
        File.Move(pair.A["t"], pair.A["b"]);

        var up = await pair.A.SyncAsync();
        var down = await pair.B.SyncAsync();

        Assert.Equal((0L, 0), (up.BytesUp, down.Downloaded));
        Assert.Equal("of b", pair.B.Text("a"));
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task A_file_becomes_a_folder_and_a_folder_a_file()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "file");
        pair.A.Write("d/1", "1");
        pair.A.Write("d/2", "2");
        for (var i = 0; i < 20; i++)
            pair.A.Write($"other/{i}", $"{i}");
        await pair.SettleAsync();
        File.Delete(pair.A["f"]);
        pair.A.Write("f/x", "now a folder");
        Directory.Delete(pair.A["d"], recursive: true);
        pair.A.Write("d", "now a file");

        await pair.SettleAsync();

        Assert.Equal("now a folder", pair.B.Text("f/x"));
        Assert.Equal("now a file", pair.B.Text("d"));
        Assert.True(pair.B.Trashed("2"));
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task A_file_became_a_folder_here_and_was_edited_there()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "file");
        await pair.SettleAsync();
        File.Delete(pair.A["f"]);
        pair.A.Write("f/x", "in the folder");
        pair.B.Write("f", "edited");

        await pair.SettleAsync();
        await pair.B.SyncAsync();

        Assert.Contains("edited", Directory.GetFiles(pair.A.Path, "f*").Select(File.ReadAllText));
        Assert.Contains("in the folder", Directory.GetFiles(pair.A.Path, "x", SearchOption.AllDirectories).Select(File.ReadAllText));
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task Symlinks_travel_as_links()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", "1");
        File.CreateSymbolicLink(pair.A["inside"], "f");
        File.CreateSymbolicLink(pair.A["dangling"], "nowhere");
        File.CreateSymbolicLink(pair.A["outside"], "/etc/passwd");
        Directory.CreateSymbolicLink(pair.A["folder"], "/usr");

        var report = await pair.A.SyncAsync();
        await pair.B.SyncAsync();

        Assert.True(report.BytesUp < 4096);
        Assert.Equal("/usr", new DirectoryInfo(pair.B["folder"]).LinkTarget);
        await pair.AssertSettledAsync();
    }

    [Fact]
    public async Task One_changed_byte_of_a_large_file_costs_a_chunk_each_way()
    {
        using var pair = await world.PairAsync();
        var bytes = new byte[40 * 1024 * 1024];
        new Random(7).NextBytes(bytes);
        pair.A.WriteBytes("big", bytes);
        await pair.SettleAsync();
        bytes[20_000_000] ^= 1;
        pair.A.WriteBytes("big", bytes);

        var up = await pair.A.SyncAsync();
        var down = await pair.B.SyncAsync();

        Assert.InRange(up.BytesUp, 1, 5 * 1024 * 1024);
        Assert.InRange(down.BytesDown, 1, 5 * 1024 * 1024);
        await pair.AssertSettledAsync();
        await pair.Ann.DoAsync("verify", pair.B.Path);
    }

    [Fact]
    public async Task A_copied_file_sends_no_bytes()
    {
        using var pair = await world.PairAsync();
        pair.A.Write("f", new string('x', 100_000));
        await pair.SettleAsync();
        File.Copy(pair.A["f"], pair.A["copy"]);

        var up = await pair.A.SyncAsync();
        var down = await pair.B.SyncAsync();

        Assert.Equal((0L, 0L), (up.BytesUp, down.BytesDown));
        await pair.AssertSettledAsync();
    }
}
