using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using FileClient.Commands;
using FileClient.Sync;
using FileClient.Sync.Watch;
using FileClient.Terminal;
using Tests.Support;

namespace Tests.EndToEnd;

/// <summary>Two folders of one space, each watched by a client of its own.</summary>
sealed class WatchedPair(SyncPair pair, SyncWorld world) : IAsyncDisposable
{
    public SyncPair Pair => pair;

    public SyncSide A => pair.A;

    public SyncSide B => pair.B;

    public Watcher WatcherA { get; } = Watcher.Start(world, pair.A.Path);

    public Watcher WatcherB { get; } = Watcher.Start(world, pair.B.Path);

    public static async Task<WatchedPair> StartAsync(SyncWorld world, Action<SyncPair>? before = null)
    {
        var pair = await world.PairAsync();
        before?.Invoke(pair);
        var watched = new WatchedPair(pair, world);
        await watched.SettleAsync();
        return watched;
    }

    /// <summary>Waits until what was done in A, and then what was done in B, is on both sides.</summary>
    public async Task SettleAsync()
    {
        await WatcherA.SettleAsync();
        await WatcherB.SettleAsync();
        await WatcherA.SettleAsync();
        await WatcherB.SettleAsync();
    }

    /// <summary>Both folders are equal, nothing of the clients' own is left, and nobody made a conflict.</summary>
    public async Task AssertEqualAsync()
    {
        await SettleAsync();
        Assert.Equal(A.Show(), B.Show());
        Assert.Empty(A.Copies());
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(B.Path, ".fileshare", "staging")));
    }

    public async ValueTask DisposeAsync()
    {
        await WatcherA.DisposeAsync();
        await WatcherB.DisposeAsync();
        pair.Dispose();
    }
}

/// <summary>A client that watches a folder, in this process; what it tells is gathered.</summary>
sealed class Watcher : IAsyncDisposable
{
    readonly CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
    readonly StringWriter error = new();
    readonly LineStream lines = new();
    readonly CommandLine person;
    readonly string folder;
    readonly Task<int> running;

    Watcher(SyncWorld world, string folder, Uri? server, string[] options)
    {
        this.folder = folder;
        person = server is null ? world.Ann : new CommandLine(server, world.Home("ann"));
        var shell = new Shell
        {
            OpenInput = () => new MemoryStream(),
            OpenOutput = () => lines,
            Error = error,
            Environment = name => name switch
            {
                "FILESHARE_CONFIG" => world.Home("ann"),
                "FILESHARE_URL" => (server ?? world.World.Url).AbsoluteUri,
                _ => null,
            },
            Clock = TimeProvider.System,
        };
        running = Task.Run(() => new Cli(shell).RunAsync(["sync", "run", folder, "--watch", "--json", .. options], stop.Token));
    }

    public static Watcher Start(SyncWorld world, string folder, Uri? server = null, params string[] options) => new(world, folder, server, options);

    /// <summary>All that it told so far.</summary>
    public IReadOnlyList<WatchLine> Lines => [.. lines.Lines.Select(static line => JsonSerializer.Deserialize(line, SyncJson.Default.WatchLine)!)];

    public string Error => error.ToString();

    public WatchStatus? Status => WatchStatus.Of(folder);

    /// <summary>Waits until all that was done in the folder and on the server up to now is synced.</summary>
    public async Task SettleAsync(ExitCode expected = ExitCode.Done)
    {
        await SaidAsync(static line => line.Event == "state");
        var called = await person.RunAsync("sync", "status", folder, "--wait");
        Assert.True(called.Exit == expected, $"{called.Exit}: {called.Error} {called.Text} {Error}");
    }

    /// <summary>Waits until it tells something.</summary>
    public async Task<WatchLine> SaidAsync(Func<WatchLine, bool> what)
    {
        for (var seen = 0; ;)
        {
            var told = Lines;
            for (; seen < told.Count; seen++)
                if (what(told[seen]))
                    return told[seen];
            if (running.IsCompleted)
                Assert.Fail($"The client ended with {await running}: {Error}");
            await lines.MoreAsync(seen).WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Waits for its end.</summary>
    public async Task<ExitCode> EndAsync() => (ExitCode)await running.WaitAsync(TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await running;
        stop.Dispose();
    }

    /// <summary>Standard output as lines, each readable as soon as it is written.</summary>
    sealed class LineStream : MemoryStream
    {
        readonly Lock gate = new();
        readonly List<byte> partial = [];
        TaskCompletionSource more = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ConcurrentQueue<string> Lines { get; } = new();

        public Task MoreAsync(int than)
        {
            lock (gate)
                return Lines.Count > than ? Task.CompletedTask : more.Task;
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            lock (gate)
            {
                foreach (var one in buffer)
                {
                    if (one != '\n')
                        partial.Add(one);
                    else
                    {
                        Lines.Enqueue(Encoding.UTF8.GetString([.. partial]));
                        partial.Clear();
                    }
                }
                more.SetResult();
                more = new(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }

        protected override void Dispose(bool disposing)
        {
            lock (gate)
                more.TrySetResult();
            base.Dispose(disposing);
        }
    }
}
