using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Tests.Support;

namespace Tests.Files;

/// <summary>T-80: knowing a hash is no right to name the chunk.</summary>
public sealed class ChunkProofTests(World world) : IClassFixture<World>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    static readonly ChunkRef Chunk = new(Digest.Of("shared bytes"u8), 12);

    static Operation PutChunks(NodeId parent, string name, params ChunkRef[] chunks) =>
        new() { Op = OperationKind.PutFile, NodeId = NodeId.New(), ParentId = parent, Name = name, BaseVersion = 0, Chunks = chunks };

    static Task ClaimAsync(CommitDesk desk, Caller who, string expires, params ChunkRef[] chunks) => desk.Db.ExecuteAsync(
        "insert into pack_claims (space_id, user_id, pack_id, entries, expires_at) values (@space, @user, @pack, @entries, now() + @expires::interval)",
        new { space = desk.Space.Id, user = who.UserId, pack = PackId.New(), entries = ChunkListCodec.EncodeEntries(chunks), expires },
        Cancelled);

    async Task<(CommitDesk Desk, Caller Ann, Caller Eve)> OpenAsync(string role = "editor")
    {
        var desk = await CommitDesk.OpenAsync(world);
        var (ann, eve) = (await desk.PersonAsync("ann"), await desk.PersonAsync("eve"));
        foreach (var person in new[] { ann, eve })
            await desk.Grants.GiveAsync(desk.Manager, desk.Space.Id, desk.Root, new GrantRequest($"user:{person.Name}", role, null), Cancelled);
        return (desk, ann, eve);
    }

    [Fact]
    public async Task Who_sent_the_bytes_may_name_them_once_they_are_named_the_claim_ends()
    {
        var (desk, ann, eve) = await OpenAsync("uploader");
        await ClaimAsync(desk, ann, "1 day", Chunk, new ChunkRef(Digest.Of("more"u8), 4));
        Assert.Equal("missing-chunks", Assert.Single(await desk.ConflictsAsync(eve, PutChunks(desk.Root, "eve", Chunk))).Code);
        await desk.RunAsync(ann, PutChunks(desk.Root, "ann", Chunk));
        Assert.Equal(1, await desk.CountAsync("select count(*) from pack_claims where space_id = @space"));
        await desk.RunAsync(ann, PutChunks(desk.Root, "ann too", new ChunkRef(Digest.Of("more"u8), 4)));
        Assert.Equal(0, await desk.CountAsync("select count(*) from pack_claims where space_id = @space"));
        // The second chunk stands behind the first one in the pack, which begins with its header.
        Assert.Equal([64L, 76L], await world.Database.QueryAsync<long>("select pack_offset from chunks where space_id = @space order by pack_offset", new { space = desk.Space.Id }, Cancelled));
    }

    [Fact]
    public async Task A_claim_of_somebody_else_or_from_another_space_or_of_yesterday_proves_nothing()
    {
        var (desk, ann, eve) = await OpenAsync();
        var (other, _, _) = await OpenAsync();
        await ClaimAsync(desk, ann, "1 day", Chunk);
        await ClaimAsync(desk, eve, "-1 second", Chunk);
        await ClaimAsync(other, eve, "1 day", Chunk);
        var conflict = Assert.Single(await desk.ConflictsAsync(eve, PutChunks(desk.Root, "eve", Chunk)));
        Assert.Equal(("missing-chunks", Chunk.Hash), (conflict.Code, Assert.Single(conflict.MissingChunks!)));
    }

    [Fact]
    public async Task What_one_may_read_one_may_name()
    {
        var (desk, ann, eve) = await OpenAsync();
        await ClaimAsync(desk, ann, "1 day", Chunk);
        await desk.RunAsync(ann, PutChunks(desk.Root, "ann", Chunk));
        await desk.RunAsync(eve, PutChunks(desk.Root, "eve", Chunk));
        Assert.Equal(1, await desk.CountAsync("select count(*) from chunks where space_id = @space"));
    }

    [Fact]
    public async Task What_stands_only_in_a_hidden_file_has_to_be_sent_again()
    {
        var (desk, ann, eve) = await OpenAsync();
        var hidden = await desk.FolderAsync("hidden");
        await desk.Grants.SetInheritanceAsync(desk.Manager, desk.Space.Id, hidden, inherit: false, Cancelled);
        await ClaimAsync(desk, desk.Manager, "1 day", Chunk);
        await desk.RunAsync(PutChunks(hidden, "secret", Chunk));
        Assert.Equal("missing-chunks", Assert.Single(await desk.ConflictsAsync(eve, PutChunks(desk.Root, "eve", Chunk))).Code);
        // Those who see all of the space may; those who send the bytes may; both without a second copy.
        await desk.RunAsync(PutChunks(desk.Root, "manager", Chunk));
        await ClaimAsync(desk, ann, "1 day", Chunk);
        await desk.RunAsync(ann, PutChunks(desk.Root, "ann", Chunk));
        Assert.Equal(1, await desk.CountAsync("select count(*) from chunks where space_id = @space"));
    }

    [Fact]
    public async Task A_chunk_of_another_length_is_refused()
    {
        var (desk, ann, _) = await OpenAsync();
        await ClaimAsync(desk, ann, "1 day", Chunk);
        var refusal = await Assert.ThrowsAsync<Refusal>(() => desk.RunAsync(ann, PutChunks(desk.Root, "a", Chunk with { Size = 13 })));
        Assert.Equal(RefusalKind.Invalid, refusal.Kind);
    }

    [Fact]
    public async Task A_condemned_chunk_lives_again_and_a_damaged_one_has_to_be_sent()
    {
        var (desk, ann, _) = await OpenAsync();
        await ClaimAsync(desk, ann, "1 day", Chunk);
        await desk.RunAsync(ann, PutChunks(desk.Root, "a", Chunk));
        await desk.Db.ExecuteAsync("update chunks set condemned_at = now() where space_id = @space", new { space = desk.Space.Id }, Cancelled);
        await desk.RunAsync(ann, PutChunks(desk.Root, "b", Chunk));
        Assert.Equal(0, await desk.CountAsync("select count(*) from chunks where space_id = @space and condemned_at is not null"));
        await desk.Db.ExecuteAsync("update chunks set damaged_at = now() where space_id = @space", new { space = desk.Space.Id }, Cancelled);
        Assert.Equal("missing-chunks", Assert.Single(await desk.ConflictsAsync(ann, PutChunks(desk.Root, "c", Chunk))).Code);
        await ClaimAsync(desk, ann, "1 day", Chunk);
        await desk.RunAsync(ann, PutChunks(desk.Root, "c", Chunk));
        Assert.Equal(0, await desk.CountAsync("select count(*) from chunks where space_id = @space and damaged_at is not null"));
    }
}
