using System.Diagnostics;
using System.Text;
using Tests.Support;

namespace Tests.WebDav;

/// <summary>Real WebDAV programs against a real server.</summary>
public sealed class ToolTests(World world) : IClassFixture<World>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    string Url(DavClient ann, string path = "/") => new Uri(world.Url, $"{ann.Root}{path}").ToString();

    static async Task<(int Code, string Output)> RunAsync(string program, string[] arguments, string? input = null, string? folder = null, params (string, string)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = folder ?? Path.GetTempPath(),
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = new StringBuilder();
        process.OutputDataReceived += (_, line) => output.AppendLine(line.Data);
        process.ErrorDataReceived += (_, line) => output.AppendLine(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        try
        {
            await process.WaitForExitAsync(Cancelled);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
        return (process.ExitCode, output.ToString());
    }

    static bool Has(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").Any(folder => File.Exists(Path.Combine(folder, program)));

    [Fact]
    public async Task All_suites_of_litmus_pass()
    {
        Tool.Require(Has("litmus"), "litmus");
        using var ann = await DavClient.OpenAsync(world);
        using var folder = new TemporaryFolder();
        var (code, output) = await RunAsync("litmus", ["-k", Url(ann), "ann", ann.Token], folder: folder.Path);
        Assert.True(code == 0 && !output.Contains("FAIL", StringComparison.Ordinal), output);
        Assert.Equal(5, output.Split('\n').Count(line => line.Contains("100.0%", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Rclone_copies_a_tree_both_ways_and_finds_nothing_different()
    {
        Tool.Require(Has("rclone"), "rclone");
        using var ann = await DavClient.OpenAsync(world);
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["from/sub/äöü (1) & 100%"]);
        await File.WriteAllTextAsync(folder["from/a.txt"], "one", Cancelled);
        await File.WriteAllTextAsync(folder["from/sub/äöü (1) & 100%/b #+;=@.txt"], "two", Cancelled);
        await File.WriteAllBytesAsync(folder["from/sub/large.bin"], new byte[5_000_000], Cancelled);
        await File.WriteAllTextAsync(folder["from/sub/empty"], "", Cancelled);
        File.SetLastWriteTimeUtc(folder["from/a.txt"], new DateTime(2020, 1, 2, 3, 4, 5, DateTimeKind.Utc));
        async Task<string> RcloneAsync(params string[] arguments)
        {
            var (password, _) = await ObscureAsync(ann.Token);
            var (code, output) = await RunAsync(
                "rclone", ["--config", folder["rclone.conf"], .. arguments], folder: folder.Path,
                environment: [("RCLONE_CONFIG_D_TYPE", "webdav"), ("RCLONE_CONFIG_D_URL", Url(ann)), ("RCLONE_CONFIG_D_VENDOR", "owncloud"), ("RCLONE_CONFIG_D_USER", "ann"), ("RCLONE_CONFIG_D_PASS", password)]);
            Assert.True(code == 0, $"rclone {string.Join(' ', arguments)} ended with {code}:\n{output}");
            return output;
        }

        await RcloneAsync("copy", "from", "d:up");
        Assert.Equal(new DateTimeOffset(2020, 1, 2, 3, 4, 5, TimeSpan.Zero), (await ann.NodeAsync("up/a.txt")).ModifiedAt);
        await RcloneAsync("check", "from", "d:up", "--download");
        await RcloneAsync("copy", "d:up", "back");
        await RcloneAsync("check", "from", "back", "--download");
        await RcloneAsync("moveto", "d:up/a.txt", "d:up/c.txt");
        await RcloneAsync("copyto", "d:up/c.txt", "d:up/d.txt");
        await RcloneAsync("sync", "from", "d:up");
        await RcloneAsync("check", "from", "d:up", "--download");
        Assert.Contains("Used", await RcloneAsync("about", "d:"), StringComparison.Ordinal);
        await RcloneAsync("purge", "d:up");
        Assert.Equal([$"{ann.Root}/"], await ann.ListAsync(""));
    }

    static async Task<(string Password, int Code)> ObscureAsync(string token)
    {
        var (code, output) = await RunAsync("rclone", ["obscure", token]);
        return (output.Trim(), code);
    }

    [Fact]
    public async Task Cadaver_lists_puts_gets_locks_and_keeps_properties()
    {
        Tool.Require(Has("cadaver"), "cadaver");
        using var ann = await DavClient.OpenAsync(world);
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["a.txt"], "one", Cancelled);
        await File.WriteAllTextAsync(folder[".netrc"], $"machine {world.Url.Host}\nlogin ann\npassword {ann.Token}\n", Cancelled);
        File.SetUnixFileMode(folder[".netrc"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var commands = """
            mkcol folder
            cd folder
            put a.txt
            ls
            copy a.txt b.txt
            move b.txt c.txt
            lock c.txt
            discover c.txt
            unlock c.txt
            propset c.txt colour red
            propget c.txt colour
            get c.txt back.txt
            delete a.txt
            cd ..
            ls folder
            quit

            """;
        var (code, output) = await RunAsync("cadaver", [Url(ann)], commands, folder.Path, ("HOME", folder.Path));
        Assert.True(code == 0 && !output.Contains("failed", StringComparison.OrdinalIgnoreCase), output);
        Assert.Equal("one", await File.ReadAllTextAsync(folder["back.txt"], Cancelled));
        Assert.Contains("red", output, StringComparison.Ordinal);
        Assert.Equal([$"{ann.Root}/folder/", $"{ann.Root}/folder/c.txt"], await ann.ListAsync("folder"));
        Assert.Equal(204, await ann.PutAsync("folder/c.txt", "unlocked"));
    }

    /// <summary>Needs /dev/fuse and the right to mount, which not every machine gives.</summary>
    [Fact]
    public async Task Davfs2_mounts_a_space_and_programs_work_on_it()
    {
        Tool.Require(Has("mount.davfs"), "davfs2");
        if (!File.Exists("/dev/fuse") || Environment.UserName != "root")
        {
            TestContext.Current.AddWarning("Not run: mounting needs /dev/fuse and root.");
            return;
        }
        using var ann = await DavClient.OpenAsync(world);
        using var folder = new TemporaryFolder();
        foreach (var name in new[] { "mount", "cache" })
            Directory.CreateDirectory(folder[name]);
        // davfs2 drops its rights before it opens its cache.
        File.SetUnixFileMode(folder.Path, (UnixFileMode)0b111_101_101);
        File.SetUnixFileMode(folder["cache"], (UnixFileMode)0b111_111_111);
        await File.WriteAllTextAsync(folder["secrets"], $"\"{folder["mount"]}\" ann {ann.Token}\n", Cancelled);
        File.SetUnixFileMode(folder["secrets"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await File.WriteAllTextAsync(folder["davfs2.conf"], $"secrets {folder["secrets"]}\ncache_dir {folder["cache"]}\nuse_locks 1\nask_auth 0\ndelay_upload 0\ngui_optimize 0\n", Cancelled);
        var (code, output) = await RunAsync("mount.davfs", [Url(ann), folder["mount"], "-o", $"conf={folder["davfs2.conf"]},uid=0"]);
        if (code != 0 && output.Contains("fuse", StringComparison.OrdinalIgnoreCase))
        {
            TestContext.Current.AddWarning($"Not run: this machine mounts nothing: {output}");
            return;
        }
        Assert.True(code == 0, output);
        try
        {
            Directory.CreateDirectory(folder["mount/folder"]);
            await File.WriteAllTextAsync(folder["mount/folder/a.txt"], "one", Cancelled);
            await File.AppendAllTextAsync(folder["mount/folder/a.txt"], " two", Cancelled);
            File.Move(folder["mount/folder/a.txt"], folder["mount/b.txt"]);
            await File.WriteAllTextAsync(folder["mount/c.txt"], "three", Cancelled);
            File.Delete(folder["mount/c.txt"]);
            Assert.Equal("one two", await File.ReadAllTextAsync(folder["mount/b.txt"], Cancelled));
        }
        finally
        {
            // Waits until all was sent.
            (code, output) = await RunAsync("umount", [folder["mount"]]);
        }
        Assert.True(code == 0, output);
        Assert.Equal("one two", await ann.GetAsync("b.txt"));
        Assert.Equal(404, await ann.StatusAsync("GET", "c.txt"));
        Assert.Equal([$"{ann.Root}/folder/"], await ann.ListAsync("folder"));
    }

    [Fact]
    public async Task Gvfs_mounts_a_space_and_works_on_it_as_a_desktop_does()
    {
        Tool.Require(Has("gio") && Has("dbus-run-session") && (File.Exists("/usr/lib/gvfs/gvfsd-dav") || File.Exists("/usr/libexec/gvfsd-dav")), "gio, gvfs-backends and dbus-daemon");
        using var ann = await DavClient.OpenAsync(world);
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["a.txt"], "one", Cancelled);
        var url = $"dav://ann@{world.Url.Authority}{ann.Root}";
        var script = $$"""
            set -e
            echo '{{ann.Token}}' | gio mount '{{url}}'
            gio mkdir '{{url}}/folder'
            gio copy '{{folder["a.txt"]}}' '{{url}}/folder/ä (1).txt'
            gio cat '{{url}}/folder/ä (1).txt'
            printf two | gio save '{{url}}/folder/ä (1).txt'
            gio rename '{{url}}/folder/ä (1).txt' b.txt
            gio copy '{{url}}/folder/b.txt' '{{url}}/c.txt'
            gio move '{{url}}/c.txt' '{{url}}/d.txt'
            gio list -h '{{url}}/'
            gio remove '{{url}}/d.txt'
            gio mount -u '{{url}}'
            """;
        var (code, output) = await RunAsync("dbus-run-session", ["--", "bash", "-c", script], folder: folder.Path, environment: [("GVFS_DISABLE_FUSE", "1"), ("HOME", folder.Path), ("LC_ALL", "C.UTF-8")]);
        Assert.True(code == 0, output);
        Assert.Equal("two", await ann.GetAsync("folder/b.txt"));
        Assert.Equal(2, (await ann.NodeAsync("folder/b.txt")).Version);
        Assert.Equal([$"{ann.Root}/", $"{ann.Root}/folder/"], await ann.ListAsync(""));
    }
}
