using System.IO.Pipelines;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Packs;
using FileServer.Storage;
using Tests.Support;

namespace Tests.Storage;

public sealed class PackIntakeTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    readonly SpaceId space = SpaceId.New();

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_clients_pack_is_verified_and_stored_under_the_servers_name()
    {
        await using var world = StoreWorld.On(database);
        var pack = PackId.New();
        await StageAsync(world, pack, Build());
        var taken = await world.Intake.VerifyAndStoreAsync(space, pack, Ct);
        Assert.Equal(50, taken.Chunks.Count);
        using var file = world.Files.OpenPack(space, pack)!;
        var (header, footer, isSealed) = PackFiles.ReadContents(file);
        Assert.True(isSealed);
        Assert.Equal((space, pack), (header.Space, header.Pack));
        Assert.Equal(
            footer.Places().Select(place => new ChunkPlace(pack, place.Offset, place.Entry.Length)),
            PackIntake.PlacesOf(pack, taken.Chunks).Select(item => item.Place));
    }

    [Fact]
    public async Task Asking_again_answers_the_same()
    {
        await using var world = StoreWorld.On(database);
        var pack = PackId.New();
        await StageAsync(world, pack, Build());
        var first = await world.Intake.VerifyAndStoreAsync(space, pack, Ct);
        var again = await world.Intake.VerifyAndStoreAsync(space, pack, Ct);
        Assert.Equal(first.Chunks, again.Chunks);
        Assert.Equal(first.Length, again.Length);
    }

    [Fact]
    public async Task A_pack_with_a_wrong_byte_anywhere_is_refused_and_dropped()
    {
        await using var world = StoreWorld.On(database);
        var bytes = Build();
        foreach (var offset in (int[])[0, 20, 70, bytes.Length / 2, bytes.Length - 100, bytes.Length - 1])
        {
            var pack = PackId.New();
            bytes[offset] ^= 1;
            await StageAsync(world, pack, bytes);
            bytes[offset] ^= 1;
            var refused = await Assert.ThrowsAsync<Refusal>(() => world.Intake.VerifyAndStoreAsync(space, pack, Ct));
            Assert.Equal(RefusalKind.DigestMismatch, refused.Kind);
            Assert.False(File.Exists(world.Files.StagingPath(pack)));
            Assert.False(File.Exists(world.Files.PackPath(space, pack)));
        }
    }

    [Fact]
    public async Task Entries_other_than_chunks_are_refused()
    {
        await using var world = StoreWorld.On(database);
        foreach (var entry in (PackEntry[])[PackEntry.Gap(3), PackEntry.Elsewhere(Digest.Of("abc"u8), 3)])
        {
            var pack = PackId.New();
            byte[] bytes = [.. new PackHeader(space, pack, DateTimeOffset.UnixEpoch).ToArray(), .. "abc"u8, .. new PackFooter([entry]).Encode()];
            await StageAsync(world, pack, bytes);
            Assert.Equal(RefusalKind.DigestMismatch, (await Assert.ThrowsAsync<Refusal>(() => world.Intake.VerifyAndStoreAsync(space, pack, Ct))).Kind);
        }
    }

    [Fact]
    public async Task Staged_bytes_go_on_at_their_durable_offset()
    {
        await using var world = StoreWorld.On(database);
        var pack = PackId.New();
        var bytes = Build();
        await using (var staged = await world.Staging.CreateAsync(pack, Ct))
        {
            await staged.WriteAsync(bytes.AsMemory(0, 1000), Ct);
            Assert.Equal(1000, await staged.SyncAsync(Ct));
            await staged.WriteAsync(StoreWorld.Random(500_000, 1), Ct);
        }
        await using (var staged = await world.Staging.OpenAsync(pack, 1000, Ct))
        {
            await staged.WriteAsync(bytes.AsMemory(1000), Ct);
            Assert.Equal(bytes.Length, await staged.SyncAsync(Ct));
        }
        Assert.Equal(50, (await world.Intake.VerifyAndStoreAsync(space, pack, Ct)).Chunks.Count);
        Assert.Equal(RefusalKind.Gone, (await Assert.ThrowsAsync<Refusal>(() => world.Staging.OpenAsync(pack, 1000, Ct))).Kind);
    }

    [Fact]
    public async Task Parts_are_joined_into_one_content()
    {
        await using var world = StoreWorld.On(database);
        var content = StoreWorld.Random(3_000_000, 2);
        await using var writer = world.Writers.Start(space, PackId.New());
        foreach (var part in content.Chunk(1_000_000))
        {
            var pack = PackId.New();
            await using var staged = await world.Staging.CreateAsync(pack, Ct);
            await staged.WriteAsync(part, Ct);
            await staged.CopyToAsync(writer, Ct);
            world.Staging.Drop(pack);
        }
        Assert.Equal(Digest.Of(content), (await writer.CompleteAsync(Ct)).Sha256);
    }

    static async Task StageAsync(StoreWorld world, PackId pack, byte[] bytes)
    {
        await using var staged = await world.Staging.CreateAsync(pack, Ct);
        await staged.WriteAsync(PipeReader.Create(new MemoryStream(bytes)), long.MaxValue, Ct);
        await staged.SyncAsync(Ct);
    }

    static byte[] Build()
    {
        using var builder = new PackBuilder(new PackHeader(SpaceId.New(), PackId.New(), DateTimeOffset.UnixEpoch));
        for (var i = 0; i < 50; i++)
            builder.Add(Digest.Of(StoreWorld.Random(2000 + i, i)), StoreWorld.Random(2000 + i, i));
        return System.Buffers.BuffersExtensions.ToArray(builder.Finish());
    }

    [Fact]
    public async Task A_staged_file_that_is_closed_twice_gives_its_memory_back_once()
    {
        await using var world = StoreWorld.On(database);
        var staged = await world.Staging.CreateAsync(PackId.New(), Ct);
        await staged.DisposeAsync();
        await staged.DisposeAsync();
        // What is given back twice would now be lent to two at once.
        var lent = Enumerable.Range(0, 8).Select(_ => System.Buffers.ArrayPool<byte>.Shared.Rent(256 * 1024)).ToList();
        Assert.Equal(lent.Count, lent.Distinct().Count());
        lent.ForEach(block => System.Buffers.ArrayPool<byte>.Shared.Return(block));
    }
}
