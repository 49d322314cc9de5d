using System.Diagnostics;
using FileServer.Storage;
using Microsoft.Win32.SafeHandles;
using Tests.Support;

namespace Tests.Storage;

public sealed class DurableTests : IDisposable
{
    const int EIO = 5;

    readonly TemporaryFolder folder = new();

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    [Fact]
    public void An_error_of_each_sync_comes_through()
    {
        foreach (var sync in (Action<Durable, SafeFileHandle>[])[(d, f) => d.Sync(f), (d, f) => d.SyncData(f), (d, _) => d.SyncFolder(folder.Path)])
        {
            using var file = new Durable(new LibC()).CreateFile(folder[Guid.CreateVersion7().ToString()]);
            // The folder's sync is the second call: its first one opens the folder.
            var failures = Enumerable.Range(1, 2).Select(n => Record.Exception(() => sync(new Durable(new FailingCalls(new LibC(), n, EIO, persistent: false)), file)));
            var failed = Assert.IsType<DurableException>(failures.Last(failure => failure is not null));
            Assert.Equal(EIO, failed.ErrorNumber);
        }
    }

    [Fact]
    public void A_sync_of_a_descriptor_that_cannot_be_synced_fails()
    {
        // A pipe is the one thing on which the kernel itself refuses fsync without root or tools.
        using var pipe = new System.IO.Pipes.AnonymousPipeServerStream();
        using var handle = new SafeFileHandle(pipe.SafePipeHandle.DangerousGetHandle(), ownsHandle: false);
        Assert.Equal(22, Assert.Throws<DurableException>(() => new Durable(new LibC()).Sync(handle)).ErrorNumber);
    }

    /// <summary>The kernel returns EIO to a real process: ours must see it, .NET's own call does not.</summary>
    [Fact]
    public async Task An_error_that_the_kernel_gives_comes_through()
    {
        Tool.Require(File.Exists("/usr/bin/strace"), "strace (apt-get install strace)");
        var program = Path.Join(AppContext.BaseDirectory, "Tests");
        var start = new ProcessStartInfo("/usr/bin/strace", ["-f", "-qq", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO", "-o", "/dev/null", program, "-explicit", "only", "-method", "Tests.Storage.DurableTests.Syncs_under_strace"])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
            Environment = { ["FILESHARE_TEST_SYNC"] = folder["file"] },
        };
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync(Ct);
        await process.WaitForExitAsync(Ct);
        Assert.SkipWhen(!File.Exists(folder["file.result"]), $"strace cannot trace here: {output}");
        var result = await File.ReadAllTextAsync(folder["file.result"], Ct);
        Assert.Contains("Durable: errno 5", result, StringComparison.Ordinal);
        // The day this fails, .NET has been repaired; Durable stays for folders, renames and EROFS.
        Assert.Contains(".NET: success", result, StringComparison.Ordinal);
    }

    [Fact(Explicit = true)]
    public void Syncs_under_strace()
    {
        var path = Environment.GetEnvironmentVariable("FILESHARE_TEST_SYNC");
        Assert.SkipWhen(path is null, "Started by An_error_that_the_kernel_gives_comes_through.");
        var durable = new Durable(new LibC());
        using var file = durable.CreateFile(path!);
        durable.Write(file, "x"u8, 0);
        var ours = Record.Exception(() => durable.Sync(file));
#pragma warning disable RS0030 // The banned call is what is being tested.
        var theirs = Record.Exception(() => RandomAccess.FlushToDisk(file));
#pragma warning restore RS0030
        File.WriteAllText($"{path}.result", $"Durable: errno {(ours as DurableException)?.ErrorNumber}; .NET: {(theirs is null ? "success" : theirs.Message)}");
    }

    [Fact]
    public void A_file_is_made_for_its_owner_only_and_never_twice()
    {
        var durable = new Durable(new LibC());
        durable.CreateFile(folder["file"]).Dispose();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder["file"]));
        Assert.Equal(Errno.Exists, Assert.Throws<DurableException>(() => durable.CreateFile(folder["file"])).ErrorNumber);
    }

    [Fact]
    public void A_link_in_the_place_of_a_file_is_not_followed()
    {
        var durable = new Durable(new LibC());
        File.WriteAllText(folder["target"], "kept");
        File.CreateSymbolicLink(folder["link"], folder["target"]);
        Assert.Equal(Errno.Loop, Assert.Throws<DurableException>(() => durable.OpenFile(folder["link"])).ErrorNumber);
        Assert.Equal(Errno.Loop, Assert.Throws<DurableException>(() => durable.OpenForReading(folder["link"])).ErrorNumber);
        Assert.Equal(Errno.Exists, Assert.Throws<DurableException>(() => durable.CreateFile(folder["link"])).ErrorNumber);
        Assert.Equal("kept", File.ReadAllText(folder["target"]));
    }

    [Fact]
    public void A_name_that_is_taken_is_never_replaced_by_publishing()
    {
        var durable = new Durable(new LibC());
        File.WriteAllText(folder["new"], "new");
        File.WriteAllText(folder["old"], "old");
        Assert.Equal(Errno.Exists, Assert.Throws<DurableException>(() => durable.Publish(folder["new"], folder["old"])).ErrorNumber);
        Assert.Equal("old", File.ReadAllText(folder["old"]));
    }

    [Fact]
    public void An_interrupted_call_is_made_again()
    {
        for (var n = 1; n <= 3; n++)
        {
            using var file = new Durable(new FailingCalls(new LibC(), n, Errno.Interrupted, persistent: false)).CreateFile(folder[$"{n}"]);
            var durable = new Durable(new FailingCalls(new LibC(), 1, Errno.Interrupted, persistent: false));
            durable.Sync(file);
            durable.Write(file, "abc"u8, 0);
        }
    }
}
