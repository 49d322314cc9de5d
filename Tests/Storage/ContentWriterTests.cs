using System.IO.Pipelines;
using System.Security.Cryptography;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Storage;
using Tests.Support;

namespace Tests.Storage;

public class ContentWriterTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    readonly SpaceId space = SpaceId.New();

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(300_000)]
    [InlineData(1024 * 1024 - 1)]
    [InlineData(1024 * 1024)]
    [InlineData(2 * 1024 * 1024)]
    [InlineData(2 * 1024 * 1024 + 1)]
    [InlineData(11_111_111)]
    public async Task What_is_uploaded_comes_back_byte_for_byte(int length)
    {
        await using var world = StoreWorld.On(database);
        var content = StoreWorld.Random(length, length);
        var stored = await world.CommitAsync(space, content, Ct);
        Assert.Equal(length, stored.Size);
        Assert.Equal(length == 0 ? null : Digest.Of(content), stored.Size == 0 ? null : stored.Sha256);
        Assert.Equal(Reference(content), stored.Chunks);
        Assert.Equal(ContentId.Of(length, stored.Chunks), stored.ContentId);
        Assert.Equal(content, await world.ReadAsync(space, stored.Chunks, Ct));
    }

    [Fact]
    public async Task Cuts_do_not_depend_on_how_the_bytes_arrive()
    {
        await using var world = StoreWorld.On(database);
        var content = StoreWorld.Random(9_000_000, 1);
        var random = new Random(2);
        await using var writer = world.Writers.Start(space, PackId.New());
        for (var offset = 0; offset < content.Length;)
        {
            var part = Math.Min(content.Length - offset, random.Next(1, 700_000));
            await writer.WriteAsync(content.AsMemory(offset, part), Ct);
            offset += part;
            if (random.Next(4) == 0)
                Assert.Equal(offset, await writer.SyncAsync(Ct));
        }
        Assert.Equal(Reference(content), (await writer.CompleteAsync(Ct)).Chunks);
    }

    [Fact]
    public async Task A_large_upload_stands_in_one_run_of_a_pack_of_its_own()
    {
        await using var world = StoreWorld.On(database);
        var content = StoreWorld.Random(10_000_000, 3);
        var stored = await world.CommitAsync(space, content, Ct);
        var map = await world.Reader.MapAsync(world.Db, space, ChunkListCodec.Encode(stored.Chunks).List, Ct);
        Assert.Equal(1, map.Runs);
        Assert.Empty(Directory.EnumerateFiles(world.Files.StagingFolder));
    }

    [Fact]
    public async Task The_same_content_again_stores_nothing()
    {
        await using var world = StoreWorld.On(database);
        var content = StoreWorld.Random(5_000_000, 4);
        await world.CommitAsync(space, content, Ct);
        var again = await world.CommitAsync(space, content, Ct);
        Assert.Empty(again.Fresh);
        Assert.Single(world.Files.Enumerate());
        Assert.Empty(Directory.EnumerateFiles(world.Files.StagingFolder));
    }

    [Fact]
    public async Task A_changed_byte_costs_a_chunk_or_two()
    {
        await using var world = StoreWorld.On(database);
        var content = StoreWorld.Random(20_000_000, 5);
        await world.CommitAsync(space, content, Ct);
        content[9_999_999] ^= 1;
        var changed = await world.CommitAsync(space, content, Ct);
        Assert.InRange(changed.Fresh.Count, 1, 2);
        Assert.Equal(content, await world.ReadAsync(space, changed.Chunks, Ct));
    }

    [Fact]
    public async Task A_mostly_new_content_keeps_its_file_and_gives_the_known_parts_back_as_holes()
    {
        await using var world = StoreWorld.On(database);
        var old = StoreWorld.Random(12_000_000, 6);
        await world.CommitAsync(space, old, Ct);
        byte[] content = [.. StoreWorld.Random(9_000_000, 7), .. old, .. StoreWorld.Random(9_000_000, 8)];
        var stored = await world.CommitAsync(space, content, Ct);
        Assert.InRange(stored.Fresh.Count, 2, stored.Chunks.Count - 2);
        Assert.Equal(content, await world.ReadAsync(space, stored.Chunks, Ct));
    }

    [Fact]
    public async Task A_repeated_chunk_is_stored_once()
    {
        await using var world = StoreWorld.On(database);
        var stored = await world.CommitAsync(space, new byte[30_000_000], Ct);
        Assert.Equal(8, stored.Chunks.Count);
        Assert.Equal(2, stored.Fresh.Count);
        Assert.Equal(new byte[30_000_000], await world.ReadAsync(space, stored.Chunks, Ct));
    }

    [Fact]
    public async Task An_upload_goes_on_from_its_durable_offset_after_a_restart()
    {
        await using var world = StoreWorld.On(database);
        var content = StoreWorld.Random(7_000_000, 9);
        var pack = PackId.New();
        await using (var writer = world.Writers.Start(space, pack))
        {
            await writer.WriteAsync(content.AsMemory(0, 5_000_000), Ct);
            Assert.Equal(5_000_000, await writer.SyncAsync(Ct));
            await writer.WriteAsync(content.AsMemory(5_000_000, 1_500_000), Ct);
        }
        await using var next = StoreWorld.On(database, folder: world.Folder);
        await using var resumed = await next.Writers.ResumeAsync(space, pack, 5_000_000, Ct);
        Assert.Equal(5_000_000, resumed.Length);
        await resumed.WriteAsync(content.AsMemory(5_000_000), Ct);
        var stored = await resumed.CompleteAsync(Ct);
        Assert.Equal(Digest.Of(content), stored.Sha256);
        Assert.Equal(Reference(content), stored.Chunks);
    }

    [Fact]
    public async Task A_completed_upload_answers_again_after_a_restart()
    {
        await using var world = StoreWorld.On(database);
        var pack = PackId.New();
        StoredContent first;
        await using (var writer = world.Writers.Start(space, pack))
        {
            await writer.WriteAsync(StoreWorld.Random(6_000_000, 10), Ct);
            await writer.SyncAsync(Ct);
            first = await writer.CompleteAsync(Ct);
        }
        await using var resumed = await world.Writers.ResumeAsync(space, pack, 6_000_000, Ct);
        Assert.True(resumed.IsComplete);
        var again = await resumed.CompleteAsync(Ct);
        Assert.Equal(first.ContentId, again.ContentId);
        Assert.Equal(first.Fresh, again.Fresh);
    }

    [Fact]
    public async Task Bytes_that_nobody_was_told_of_leave_nothing_behind()
    {
        await using var world = StoreWorld.On(database);
        await using (var writer = world.Writers.Start(space, PackId.New()))
            await writer.WriteAsync(StoreWorld.Random(6_000_000, 11), Ct);
        Assert.Empty(Directory.EnumerateFiles(world.Files.StagingFolder));
    }

    [Fact]
    public async Task A_pipe_is_taken_up_to_the_limit_and_no_further()
    {
        await using var world = StoreWorld.On(database);
        var reader = PipeReader.Create(new MemoryStream(StoreWorld.Random(100_000, 12)));
        await using var writer = world.Writers.Start(space, PackId.New());
        Assert.Equal(60_000, await writer.WriteAsync(reader, 60_000, Ct));
        Assert.Equal(40_000, await writer.WriteAsync(reader, long.MaxValue, Ct));
        Assert.Equal(Digest.Of(StoreWorld.Random(100_000, 12)), (await writer.CompleteAsync(Ct)).Sha256);
    }

    static List<ChunkRef> Reference(ReadOnlySpan<byte> content)
    {
        var chunks = new List<ChunkRef>();
        while (content.Length > 0)
        {
            var cut = FastCdc.FindCut(content);
            chunks.Add(new ChunkRef(new Digest(SHA256.HashData(content[..cut])), cut));
            content = content[cut..];
        }
        return chunks;
    }
}
