using System.Text;
using System.Text.Json;
using FileClient.Terminal;
using FileServer.Protocol;
using Tests.Support;

namespace Tests.EndToEnd;

/// <summary>Files carried and changed by the real client at the real server.</summary>
public sealed class CliFilesTests(CliFilesTests.Office office) : IClassFixture<CliFilesTests.Office>, IDisposable
{
    const int Large = 21 * 1024 * 1024 + 54321;

    readonly TemporaryFolder temporary = new();

    /// <summary>A server, a space for all tests, and Ann, who may edit it; Eve may only read.</summary>
    public sealed class Office(TestCluster cluster) : IAsyncLifetime
    {
        readonly TemporaryFolder homes = new();
        int folders;

        internal World World { get; } = new(cluster);

        internal CommandLine Ann { get; private set; } = null!;

        internal CommandLine Eve { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            await World.InitializeAsync();
            await World.SpaceAsync("team", "editor", ["ann"], CancellationToken.None);
            await World.SpaceAsync("hidden", "editor", [], CancellationToken.None);
            await World.SignedInAsync("eve", CancellationToken.None);
            Ann = new CommandLine(World.Url, homes["ann"]);
            Eve = new CommandLine(World.Url, homes["eve"]);
            await Ann.SignInAsync("ann", "the-long-password-of-ann");
            await Eve.SignInAsync("eve", "the-long-password-of-eve");
        }

        /// <summary>A folder of its own for one test.</summary>
        internal async Task<string> FolderAsync()
        {
            var path = $"team:/test-{Interlocked.Increment(ref folders)}";
            await Ann.DoAsync("mkdir", path);
            return path;
        }

        public async ValueTask DisposeAsync()
        {
            homes.Dispose();
            await World.DisposeAsync();
        }
    }

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    CommandLine Ann => office.Ann;

    public void Dispose() => temporary.Dispose();

