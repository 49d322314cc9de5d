using System.Text.Json;
using FileClient.Sync;
using FileClient.Terminal;
using Tests.Support;

namespace Tests.EndToEnd;

/// <summary>A server and people with sync folders.</summary>
public sealed class SyncWorld(TestCluster cluster) : IAsyncLifetime
{
    readonly TemporaryFolder homes = new();
    int spaces;

    internal World World { get; } = new(cluster);

    internal CommandLine Ann { get; private set; } = null!;

    internal string Home(string name) => homes[name];

    public async ValueTask InitializeAsync()
    {
        await World.InitializeAsync();
        await World.SignedInAsync("ann", CancellationToken.None);
        Ann = new CommandLine(World.Url, homes["ann"]);
        await Ann.SignInAsync("ann", "the-long-password-of-ann");
    }

    /// <summary>A new space with folders of Ann's on several machines, all linked to it.</summary>
    internal async Task<SyncPair> PairAsync()
    {
        var name = $"sync-{Interlocked.Increment(ref spaces)}";
        await World.SpaceAsync(name, "editor", ["ann"], CancellationToken.None);
        var pair = new SyncPair(this, name);
        await pair.Ann.DoAsync("sync", "init", pair.A.Path, name);
        await pair.Ann.DoAsync("sync", "init", pair.B.Path, name);
        return pair;
    }

    public async ValueTask DisposeAsync()
    {
        homes.Dispose();
        await World.DisposeAsync();
    }
}

/// <summary>Two folders that are linked to one space.</summary>
sealed class SyncPair(SyncWorld world, string space) : IDisposable
{
    public string Space => space;

    public CommandLine Ann => world.Ann;

    public SyncSide A { get; } = new(world.Ann);

    public SyncSide B { get; } = new(world.Ann);

    /// <summary>A, then B, then A again, as two people who save and look.</summary>
    public async Task SettleAsync()
    {
        await A.SyncAsync();
        await B.SyncAsync();
        await A.SyncAsync();
    }

    /// <summary>Both folders are equal, and another run on either side has nothing to do.</summary>
    public async Task AssertSettledAsync()
    {
        Assert.Equal(A.Show(), B.Show());
        foreach (var side in new[] { A, B })
        {
            var report = await side.SyncAsync();
            Assert.Equal((0, 0, 0, 0), (report.Uploaded, report.Downloaded, report.Operations, report.DeletedLocally));
            Assert.True(report.InSync);
            Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(side.Path, ".fileshare", "staging")));
        }
    }

    public void Dispose()
    {
        A.Dispose();
        B.Dispose();
    }
}

/// <summary>One linked folder.</summary>
sealed class SyncSide(CommandLine person) : IDisposable
{
    readonly TemporaryFolder folder = new();

    public string Path => folder.Path;

    public string this[string name] => folder[name];

    /// <summary>Runs a sync; anything but success, kept conflicts or skipped items is the test's own mistake.</summary>
    public async Task<SyncReport> SyncAsync(params string[] options)
    {
        var (report, exit, error) = await RunAsync(options);
        Assert.True(exit is ExitCode.Done or ExitCode.Conflicts, $"{exit}: {error}");
        return report;
    }

    public async Task<(SyncReport Report, ExitCode Exit, string Error)> RunAsync(params string[] options)
    {
        var called = await person.RunAsync(["sync", "run", Path, "--json", .. options]);
        var report = called.Data.Length == 0 ? new SyncReport() : JsonSerializer.Deserialize(called.Data, SyncJson.Default.SyncReport)!;
        return (report, called.Exit, called.Error);
    }

    public void Write(string name, string text)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(folder[name])!);
        File.WriteAllText(folder[name], text);
    }

    public void WriteBytes(string name, byte[] bytes)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(folder[name])!);
        File.WriteAllBytes(folder[name], bytes);
    }

    public string Text(string name) => File.ReadAllText(folder[name]);

    public bool Has(string name) => File.Exists(folder[name]) || Directory.Exists(folder[name]);

    /// <summary>Every entry, with the content of files and the target of links.</summary>
    public string Show() => string.Join('\n', Entries(new DirectoryInfo(Path))
        .Select(entry => (Entry: entry, Name: System.IO.Path.GetRelativePath(Path, entry.FullName)))
        .Select(static found => found.Entry switch
        {
            { LinkTarget: { } target } => $"{found.Name} -> {target}",
            FileInfo file => $"{found.Name} = {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file.FullName)))[..8]} {file.Length} {(file.UnixFileMode.HasFlag(UnixFileMode.UserExecute) ? "x" : "")}",
            _ => found.Name + "/",
        })
        .Order(StringComparer.Ordinal));

    // Links are shown, not followed.
    static IEnumerable<FileSystemInfo> Entries(DirectoryInfo folder)
    {
        foreach (var entry in folder.EnumerateFileSystemInfos().Where(static entry => entry.Name != ".fileshare"))
        {
            yield return entry;
            if (entry is DirectoryInfo { LinkTarget: null } below)
                foreach (var deeper in Entries(below))
                    yield return deeper;
        }
    }

    /// <summary>Names of conflict copies.</summary>
    public string[] Copies() => [.. Directory.GetFileSystemEntries(Path, "*(conflicted copy*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    /// <summary>Whether the local trash holds a file of this name.</summary>
    public bool Trashed(string name) => Directory.GetFiles(System.IO.Path.Combine(Path, ".fileshare", "trash"), name, SearchOption.AllDirectories).Length > 0;

    public void Dispose() => folder.Dispose();
}
