using FileServer.Protocol;
using Tests.Support;

namespace Tests.EndToEnd;

/// <summary>The real client as a process: killed, interrupted, and going on.</summary>
public sealed class CliProcessTests(CliProcessTests.Office office) : IClassFixture<CliProcessTests.Office>, IDisposable
{
    const int Size = 256 * 1024 * 1024 + 4711;
    const int Kills = 5;

    readonly TemporaryFolder temporary = new();

    /// <summary>A server, and Ann, who may edit a space.</summary>
    public sealed class Office(TestCluster cluster) : IAsyncLifetime
    {
        internal World World { get; } = new(cluster);

        public async ValueTask InitializeAsync()
        {
            await World.InitializeAsync();
            await World.SpaceAsync("team", "editor", ["ann"], CancellationToken.None);
        }

        public ValueTask DisposeAsync() => World.DisposeAsync();
    }

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => temporary.Dispose();

    async Task<CommandLine> AnnAsync()
    {
        var ann = new CommandLine(office.World.Url, temporary["ann"]);
        await ann.SignInAsync("ann", "the-long-password-of-ann");
        return ann;
    }

    ClientProcess Start(params string[] args) => ClientProcess.Start(office.World.Url, temporary["ann"], args);

    /// <summary>Runs a command that is killed at random moments until it gets through.</summary>
    async Task KilledAgainAndAgainAsync(int seed, params string[] args)
    {
        var random = new Random(seed);
        for (var kill = 0; kill < Kills; kill++)
        {
            using var victim = Start(args);
            if (!await victim.KillAfterAsync(TimeSpan.FromMilliseconds(random.Next(300, 1200)), Ct))
                break;
        }
        using var last = Start(args);
        var (exit, _, error) = await last.EndAsync(Ct);
        Assert.True(exit == 0, $"seed {seed}: {error}");
    }

    [Fact]
    public async Task A_put_and_a_get_that_are_killed_again_and_again_end_with_the_same_bytes()
    {
        var ann = await AnnAsync();
        var bytes = new byte[Size];
        new Random(1).NextBytes(bytes);
        await File.WriteAllBytesAsync(temporary["big.bin"], bytes, Ct);
        await KilledAgainAndAgainAsync(2, "put", temporary["big.bin"], "team:/big.bin");
        Assert.Contains(Digest.Of(bytes).ToString(), await ann.DoAsync("stat", "team:/big.bin"));
        Assert.Empty(Directory.GetFiles(temporary["ann/uploads"], "*.json"));
        await KilledAgainAndAgainAsync(3, "get", "team:/big.bin", temporary["back.bin"]);
        Assert.Equal(Digest.Of(bytes), Digest.Of(await File.ReadAllBytesAsync(temporary["back.bin"], Ct)));
        Assert.Empty(Directory.GetFiles(temporary.Path, "*.part"));
    }

    [Theory]
    [InlineData(2, 130)]
    [InlineData(15, 143)]
    public async Task A_signal_ends_a_run_in_good_order(int signal, int exit)
    {
        await AnnAsync();
        // An event stream rests until somebody changes something, which nobody does.
        var space = await office.World.SpaceAsync($"quiet-{signal}", "editor", ["ann"], Ct);
        using var waiting = Start("api", "GET", $"spaces/{space.Id}/events", "--include");
        await waiting.SpokeAsync(Ct);
        Assert.True(ServerProcess.Signal(waiting.Id, signal));
        Assert.Equal(exit, (await waiting.EndAsync(Ct)).Exit);
    }

    [Fact]
    public async Task Two_processes_that_renew_at_once_both_stay_signed_in()
    {
        await AnnAsync();
        var folder = new FileClient.Local.ConfigFolder(temporary["ann"]);
        var stored = folder.Credentials.Servers.Single();
        await folder.ChangeAsync(all => all.With(stored with { ExpiresAt = DateTimeOffset.UnixEpoch }), TimeProvider.System, Ct);
        var both = Enumerable.Range(0, 3).Select(_ => Start("whoami")).ToList();
        foreach (var process in both)
        {
            Assert.Equal((0, "ann\n", ""), await process.EndAsync(Ct));
            process.Dispose();
        }
    }
}
