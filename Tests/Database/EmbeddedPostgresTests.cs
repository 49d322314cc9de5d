using System.Diagnostics;
using System.Net;
using FileServer.Database;
using FileServer.Database.Embedded;
using FileServer.Settings;
using Microsoft.Extensions.Logging.Abstractions;
using Tests.Support;

namespace Tests.Database;

/// <summary>What the private database survives. The temporary folder is closed to everybody but its owner, like a home folder.</summary>
public sealed class EmbeddedPostgresTests(ITestOutputHelper output) : IDisposable
{
    const int Kill = 9;

    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact(Timeout = 60_000)]
    public async Task SIGTERM_stops_the_server_and_its_database_cleanly()
    {
        int postmaster;
        await using (var first = await ServerProcess.StartAsync(folder.Path, TestContext.Current.CancellationToken))
        {
            output.WriteLine($"first start {first.TimeToReady.TotalMilliseconds:0} ms");
            postmaster = PostmasterOf(folder.Path);
            Assert.Equal(0, await first.TerminateAsync(TestContext.Current.CancellationToken));
        }
        Assert.False(SystemCalls.IsRunning(postmaster));
        Assert.False(File.Exists(Path.Combine(Cluster(folder.Path), Postmaster.FileName)));
        await using var second = await ServerProcess.StartAsync(folder.Path, TestContext.Current.CancellationToken);
        output.WriteLine($"second start {second.TimeToReady.TotalMilliseconds:0} ms");
        Assert.DoesNotContain("Making the database", second.Output, StringComparison.Ordinal);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_second_server_on_the_data_folder_is_refused_and_told_who_has_it()
    {
        await using var first = await ServerProcess.StartAsync(folder.Path, TestContext.Current.CancellationToken);
        var (exit, said) = await ServerProcess.RunAsync(folder.Path, TestContext.Current.CancellationToken, "--urls", "http://127.0.0.1:0");
        Assert.Equal(1, exit);
        Assert.Contains($"belongs to a running server (process {first.Id})", said, StringComparison.Ordinal);
        using var client = first.Client();
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/readyz", TestContext.Current.CancellationToken)).StatusCode);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_killed_servers_database_is_taken_over_by_the_next()
    {
        await using var first = await ServerProcess.StartAsync(folder.Path, TestContext.Current.CancellationToken);
        var postmaster = PostmasterOf(folder.Path);
        await first.KillAsync(TestContext.Current.CancellationToken);
        await using var second = await ServerProcess.StartAsync(folder.Path, TestContext.Current.CancellationToken);
        output.WriteLine($"start beside a survivor {second.TimeToReady.TotalMilliseconds:0} ms");
        Assert.Equal(postmaster, PostmasterOf(folder.Path));
        await second.TerminateAsync(TestContext.Current.CancellationToken);
        Assert.False(SystemCalls.IsRunning(postmaster));
    }

    [Fact(Timeout = 60_000)]
    public async Task A_killed_database_is_started_again_under_the_running_server()
    {
        await using var server = await ServerProcess.StartAsync(folder.Path, TestContext.Current.CancellationToken);
        var postmaster = PostmasterOf(folder.Path);
        ServerProcess.Signal(postmaster, Kill);
        using var client = server.Client();
        var watch = Stopwatch.StartNew();
        while (Postmaster.Read(Cluster(folder.Path)) is not { IsReady: true } now || now.ProcessId == postmaster || (await client.GetAsync("/readyz", TestContext.Current.CancellationToken)).StatusCode != HttpStatusCode.OK)
            await Task.Delay(20, TestContext.Current.CancellationToken);
        output.WriteLine($"ready again {watch.ElapsedMilliseconds} ms after kill -9 of the postmaster");
    }

    [Fact(Timeout = 60_000)]
    public async Task After_both_were_killed_a_start_recovers()
    {
        await using var first = await ServerProcess.StartAsync(folder.Path, TestContext.Current.CancellationToken);
        await first.KillAsync(TestContext.Current.CancellationToken);
        ServerProcess.Signal(PostmasterOf(folder.Path), Kill);
        await using var second = await ServerProcess.StartAsync(folder.Path, TestContext.Current.CancellationToken);
        output.WriteLine($"start with crash recovery {second.TimeToReady.TotalMilliseconds:0} ms");
    }

    [Fact(Timeout = 60_000)]
    public async Task A_path_longer_than_a_sockets_name_can_be_is_no_problem()
    {
        var deep = folder[string.Join('/', Enumerable.Repeat("a-folder-with-a-rather-long-name", 6))];
        await using var server = await ServerProcess.StartAsync(deep, TestContext.Current.CancellationToken);
        using var client = server.Client();
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/readyz", TestContext.Current.CancellationToken)).StatusCode);
    }

    [Fact(Timeout = 60_000)]
    public async Task An_installed_PostgreSQL_serves_as_well()
    {
        // The oldest there is, down to 15.
        var versions = Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql").Select(Path.GetFileName).OfType<string>() : [];
        var major = versions.Select(name => int.TryParse(name, out var number) ? number : 0).Where(number => number >= 15).DefaultIfEmpty().Min();
        Tool.Require(major > 0, "PostgreSQL 15 or newer below /usr/lib/postgresql (apt-get install postgresql)");
        await using var server = await ServerProcess.StartAsync(folder.Path, TestContext.Current.CancellationToken, $"--Database:PostgresBinaries=/usr/lib/postgresql/{major}/bin");
        Assert.True(Directory.Exists(folder[$"postgres-{major}"]));
        using var client = server.Client();
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/readyz", TestContext.Current.CancellationToken)).StatusCode);
    }

    [Fact]
    public void A_cluster_of_another_version_is_never_put_aside_for_a_new_one()
    {
        Directory.CreateDirectory(folder["postgres-14"]);
        using var owned = DataFolder.Own(folder.Path);
        var refused = Assert.Throws<StartRefused>(() => new EmbeddedPostgres(owned, configuredBinaries: null, durable: false, NullLogger.Instance));
        Assert.Contains("made by PostgreSQL 14", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_without_PostgreSQL_is_refused_with_what_would_be_valid()
    {
        using var owned = DataFolder.Own(folder.Path);
        var refused = Assert.Throws<StartRefused>(() => new EmbeddedPostgres(owned, folder.Path, durable: false, NullLogger.Instance));
        Assert.Contains("valid is a folder with the programs postgres, initdb and pg_ctl", refused.Message, StringComparison.Ordinal);
    }

    static string Cluster(string folder) => Directory.GetDirectories(folder, "postgres-*").Single();

    static int PostmasterOf(string folder) => Postmaster.Read(Cluster(folder))!.ProcessId;
}
