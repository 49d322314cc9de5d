using System.IO.Pipelines;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Protocol.Packs;
using FileServer.Storage;
using Tests.Support;

namespace Tests.Storage;

/// <summary>
/// Each native call of a workload fails or is the last one, in turn. Whatever happens: what was acknowledged can be read
/// after the next start (I1), an upload goes on from the offset that it was told (I5), and a single error costs no more than
/// asking again.
/// </summary>
public sealed class FaultTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    const int EIO = 5, ENOSPC = 28, EINTR = 4;

    static readonly byte[] A = StoreWorld.Random(20_000, 1), B = StoreWorld.Random(30_000, 2), C = StoreWorld.Random(10_000, 3), Large = StoreWorld.Random(900_000, 4);
    static readonly byte[] Longer = [.. Large, .. StoreWorld.Random(600_000, 5)], Mostly = [.. StoreWorld.Random(5_000_000, 6), .. Large];

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(EIO, false)]
    [InlineData(ENOSPC, false)]
    [InlineData(EINTR, false)]
    [InlineData(EIO, true)]
    [InlineData(ENOSPC, true)]
    public async Task Whichever_call_fails_nothing_acknowledged_is_lost(int errno, bool persistent)
    {
        for (var n = 1; ; n++)
        {
            using var folder = new TemporaryFolder();
            Prepare(folder.Path);
            var calls = new FailingCalls(new LibC(), n, errno, persistent);
            var run = new Workload(database, folder.Path, calls);
            await run.RunAsync(attempts: 3, Ct);
            await run.CheckAsync($"call {n} failed with {errno}", Ct);
            if (!persistent)
                Assert.True(run.IsFinished, $"One error at call {n} was not overcome: {run.LastError}");
            if (!calls.HasFailed)
                return;
        }
    }

    [Fact]
    public async Task Wherever_the_power_fails_nothing_acknowledged_is_lost()
    {
        for (var n = 1; ; n++)
        {
            using var folder = new TemporaryFolder();
            Prepare(folder.Path);
            var disk = new CrashingDisk(n);
            var run = new Workload(database, folder.Path, disk);
            await run.RunAsync(attempts: 1, Ct);
            if (!disk.HasCrashed)
            {
                Assert.True(run.IsFinished, run.LastError?.ToString());
                return;
            }
            disk.LoseWhatWasNotSynced();
            await run.CheckAsync($"the power failed at call {n}", Ct);
        }
    }

    static void Prepare(string folder)
    {
        Directory.CreateDirectory(Path.Join(folder, "staging"));
        Directory.CreateDirectory(Path.Join(folder, "packs"));
    }

    /// <summary>What clients do with a server: small and large uploads, one of them resumed, a pack, a shutdown.</summary>
    sealed class Workload(TestDatabase database, string folder, INativeCalls calls)
    {
        readonly SpaceId space = SpaceId.New();
        readonly List<(byte[] Content, IReadOnlyList<ChunkRef> Chunks)> acknowledged = [];
        PackId upload = PackId.New();
        long told;

        public bool IsFinished { get; private set; }

        public Exception? LastError { get; private set; }

        public async Task RunAsync(int attempts, CancellationToken ct)
        {
            await using var world = new StoreWorld(database.Source, calls, folder, options => options.SmallUploadBytes = 256 * 1024);
            Func<Task>[] steps =
            [
                () => PutAsync(world, A, ct),
                () => PutAsync(world, B, ct),
                () => ResumableAsync(world, ct),
                () => PutAsync(world, Longer, ct),
                () => PutAsync(world, Mostly, ct),
                () => PackAsync(world, ct),
                () => world.OpenPacks.SealAllAsync(),
                () => PutAsync(world, C, ct),
            ];
            var all = true;
            foreach (var step in steps)
                all &= await TriedAsync(step, attempts);
            IsFinished = all;
        }

        /// <summary>The next start, on a disk that works.</summary>
        public async Task CheckAsync(string what, CancellationToken ct)
        {
            await using var world = new StoreWorld(database.Source, null, folder, options => options.SmallUploadBytes = 256 * 1024);
            world.Files.Prepare();
            await world.Recovery.RunAsync(ct);
            foreach (var (content, chunks) in acknowledged)
            {
                var read = await world.ReadAsync(space, chunks, ct);
                Assert.True(content.AsSpan().SequenceEqual(read), $"Acknowledged bytes are lost after {what}.");
            }
            foreach (var (_, pack) in world.Files.Enumerate().Where(file => file.Space == space))
            {
                using var file = world.Files.OpenPack(space, pack)!;
                Assert.True(PackFiles.ReadContents(file).IsSealed, $"Pack {pack} is not sealed after {what}.");
            }
            if (told == 0 || acknowledged.Any(item => ReferenceEquals(item.Content, Large)))
                return;
            await using var resumed = await world.Writers.ResumeAsync(space, upload, told, ct);
            if (!resumed.IsComplete)
                await resumed.WriteAsync(Large.AsMemory((int)told), ct);
            var whole = (await resumed.CompleteAsync(ct)).ContentId;
            Assert.Equal(ContentId.Of(Large.Length, Reference(Large)), whole);
        }

        async Task<bool> TriedAsync(Func<Task> step, int attempts)
        {
            for (var attempt = 1; attempt <= attempts; attempt++)
            {
                try
                {
                    await step();
                    return true;
                }
                catch (Exception e) when (e is Refusal or IOException or SimulatedCrashException)
                {
                    LastError = e;
                }
            }
            return false;
        }

        async Task PutAsync(StoreWorld world, byte[] content, CancellationToken ct)
        {
            var stored = await world.CommitAsync(space, content, ct);
            acknowledged.Add((content, stored.Chunks));
        }

        /// <summary>Goes on from where it was told, as a tus client does; begins anew when the server says that the bytes are gone.</summary>
        async Task ResumableAsync(StoreWorld world, CancellationToken ct)
        {
            ContentWriter writer;
            try
            {
                writer = await world.Writers.ResumeAsync(space, upload, told, ct);
            }
            catch (Refusal e) when (e.Kind == RefusalKind.Gone)
            {
                (upload, told) = (PackId.New(), 0);
                writer = world.Writers.Start(space, upload);
            }
            await using (writer)
            {
                if (writer.Length < 400_000)
                {
                    await writer.WriteAsync(Large.AsMemory((int)writer.Length, 400_000 - (int)writer.Length), ct);
                    told = await writer.SyncAsync(ct);
                }
                await writer.WriteAsync(Large.AsMemory((int)writer.Length), ct);
                told = await writer.SyncAsync(ct);
                StoredContent stored;
                try
                {
                    stored = await writer.CompleteAsync(ct);
                }
                catch (Refusal)
                {
                    // The answer of a failed completion tells the client to look again: the bytes may be gone by then.
                    told = File.Exists(world.Files.StagingPath(upload)) ? told : 0;
                    throw;
                }
                await world.NameAsync(space, stored, ct);
                acknowledged.Add((Large, stored.Chunks));
                await writer.DropAsync();
            }
        }

        async Task PackAsync(StoreWorld world, CancellationToken ct)
        {
            var pack = PackId.New();
            var content = StoreWorld.Random(50_000, 9);
            using var builder = new PackBuilder(new PackHeader(space, pack, DateTimeOffset.UnixEpoch));
            builder.Add(Digest.Of(content), content);
            await using (var staged = await world.Staging.CreateAsync(pack, ct))
            {
                await staged.WriteAsync(PipeReader.Create(builder.Finish()), long.MaxValue, ct);
                await staged.SyncAsync(ct);
            }
            var taken = await world.Intake.VerifyAndStoreAsync(space, pack, ct);
            var places = PackIntake.PlacesOf(pack, taken.Chunks).ToDictionary(item => item.Chunk.Hash, item => item.Place);
            await world.NameAsync(space, new StoredContent(default, content.Length, null, taken.Chunks, places), ct);
            acknowledged.Add((content, taken.Chunks));
        }

        static List<ChunkRef> Reference(ReadOnlySpan<byte> content)
        {
            var chunks = new List<ChunkRef>();
            for (; content.Length > 0; content = content[chunks[^1].Size..])
            {
                var cut = FastCdc.FindCut(content);
                chunks.Add(new ChunkRef(Digest.Of(content[..cut]), cut));
            }
            return chunks;
        }
    }
}
