using FileServer.Database;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using Tests.Support;

namespace Tests.Storage;

public sealed class ContentReaderTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    readonly SpaceId space = SpaceId.New();

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Any_range_is_the_same_part_of_the_content(bool verified)
    {
        await using var world = StoreWorld.On(database, configure: options => options.VerifyReads = verified);
        var old = StoreWorld.Random(6_000_000, 1);
        await world.CommitAsync(space, old, Ct);
        byte[] content = [.. StoreWorld.Random(100_000, 2), .. old, .. StoreWorld.Random(100_000, 3)];
        var map = await world.MapAsync(space, (await world.CommitAsync(space, content, Ct)).Chunks, Ct);
        Assert.True(map.Runs > 1);
        var random = new Random(4);
        for (var i = 0; i < 40; i++)
        {
            var offset = random.Next(content.Length + 1);
            var count = random.Next(content.Length - offset + 1);
            using var read = new MemoryStream();
            await world.Reader.CopyToAsync(map, offset, count, read, Ct);
            Assert.True(content.AsSpan(offset, count).SequenceEqual(read.GetBuffer().AsSpan(0, (int)read.Length)));
        }
    }

    [Fact]
    public async Task Damaged_bytes_are_refused_remembered_and_healed_by_the_next_upload()
    {
        await using var world = StoreWorld.On(database, configure: options => options.VerifyReads = true);
        var content = StoreWorld.Random(200_000, 5);
        var stored = await world.CommitAsync(space, content, Ct);
        var place = stored.Fresh.Values.Single();
        using (var file = File.Open(world.Files.PackPath(space, place.Pack), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            file.Position = place.Offset;
            file.WriteByte((byte)(content[0] ^ 1));
        }
        Assert.Equal(RefusalKind.Damaged, (await Assert.ThrowsAsync<Refusal>(() => world.ReadAsync(space, stored.Chunks, Ct))).Kind);
        // Known from now on: refused before a byte is sent, and not taken for something that the space has.
        Assert.Null((await world.Reader.MapManyAsync(world.Db, space, [ChunkListCodec.Encode(stored.Chunks).List], Ct))[0]);
        Assert.Single((await world.CommitAsync(space, content, Ct)).Fresh);
        Assert.Equal(content, await world.ReadAsync(space, stored.Chunks, Ct));
    }

    [Fact]
    public async Task A_chunk_that_was_moved_meanwhile_is_read_from_its_new_place()
    {
        await using var world = StoreWorld.On(database);
        var content = StoreWorld.Random(3_000_000, 6);
        var stored = await world.CommitAsync(space, content, Ct);
        var map = await world.MapAsync(space, stored.Chunks, Ct);
        var pack = stored.Fresh.Values.First().Pack;
        await world.Db.ExecuteAsync("delete from chunks where pack_id = @pack", new { pack }, Ct);
        await world.CommitAsync(space, content, Ct);
        world.Files.RemovePack(space, pack);
        using var read = new MemoryStream();
        await world.Reader.CopyToAsync(map, 0, map.Size, read, Ct);
        Assert.Equal(content, read.ToArray());
    }

    [Fact]
    public async Task No_more_packs_stay_open_than_the_limit_says()
    {
        await using var world = StoreWorld.On(database, configure: options => options.OpenFiles = 16);
        var packs = new List<PackId>();
        for (var i = 0; i < 40; i++)
            packs.Add((await world.CommitAsync(space, StoreWorld.Random(1_100_000, 100 + i), Ct)).Fresh.Values.First().Pack);
        var leases = packs.Select(pack => world.Handles.Rent(space, pack)!.Value).ToList();
        Assert.All(leases, lease => Assert.False(lease.File.IsClosed));
        leases.ForEach(lease => lease.Dispose());
        Assert.Equal(16, leases.Count(lease => !lease.File.IsClosed));
    }

    [Fact]
    public async Task A_condemned_chunk_is_revived_by_naming_it_and_a_missing_one_is_reported()
    {
        await using var world = StoreWorld.On(database);
        var stored = await world.CommitAsync(space, StoreWorld.Random(50_000, 7), Ct);
        await world.Db.ExecuteAsync("update chunks set condemned_at = now() where space_id = @space", new { space }, Ct);
        await world.CommitAsync(space, StoreWorld.Random(50_000, 7), Ct);
        Assert.Equal(0, await world.Db.QuerySingleAsync<long>("select count(*) from chunks where space_id = @space and condemned_at is not null", new { space }, Ct));
        var unknown = Digest.Of("never stored"u8);
        await using var connection = await world.Db.OpenConnectionAsync(Ct);
        Assert.Equal([unknown], await world.Index.ReviveAsync(connection, space, [unknown, stored.Chunks[0].Hash], Ct));
    }

    [Fact]
    public async Task The_sweep_removes_old_staged_bytes_that_no_upload_names()
    {
        await using var world = StoreWorld.On(database);
        var (stale, young, used) = (PackId.New(), PackId.New(), PackId.New());
        foreach (var pack in (PackId[])[stale, young, used])
            await using (var staged = await world.Staging.CreateAsync(pack, Ct))
                await staged.SyncAsync(Ct);
        foreach (var pack in (PackId[])[stale, used])
            File.SetLastWriteTimeUtc(world.Files.StagingPath(pack), TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(-49));
        const string sql = "insert into uploads (id, user_id, kind, pack_id, expires_at) values (@pack, @pack, 0, @pack, now())";
        await world.Db.ExecuteAsync(sql, new { pack = used }, Ct);
        var options = Microsoft.Extensions.Options.Options.Create(world.Options);
        var sweep = new StagingSweep(world.Files, world.Db, options, TimeProvider.System, NullLogger<StagingSweep>.Instance);
        Assert.Equal(1, await sweep.RunAsync(Ct));
        Assert.False(File.Exists(world.Files.StagingPath(stale)));
        Assert.True(File.Exists(world.Files.StagingPath(young)));
        Assert.True(File.Exists(world.Files.StagingPath(used)));
    }
}
