using FileServer.Database;
using FileServer.Protocol;
using FileServer.Storage;
using Tests.Support;

namespace Tests.Storage;

public sealed class VerifyTests(TestCluster cluster) : IAsyncLifetime
{
    readonly TestDatabase database = new(cluster);
    readonly SpaceId space = SpaceId.New();
    StoreWorld world = null!;
    StoredContent large = null!, small = null!;

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        world = StoreWorld.On(database);
        large = await CommitVersionAsync(1, StoreWorld.Random(9_000_000, 1));
        small = await CommitVersionAsync(2, StoreWorld.Random(500_000, 2));
        await CommitVersionAsync(3, [.. StoreWorld.Random(9_000_000, 1), 1, 2, 3]);
        await CommitVersionAsync(4, []);
    }

    public async ValueTask DisposeAsync()
    {
        await world.DisposeAsync();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task A_sound_store_has_no_findings()
    {
        var report = await VerifyAsync();
        Assert.Empty(report.Findings);
        Assert.Equal(4, report.Versions);
        Assert.Equal(0, report.OrphanFiles);
    }

    [Fact]
    public async Task A_flipped_bit_is_found_wherever_it_is()
    {
        var path = PathOf(large);
        var length = new FileInfo(path).Length;
        var body = large.Fresh.Values.Select(place => place.Offset + (place.Length / 2)).Take(3);
        foreach (var offset in (long[])[0, 10, 30, 45, 61, .. body, length - 130, length - 60, length - 40, length - 12, length - 1])
        {
            Flip(path, offset);
            Assert.NotEmpty((await VerifyAsync()).Findings);
            Flip(path, offset);
        }
        Assert.Empty((await VerifyAsync()).Findings);
    }

    [Fact]
    public async Task A_flipped_bit_in_the_shared_pack_is_found()
    {
        await world.OpenPacks.SealAllAsync();
        var path = PathOf(small);
        var length = new FileInfo(path).Length;
        foreach (var offset in (long[])[0, 64, 80, 100, small.Fresh.Values.First().Offset, length - 100, length - 1])
        {
            Flip(path, offset);
            Assert.NotEmpty((await VerifyAsync()).Findings);
            Flip(path, offset);
        }
    }

    [Fact]
    public async Task A_pack_that_was_cut_off_is_found()
    {
        using (var file = File.OpenWrite(PathOf(large)))
            file.SetLength(file.Length - 1000);
        Assert.Contains((await VerifyAsync()).Findings, finding => finding.Code == "damaged-pack");
    }

    [Fact]
    public async Task A_missing_pack_is_found()
    {
        File.Delete(PathOf(large));
        Assert.Contains((await VerifyAsync()).Findings, finding => finding.Code == "missing-pack");
    }

    [Fact]
    public async Task A_version_whose_chunk_is_not_indexed_is_found()
    {
        await world.Db.ExecuteAsync("delete from chunks where hash = @hash", new { hash = small.Chunks[0].Hash }, Ct);
        var finding = Assert.Single((await VerifyAsync()).Findings);
        Assert.Equal("missing-chunk", finding.Code);
    }

    [Fact]
    public async Task A_row_that_names_another_place_is_found()
    {
        await world.Db.ExecuteAsync("update chunks set pack_offset = pack_offset + 1 where hash = @hash", new { hash = small.Chunks[0].Hash }, Ct);
        Assert.Contains((await VerifyAsync()).Findings, finding => finding.Code == "wrong-place");
    }

    [Fact]
    public async Task The_exit_code_says_whether_all_is_sound()
    {
        var verify = new Verify(world.Files, world.Db);
        using var text = new StringWriter();
        Assert.Equal(0, await verify.RunAsync(text, json: false, Ct));
        Assert.Contains("Everything is as it should be.", text.ToString(), StringComparison.Ordinal);
        File.Delete(PathOf(large));
        using var json = new StringWriter();
        Assert.Equal(9, await verify.RunAsync(json, json: true, Ct));
        Assert.Contains("\"code\": \"missing-pack\"", json.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_index_can_be_made_anew_from_the_packs_alone(bool isSealed)
    {
        if (isSealed)
            await world.OpenPacks.SealAllAsync();
        await world.StoreAsync(space, StoreWorld.Random(200_000, 5), Ct);
        var before = await IndexAsync();
        await world.Db.ExecuteAsync("delete from chunks", null, Ct);
        await world.Db.ExecuteAsync("delete from packs", null, Ct);
        var report = await new Reindex(world.Files, world.Db).RebuildAsync(Ct);
        Assert.Empty(report.Unreadable);
        Assert.Equal(0, report.Missing);
        Assert.Equal(before, await IndexAsync());
        Assert.Empty((await VerifyAsync()).Findings);
    }

    [Fact]
    public async Task Reindex_says_what_it_could_not_find()
    {
        File.Delete(PathOf(large));
        using var text = new StringWriter();
        Assert.Equal(9, await new Reindex(world.Files, world.Db).RunAsync(text, json: false, Ct));
        Assert.Contains($"{large.Chunks.Count} chunks that versions name were not found", text.ToString(), StringComparison.Ordinal);
    }

    Task<VerifyReport> VerifyAsync() => new Verify(world.Files, world.Db).CompareAsync(Ct);

    string PathOf(StoredContent content) => world.Files.PackPath(space, content.Fresh.Values.First().Pack);

    static void Flip(string path, long offset)
    {
        using var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        file.Position = offset;
        var value = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)(value ^ 0x10));
    }

    Task<List<string>> IndexAsync() => world.Db.QueryAsync<string>(
        "select concat_ws(' ', space_id, encode(hash, 'hex'), pack_id, pack_offset, length, node_id) from chunks order by space_id, hash", null, Ct);

    async Task<StoredContent> CommitVersionAsync(int number, byte[] bytes)
    {
        var stored = await world.CommitAsync(space, bytes, Ct);
        const string sql =
            """
            insert into versions (space_id, node_id, number, size, content_id, sha256, chunk_list, modified_at, created_at, created_by, origin, revision)
            values (@space, @node, @number, @size, @content, @sha256, @list, now(), now(), @node, 0, @number)
            """;
        var list = ChunkListCodec.Encode(stored.Chunks).List;
        await world.Db.ExecuteAsync(sql, new { space, node = space.Root, number, size = stored.Size, content = stored.ContentId, sha256 = stored.Sha256?.ToArray(), list }, Ct);
        return stored;
    }
}
