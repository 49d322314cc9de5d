using System.Buffers;
using System.Net.Http.Json;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Protocol.Packs;
using Tests.Protocol;
using Tests.Support;

namespace Tests.Uploads;

/// <summary>Packs of chunks, as the sync client sends them: believed only after every hash was computed again, and only their sender may name what is in them.</summary>
public sealed class PackUploadTests(World world) : IClassFixture<World>
{
    static readonly byte[] Content = FastCdcTests.SplitMix(21, 5_000_000);

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    static byte[] PackOf(SpaceId space, params byte[][] chunks)
    {
        using var builder = new PackBuilder(new PackHeader(space, PackId.New(), DateTimeOffset.UnixEpoch));
        foreach (var chunk in chunks)
            builder.Add(Digest.Of(chunk), chunk);
        return builder.Finish().ToArray();
    }

    static byte[][] Split(byte[] content)
    {
        var at = 0;
        return [.. ChunkSplitter.Split(content).Select(chunk => content[at..(at += chunk.Size)])];
    }

    static Task<HttpResponseMessage> SendAsync(TusClient tus, Space space, byte[] pack) => tus.PostAsync(
        pack, ("Upload-Length", pack.Length.ToString()), ("Upload-Metadata", TusClient.Metadata(("kind", "pack"), ("space", space.Name))));

    async Task<(TusClient Ann, Space Space)> AnnAsync(string space, params string[] others) =>
        (new TusClient(await world.SignedInAsync("ann", Ct)), await world.SpaceAsync(space, "contributor", ["ann", .. others], Ct));

    static Task<HttpResponseMessage> CommitAsync(TusClient tus, Space space, string name, IReadOnlyList<ChunkRef> chunks)
    {
        var changeset = new Changeset(ChangesetId.New(), [new Operation { Op = OperationKind.PutFile, NodeId = NodeId.New(), ParentId = space.Id.Root, Name = name, Chunks = chunks }]);
        return tus.Http.PostAsJsonAsync($"/api/v1/spaces/{space.Id}/changesets", changeset, WireJson.Default.Changeset, Ct);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_pack_makes_its_chunks_nameable_for_its_sender(bool inPieces)
    {
        var (ann, space) = await AnnAsync($"packs-{inPieces}", "bob");
        var bob = new TusClient(await world.SignedInAsync("bob", Ct));
        var pack = PackOf(space.Id, Split(Content));
        if (inPieces)
        {
            var url = TusClient.Url(await ann.PostAsync(pack[..100], ("Upload-Length", pack.Length.ToString()), ("Upload-Metadata", TusClient.Metadata(("type", "pack"), ("space", space.Name)))));
            TusClient.Is(204, await ann.PatchAsync(url, 100, pack[100..]));
            Assert.Equal(pack.Length, await ann.OffsetAsync(url));
        }
        else
        {
            var answer = await SendAsync(ann, space, pack);
            Assert.Equal(pack.Length, await ann.OffsetAsync(TusClient.Url(answer)));
        }
        List<ChunkRef> chunks = [.. ChunkSplitter.Split(Content)];
        Assert.Equal(409, (int)(await CommitAsync(bob, space, "stolen", chunks)).StatusCode);
        Assert.Equal(201, (int)(await CommitAsync(ann, space, "f", chunks)).StatusCode);
        Assert.Equal(Content, await ann.Http.GetByteArrayAsync($"/api/v1/spaces/{space.Id}/files/f", Ct));
    }

    [Fact]
    public async Task A_pack_that_is_not_what_it_says_is_refused_and_proves_nothing()
    {
        var (ann, space) = await AnnAsync("packs-bad");
        var good = PackOf(space.Id, [1, 2, 3], [4, 5, 6, 7]);
        for (var at = PackFormat.HeaderSize; at < good.Length; at += 7)
        {
            var bad = good.ToArray();
            bad[at] ^= 1;
            TusClient.Is(400, await SendAsync(ann, space, bad));
        }
        TusClient.Is(400, await SendAsync(ann, space, good[..^1]));
        Assert.Equal(409, (int)(await CommitAsync(ann, space, "f", [new ChunkRef(Digest.Of([1, 2, 3]), 3)])).StatusCode);
    }

    [Fact]
    public async Task A_pack_has_a_length_and_is_not_larger_than_packs_are()
    {
        var (ann, space) = await AnnAsync("packs-large");
        var metadata = ("Upload-Metadata", TusClient.Metadata(("kind", "pack"), ("space", space.Name)));
        TusClient.Is(413, await ann.PostAsync(null, ("Upload-Length", (PackFormat.MaxClientPackSize + 1).ToString()), metadata));
        TusClient.Is(400, await ann.PostAsync(null, ("Upload-Defer-Length", "1"), metadata));
        TusClient.Is(400, await ann.PostAsync(null, ("Upload-Length", "0"), metadata));
        TusClient.Is(400, await ann.PostAsync(null, ("Upload-Length", "1"), ("Upload-Metadata", TusClient.Metadata(("kind", "pack")))));
    }
}
