using FileServer.Database;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Storage;
using Tests.Support;

namespace Tests.Storage;

public sealed class OpenPackTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    readonly SpaceId space = SpaceId.New();

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sixty_four_writers_share_syncs_and_each_finds_its_own_bytes()
    {
        using var calls = new CountingCalls();
        await using var world = StoreWorld.On(database, calls, configure: options => options.OpenPackBytes = 1024 * 1024);
        var before = calls.DataSyncs;
        var places = new System.Collections.Concurrent.ConcurrentDictionary<int, ChunkPlace>();
        await Task.WhenAll(Enumerable.Range(0, 64).Select(writer => Task.Run(
            async () =>
            {
                for (var i = 0; i < 10; i++)
                {
                    var bytes = StoreWorld.Random(5_000, (writer * 100) + i);
                    places[(writer * 100) + i] = (await world.OpenPacks.AppendAsync(space, [new FreshChunk(Digest.Of(bytes), bytes)]))[0];
                }
            },
            Ct)));
        Assert.Equal(640, places.Count);
        // How many share one depends on how fast the disk is; the next test proves the sharing itself.
        Assert.InRange(calls.DataSyncs - before, 10, 639);
        foreach (var (seed, place) in places)
        {
            using var file = world.Files.OpenPack(space, place.Pack)!;
            Assert.Equal(StoreWorld.Random(5_000, seed), PackFiles.ReadExactly(file, place.Offset, place.Length));
        }
        Assert.True(places.Values.DistinctBy(place => place.Pack).Count() >= 3, "Packs are sealed once they are full.");
    }

    [Fact]
    public async Task All_that_come_while_a_sync_runs_share_the_next_one()
    {
        using var calls = new CountingCalls { BlockSyncs = true };
        await using var world = StoreWorld.On(database, calls);
        var before = calls.DataSyncs;
        var appends = new List<Task> { AppendAsync(0) };
        await calls.Blocked.WaitAsync(Ct);
        appends.AddRange(Enumerable.Range(1, 63).Select(AppendAsync));
        calls.Release();
        await Task.WhenAll(appends);
        Assert.Equal(2, calls.DataSyncs - before);

        Task AppendAsync(int seed)
        {
            var bytes = StoreWorld.Random(5_000, seed);
            return world.OpenPacks.AppendAsync(space, [new FreshChunk(Digest.Of(bytes), bytes)]);
        }
    }

    [Fact]
    public async Task Nobody_is_released_before_the_sync_has_returned()
    {
        using var calls = new CountingCalls { BlockSyncs = true };
        await using var world = StoreWorld.On(database, calls);
        var appended = world.OpenPacks.AppendAsync(space, [new FreshChunk(Digest.Of("abc"u8), "abc"u8.ToArray())]);
        await calls.Blocked.WaitAsync(Ct);
        Assert.False(appended.IsCompleted);
        calls.Release();
        await appended;
    }

    [Fact]
    public async Task After_a_failed_sync_the_waiters_are_told_and_the_pack_is_never_written_again()
    {
        using var calls = new CountingCalls();
        await using var world = StoreWorld.On(database, calls);
        var first = await world.CommitAsync(space, StoreWorld.Random(10_000, 1), Ct);
        calls.FailSyncsWith = Errno.IO;
        var refused = await Assert.ThrowsAsync<Refusal>(() => world.StoreAsync(space, StoreWorld.Random(10_000, 2), Ct));
        Assert.Equal(RefusalKind.Unavailable, refused.Kind);
        Assert.NotNull(refused.RetryAfterSeconds);
        calls.FailSyncsWith = 0;
        var second = await world.CommitAsync(space, StoreWorld.Random(10_000, 2), Ct);
        var suspect = first.Fresh.Values.Single().Pack;
        Assert.NotEqual(suspect, second.Fresh.Values.Single().Pack);
        Assert.Equal(2, await world.Db.QuerySingleAsync<short>("select state from packs where id = @suspect", new { suspect }, Ct));
        // What was acknowledged before stays readable, now and after the next start.
        Assert.Equal(StoreWorld.Random(10_000, 1), await world.ReadAsync(space, first.Chunks, Ct));
        await using var next = StoreWorld.On(database, folder: world.Folder);
        await next.Recovery.RunAsync(Ct);
        Assert.Equal(1, await next.Db.QuerySingleAsync<short>("select state from packs where id = @suspect", new { suspect }, Ct));
        Assert.Equal(StoreWorld.Random(10_000, 1), await next.ReadAsync(space, first.Chunks, Ct));
    }

    [Fact]
    public async Task A_full_disk_leaves_the_pack_as_it_was()
    {
        using var calls = new CountingCalls();
        await using var world = StoreWorld.On(database, calls);
        var first = await world.CommitAsync(space, StoreWorld.Random(10_000, 1), Ct);
        calls.FailWritesWith = Errno.NoSpace;
        var refused = await Assert.ThrowsAsync<Refusal>(() => world.StoreAsync(space, StoreWorld.Random(10_000, 2), Ct));
        Assert.Equal(RefusalKind.StorageFull, refused.Kind);
        calls.FailWritesWith = 0;
        var second = await world.CommitAsync(space, StoreWorld.Random(10_000, 3), Ct);
        Assert.Equal(first.Fresh.Values.Single().Pack, second.Fresh.Values.Single().Pack);
        Assert.Equal(StoreWorld.Random(10_000, 3), await world.ReadAsync(space, second.Chunks, Ct));
    }

    [Fact]
    public async Task A_pack_is_sealed_when_its_server_stops()
    {
        StoredContent stored;
        string folder;
        using var keep = new TemporaryFolder();
        await using (var world = StoreWorld.On(database, folder: keep.Path))
        {
            stored = await world.CommitAsync(space, StoreWorld.Random(10_000, 1), Ct);
            folder = world.Folder;
        }
        await using var next = StoreWorld.On(database, folder: folder);
        using var file = next.Files.OpenPack(space, stored.Fresh.Values.Single().Pack)!;
        Assert.True(PackFiles.ReadContents(file).IsSealed);
        Assert.DoesNotContain(await next.Rows.UnsealedAsync(Ct), row => row.SpaceId == space);
        Assert.Equal(StoreWorld.Random(10_000, 1), await next.ReadAsync(space, stored.Chunks, Ct));
    }

    [Fact]
    public async Task A_pack_that_cannot_be_sealed_does_not_stop_the_server()
    {
        using var calls = new CountingCalls();
        await using var world = StoreWorld.On(database, calls);
        var stored = await world.CommitAsync(space, StoreWorld.Random(10_000, 1), Ct);
        calls.FailWritesWith = Errno.NoSpace;
        await world.OpenPacks.StopAsync(Ct);
        Assert.Equal(StoreWorld.Random(10_000, 1), await world.ReadAsync(space, stored.Chunks, Ct));
    }

    [Fact]
    public async Task What_clients_send_is_not_taken_for_a_footer()
    {
        await using var world = StoreWorld.On(database);
        var pack = (await world.CommitAsync(space, StoreWorld.Random(1000, 1), Ct)).Fresh.Values.Single().Pack;
        // The last bytes of the open pack are a client's, and look like the end of a sealed one of just this length.
        var length = new FileInfo(world.Files.PackPath(space, pack)).Length + 32 + 36;
        var entries = new FileServer.Protocol.Packs.PackEntry[] { FileServer.Protocol.Packs.PackEntry.Gap((int)length - 64) };
        var forged = new FileServer.Protocol.Packs.PackFooter(entries).Encode();
        await world.CommitAsync(space, forged, Ct);
        using var file = world.Files.OpenPack(space, pack)!;
        var (_, footer, isSealed) = PackFiles.ReadContents(file);
        Assert.False(isSealed);
        Assert.Equal(4, footer.Entries.Count);
        Assert.Equal(footer.BodyLength + 64, RandomAccess.GetLength(file));
    }

    /// <summary>Counts, holds up or fails calls by their kind.</summary>
    sealed class CountingCalls : INativeCalls, IDisposable
    {
        readonly LibC inner = new();
        readonly TaskCompletionSource blocked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        readonly ManualResetEventSlim gate = new();
        int dataSyncs;

        public int DataSyncs => Volatile.Read(ref dataSyncs);

        public bool BlockSyncs { get; init; }

        public Task Blocked => blocked.Task;

        public int FailSyncsWith { get; set; }

        public int FailWritesWith { get; set; }

        public void Release() => gate.Set();

        public void Dispose() => gate.Dispose();

        public int Open(string path, int flags, int mode) => inner.Open(path, flags, mode);

        public nint Write(int fd, ReadOnlySpan<byte> bytes, long offset) => FailWritesWith == 0 ? inner.Write(fd, bytes, offset) : -FailWritesWith;

        public int Truncate(int fd, long length) => inner.Truncate(fd, length);

        public int PunchHole(int fd, long offset, long length) => inner.PunchHole(fd, offset, length);

        public int Sync(int fd) => inner.Sync(fd);

        public int SyncData(int fd)
        {
            Interlocked.Increment(ref dataSyncs);
            if (BlockSyncs)
            {
                blocked.TrySetResult();
                gate.Wait(Ct);
            }
            return FailSyncsWith == 0 ? inner.SyncData(fd) : -FailSyncsWith;
        }

        public int StartWriteback(int fd, long offset, long length) => inner.StartWriteback(fd, offset, length);

        public int MakeFolder(string path, int mode) => inner.MakeFolder(path, mode);

        public int Rename(string from, string to) => inner.Rename(from, to);

        public int RenameNoReplace(string from, string to) => inner.RenameNoReplace(from, to);

        public int Unlink(string path) => inner.Unlink(path);
    }
}