    string LocalFile(string name, byte[] bytes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(temporary[name])!);
        File.WriteAllBytes(temporary[name], bytes);
        return temporary[name];
    }

    static byte[] Bytes(int count, int seed)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(300_000)]
    [InlineData(Large)]
    public async Task What_is_put_is_got_again(int size)
    {
        var folder = await office.FolderAsync();
        var bytes = Bytes(size, size);
        var file = LocalFile("in.bin", bytes);
        File.SetLastWriteTimeUtc(file, new DateTime(2020, 2, 3, 4, 5, 6, DateTimeKind.Utc));
        await Ann.DoAsync("put", file, $"{folder}/out.bin");
        var node = JsonDocument.Parse(await Ann.DoAsync("stat", $"{folder}/out.bin", "--json")).RootElement;
        Assert.Equal(Digest.Of(bytes).ToString(), node.GetProperty("sha256").GetString());
        Assert.Equal(size, node.GetProperty("size").GetInt64());
        await Ann.DoAsync("get", $"{folder}/out.bin", temporary["back.bin"]);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(temporary["back.bin"], Ct));
        Assert.Equal(File.GetLastWriteTimeUtc(file), File.GetLastWriteTimeUtc(temporary["back.bin"]));
        Assert.Equal(bytes, (await Ann.RunAsync("cat", $"{folder}/out.bin")).Data);
    }

    [Fact]
    public async Task Names_of_all_kinds_come_through()
    {
        var folder = await office.FolderAsync();
        foreach (var name in new[] { "with space", "100%", "a+b&c=d", "ümläut-é", "日本語", "%2F", "a#b?c", "😀", "-dash", "null" })
        {
            await Ann.DoAsync("put", LocalFile("file", Encoding.UTF8.GetBytes(name)), $"{folder}/{name}");
            Assert.Equal(name, await Ann.DoAsync("cat", $"{folder}/{name}"));
        }
        Assert.Equal(10, (await Ann.DoAsync("ls", folder)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public async Task A_pipe_can_be_put_and_got()
    {
        var folder = await office.FolderAsync();
        var bytes = Bytes(500_000, 5);
        var put = await Ann.RunAsync(bytes, "put", "-", $"{folder}/pipe.bin");
        Assert.True(put.Exit == ExitCode.Done, put.Error);
        Assert.Equal(bytes, (await Ann.RunAsync("get", $"{folder}/pipe.bin", "-")).Data);
    }

    [Fact]
    public async Task Every_put_is_a_version_and_an_old_one_can_be_restored()
    {
        var file = $"{await office.FolderAsync()}/notes.txt";
        foreach (var text in new[] { "first", "second", "third" })
            await Ann.DoAsync("put", LocalFile("notes.txt", Encoding.UTF8.GetBytes(text)), file);
        var versions = JsonDocument.Parse(await Ann.DoAsync("versions", file, "--json")).RootElement;
        Assert.Equal([3, 2, 1], versions.EnumerateArray().Select(version => version.GetProperty("number").GetInt32()));
        Assert.Equal("first", await Ann.DoAsync("cat", file, "--version", "1"));
        await Ann.DoAsync("restore", file, "--version", "1", "--dry-run");
        Assert.Equal("third", await Ann.DoAsync("cat", file));
        await Ann.DoAsync("restore", file, "--version", "1");
        Assert.Equal("first", await Ann.DoAsync("cat", file));
        Assert.Equal(ExitCode.NotFound, (await Ann.RunAsync("restore", file, "--version", "77")).Exit);
    }

    [Fact]
    public async Task Files_and_folders_are_moved_copied_and_removed()
    {
        var folder = await office.FolderAsync();
        await Ann.DoAsync("put", LocalFile("a.txt", "a"u8.ToArray()), $"{folder}/a.txt");
        await Ann.DoAsync("mkdir", "-p", $"{folder}/deep/er");
        await Ann.DoAsync("mv", $"{folder}/a.txt", $"{folder}/deep/b.txt");
        await Ann.DoAsync("cp", $"{folder}/deep", $"{folder}/copy");
        Assert.Equal("copy/\ndeep/\n", await Ann.DoAsync("ls", folder));
        Assert.Equal("copy/\ncopy/b.txt\ncopy/er/\ndeep/\ndeep/b.txt\ndeep/er/\n", await Ann.DoAsync("ls", "-R", folder));
        Assert.Equal("a", await Ann.DoAsync("cat", $"{folder}/copy/b.txt"));
        await Ann.DoAsync("rm", $"{folder}/deep", "--dry-run");
        Assert.Equal("a", await Ann.DoAsync("cat", $"{folder}/deep/b.txt"));
        await Ann.DoAsync("rm", $"{folder}/deep");
        Assert.Equal(ExitCode.NotFound, (await Ann.RunAsync("cat", $"{folder}/deep/b.txt")).Exit);
        Assert.Contains("└── b.txt", (await Ann.DoAsync("tree", $"{folder}/copy")).Replace("├", "└"));
    }

    [Fact]
    public async Task What_stands_in_the_way_is_told()
    {
        var folder = await office.FolderAsync();
        await Ann.DoAsync("put", LocalFile("a.txt", "a"u8.ToArray()), $"{folder}/a.txt");
        await Ann.DoAsync("put", temporary["a.txt"], $"{folder}/b.txt");
        Assert.Equal(ExitCode.Failure, (await Ann.RunAsync("mv", $"{folder}/a.txt", $"{folder}/b.txt")).Exit);
        Assert.Equal(ExitCode.Failure, (await Ann.RunAsync("mkdir", $"{folder}/a.txt")).Exit);
        Assert.Equal(ExitCode.NotFound, (await Ann.RunAsync("mkdir", $"{folder}/no/such")).Exit);
        Assert.Equal(ExitCode.NotFound, (await Ann.RunAsync("get", $"{folder}/none", temporary.Path)).Exit);
        Assert.Equal(ExitCode.NotFound, (await Ann.RunAsync("put", temporary["no-such-file"], $"{folder}/c.txt")).Exit);
        Assert.Equal(ExitCode.NotFound, (await Ann.RunAsync("ls", "no-such-space:/")).Exit);
        Assert.Equal(ExitCode.NotFound, (await Ann.RunAsync("ls", "hidden:/")).Exit);
        Assert.Equal(ExitCode.Usage, (await Ann.RunAsync("mv", $"{folder}/a.txt", "hidden:/a.txt")).Exit);
        Assert.Equal(ExitCode.Usage, (await Ann.RunAsync("cat", folder)).Exit);
    }

    [Fact]
    public async Task Whole_folders_go_up_and_come_down()
    {
        var folder = await office.FolderAsync();
        var expected = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        for (var i = 0; i < 60; i++)
            expected[$"src/{i % 7}/deep/file {i}.bin"] = Bytes(i * i * 17, i);
        expected["src/big.bin"] = Bytes(3_000_000, 99);
        expected["src/huge.bin"] = Bytes(Large, 98);
        foreach (var (path, bytes) in expected)
            LocalFile(path, bytes);
        Directory.CreateDirectory(temporary["src/empty"]);
        File.CreateSymbolicLink(temporary["src/link"], "big.bin");
        var put = await Ann.RunAsync("put", temporary["src"], $"{folder}/");
        Assert.Equal(ExitCode.Partial, put.Exit);
        Assert.Contains("skipped link: it is a symbolic link", put.Error);

        await Ann.DoAsync("get", $"{folder}/src", temporary["back"]);
        File.Delete(temporary["src/link"]);
        var back = Directory.GetFiles(temporary["back"], "*", SearchOption.AllDirectories);
        Assert.Equal(expected.Keys.Select(path => temporary["back" + path[3..]]), back.Order(StringComparer.Ordinal));
        foreach (var (path, bytes) in expected)
        {
            var arrived = await File.ReadAllBytesAsync(temporary["back" + path[3..]], Ct);
            var same = arrived.AsSpan().CommonPrefixLength(bytes);
            Assert.True(same == bytes.Length && same == arrived.Length, $"{path}: {bytes.Length} bytes went up, {arrived.Length} came down, and only the first {same} are the same.");
        }
        Assert.True(Directory.Exists(temporary["back/empty"]));

        var again = JsonDocument.Parse(await Ann.DoAsync("put", temporary["src"], $"{folder}/src", "--json")).RootElement;
        await Ann.DoAsync("get", $"{folder}/src", temporary["back"]);
        Assert.Equal(back.Length, Directory.GetFiles(temporary["back"], "*", SearchOption.AllDirectories).Length);
        Assert.Equal(60, again.GetProperty("unchanged").GetInt32());
    }

    [Fact]
    public async Task Whoever_may_only_read_cannot_write_and_whoever_may_not_see_finds_nothing()
    {
        var folder = await office.FolderAsync();
        await Ann.DoAsync("put", LocalFile("a.txt", "a"u8.ToArray()), $"{folder}/a.txt");
        Assert.Equal(ExitCode.NotFound, (await office.Eve.RunAsync("cat", $"{folder}/a.txt")).Exit);
        var admin = new CommandLine(office.World.Url, temporary["admin"]);
        await admin.SignInAsync("admin", "the-administrator-of-a-test");
        await admin.DoAsync("access", "grant", folder, "user:eve", "viewer");
        Assert.Contains("user:eve", await admin.DoAsync("access", "show", folder));
        Assert.Equal("a", await office.Eve.DoAsync("cat", $"{folder}/a.txt"));
        Assert.Equal(ExitCode.NotSignedIn, (await office.Eve.RunAsync("put", temporary["a.txt"], $"{folder}/a.txt")).Exit);
        Assert.Equal(ExitCode.NotSignedIn, (await office.Eve.RunAsync("rm", $"{folder}/a.txt")).Exit);
        await admin.DoAsync("access", "revoke", folder, "user:eve");
        Assert.Equal(ExitCode.NotFound, (await office.Eve.RunAsync("cat", $"{folder}/a.txt")).Exit);
    }

    [Fact]
    public async Task Whoever_may_only_put_something_in_can_do_just_that()
    {
        var folder = await office.FolderAsync();
        var admin = new CommandLine(office.World.Url, temporary["admin"]);
        await admin.SignInAsync("admin", "the-administrator-of-a-test");
        await admin.DoAsync("access", "grant", folder, "user:eve", "uploader");
        foreach (var (name, size) in new[] { ("small.bin", 1000), ("large.bin", Large) })
        {
            var bytes = Bytes(size, size);
            await office.Eve.DoAsync("put", LocalFile(name, bytes), $"{folder}/{name}");
            Assert.Equal(bytes, (await Ann.RunAsync("cat", $"{folder}/{name}")).Data);
            Assert.NotEqual(ExitCode.Done, (await office.Eve.RunAsync("cat", $"{folder}/{name}")).Exit);
        }
    }

    [Fact]
    public async Task The_executable_bit_comes_along()
    {
        if (OperatingSystem.IsWindows())
            return;
        var folder = await office.FolderAsync();
        var script = LocalFile("run.sh", "#!/bin/sh"u8.ToArray());
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await Ann.DoAsync("put", script, $"{folder}/");
        await Ann.DoAsync("get", $"{folder}/run.sh", temporary["back.sh"]);
        Assert.True(File.GetUnixFileMode(temporary["back.sh"]).HasFlag(UnixFileMode.UserExecute));
    }

    [Fact]
    public async Task What_was_removed_comes_back_from_the_trash()
    {
        var folder = await office.FolderAsync();
        var name = $"gone-{Path.GetFileName(folder)}.txt";
        await Ann.DoAsync("put", LocalFile("a.txt", "a"u8.ToArray()), $"{folder}/{name}");
        await Ann.DoAsync("rm", $"{folder}/{name}");
        Assert.Contains(name, await Ann.DoAsync("trash", "ls", "team"));
        await Ann.DoAsync("trash", "restore", $"team:/{name}");
        Assert.Equal("a", await Ann.DoAsync("cat", $"{folder}/{name}"));
        await Ann.DoAsync("rm", $"{folder}/{name}");
        await Ann.DoAsync("trash", "restore", $"team:/{name}", "--to", $"{folder}/back.txt");
        Assert.Equal("a", await Ann.DoAsync("cat", $"{folder}/back.txt"));
    }

    [Fact]
    public async Task A_dry_run_of_a_put_sends_nothing()
    {
        var folder = await office.FolderAsync();
        Assert.Contains("would put", (await Ann.RunAsync("put", LocalFile("a.txt", "a"u8.ToArray()), $"{folder}/a.txt", "--dry-run")).Error);
        Assert.Equal("", await Ann.DoAsync("ls", folder));
    }

    [Fact]
    public async Task Spaces_are_made_shown_renamed_and_deleted()
    {
        var admin = new CommandLine(office.World.Url, temporary["admin"]);
        await admin.SignInAsync("admin", "the-administrator-of-a-test");
        await admin.DoAsync("spaces", "create", "crew", "--quota", "1M");
        Assert.Contains("1.0 MiB", await admin.DoAsync("spaces", "show", "crew"));
        var full = await admin.RunAsync("put", LocalFile("big", Bytes(2_000_000, 1)), "crew:/big");
        Assert.Equal(ExitCode.Limit, full.Exit);
        await admin.DoAsync("spaces", "rename", "crew", "gang");
        Assert.Contains("gang", await admin.DoAsync("spaces"));
        Assert.Equal(ExitCode.Usage, (await admin.RunAsync("spaces", "delete", "gang")).Exit);
        await admin.DoAsync("spaces", "delete", "gang", "--yes");
        Assert.DoesNotContain("gang", await admin.DoAsync("spaces"));
    }

    [Fact]
    public async Task Every_step_is_in_the_audit_log()
    {
        var folder = await office.FolderAsync();
        await Ann.DoAsync("put", LocalFile("secret.txt", "a"u8.ToArray()), $"{folder}/secret.txt");
        await Ann.DoAsync("cat", $"{folder}/secret.txt");
        Assert.Equal(ExitCode.NotSignedIn, (await Ann.RunAsync("audit", "ls")).Exit);
        var admin = new CommandLine(office.World.Url, temporary["admin"]);
        await admin.SignInAsync("admin", "the-administrator-of-a-test");
        var node = JsonDocument.Parse(await Ann.DoAsync("stat", $"{folder}/secret.txt", "--json")).RootElement.GetProperty("id").GetString()!;
        var events = JsonDocument.Parse(await admin.DoAsync("audit", "ls", "--node", node, "--json")).RootElement.EnumerateArray().ToList();
        Assert.Contains(events, item => item.GetProperty("action").GetString() == "file.read" && item.GetProperty("actor").GetString() == "ann");
        Assert.True(events.Count >= 2);
        var csv = await admin.DoAsync("audit", "export", "--format", "csv", "--actor", "ann");
        Assert.Contains("file.read", csv);
        var lines = (await admin.DoAsync("audit", "export", "--actor", "ann")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(lines, line => JsonDocument.Parse(line));
    }
}
