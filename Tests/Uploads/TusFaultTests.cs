using FileServer.Database;
using FileServer.Uploads;
using Microsoft.Extensions.DependencyInjection;
using Tests.Protocol;
using Tests.Support;

namespace Tests.Uploads;

/// <summary>Connections that break, stall or compete, and servers that stop: what was acknowledged is there, what was not does not count.</summary>
public sealed class TusFaultTests(TusFaultTests.ImpatientWorld world) : IClassFixture<TusFaultTests.ImpatientWorld>
{
    static readonly byte[] Bytes = FastCdcTests.SplitMix(11, 3_000_000);

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    async Task<TusClient> AnnAsync(string name = "ann") => new(await world.Server.SignedInAsync(name, Ct));

    async Task<(TusClient Ann, string Url)> FileAsync(long length)
    {
        var name = $"space-{Guid.CreateVersion7()}";
        await world.Server.SpaceAsync(name, "editor", ["ann"], Ct);
        var ann = await AnnAsync();
        var answer = await ann.PostAsync(null, ("Upload-Length", length.ToString()), ("Upload-Metadata", TusClient.Metadata(("space", name), ("filename", "f"))));
        return (ann, TusClient.Url(answer));
    }

    Task<RawRequest> BeginAsync(TusClient user, string url, params (string, string)[] headers) =>
        RawRequest.OpenAsync(user, world.Server.Url, "PATCH", url, [("Upload-Offset", "0"), .. headers]);

    async Task FinishAsync(TusClient ann, string url)
    {
        var offset = await ann.OffsetAsync(url);
        var last = await ann.PatchAsync(url, offset, Bytes[(int)offset..]);
        TusClient.Is(204, last);
        Assert.Equal(Bytes, await ann.Http.GetByteArrayAsync(TusClient.Value(last, "Content-Location"), Ct));
    }

    [Fact]
    public async Task R11_A_connection_that_breaks_in_the_middle_keeps_what_came()
    {
        var (ann, url) = await FileAsync(Bytes.Length);
        await using var broken = await BeginAsync(ann, url, ("Content-Length", Bytes.Length.ToString()));
        await broken.WriteAsync(Bytes.AsMemory(0, 1_500_000));
        broken.Leave();
        Assert.Equal("", await broken.AnswerAsync());
        // Kestrel gives up what it had read ahead, up to 1 MiB, when it learns of the end.
        Assert.InRange(await ann.OffsetAsync(url), 400_000, 1_500_000);
        await FinishAsync(ann, url);
    }

    [Fact]
    public async Task A_client_that_goes_silent_is_cut_off_and_keeps_what_came()
    {
        var (ann, url) = await FileAsync(Bytes.Length);
        await using var silent = await BeginAsync(ann, url, ("Content-Length", Bytes.Length.ToString()));
        await silent.WriteAsync(Bytes.AsMemory(0, 1_500_000));
        Assert.Equal("", await silent.AnswerAsync());
        Assert.Equal(1_500_000, await ann.OffsetAsync(url));
        await FinishAsync(ann, url);
    }

    [Fact]
    public async Task Bytes_whose_checksum_never_came_do_not_count()
    {
        var (ann, url) = await FileAsync(Bytes.Length);
        TusClient.Is(204, await ann.PatchAsync(url, 0, Bytes[..1000]));
        await using (var broken = await RawRequest.OpenAsync(ann, world.Server.Url, "PATCH", url, ("Upload-Offset", "1000"), ("Content-Length", "2000"), ("Upload-Checksum", TusCoreTests.Sum("sha1", [1]))))
        {
            await broken.WriteAsync(Bytes.AsMemory(1000, 1500));
            await TusCoreTests.UntilHeldAsync(world.Server, url);
        }
        Assert.Equal(1000, await ann.OffsetAsync(url));
        await FinishAsync(ann, url);
    }

    [Theory]
    [InlineData("right", 204)]
    [InlineData("sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=", 460)]
    [InlineData("md5 xx", 400)]
    [InlineData(null, 400)]
    public async Task R28_A_checksum_may_follow_as_a_trailer(string? checksum, int status)
    {
        var (ann, url) = await FileAsync(Bytes.Length);
        await using var request = await BeginAsync(ann, url, ("Transfer-Encoding", "chunked"), ("Trailer", "Upload-Checksum"));
        await request.WriteChunkAsync(Bytes.AsMemory(0, 5000));
        await request.WriteChunkAsync(Bytes.AsMemory(5000, 5000));
        if (checksum == "right")
            checksum = TusCoreTests.Sum("sha256", Bytes[..10_000]);
        await request.WriteChunkAsync(default, checksum is null ? "" : $"Upload-Checksum: {checksum}\r\n");
        Assert.StartsWith($"HTTP/1.1 {status}", await request.AnswerAsync());
        Assert.Equal(status == 204 ? 10_000 : 0, await ann.OffsetAsync(url));
    }

    [Fact]
    public async Task T77_A_body_of_unknown_length_that_is_too_long_leaves_nothing_behind()
    {
        var (ann, url) = await FileAsync(2_000_000);
        TusClient.Is(204, await ann.PatchAsync(url, 0, Bytes[..1000]));
        await using var request = await RawRequest.OpenAsync(ann, world.Server.Url, "PATCH", url, ("Upload-Offset", "1000"), ("Transfer-Encoding", "chunked"));
        await request.WriteChunkAsync(Bytes.AsMemory(1000, 1_500_000));
        await request.WriteChunkAsync(Bytes.AsMemory(0, 1_000_000));
        await request.WriteChunkAsync(default);
        Assert.StartsWith("HTTP/1.1 413", await request.AnswerAsync());
        Assert.Equal(1000, await ann.OffsetAsync(url));
    }

    [Fact]
    public async Task A_restarted_server_goes_on_at_the_acknowledged_offset()
    {
        var (ann, url) = await FileAsync(Bytes.Length);
        TusClient.Is(204, await ann.PatchAsync(url, 0, Bytes[..1_200_000]));
        var part = await ann.PartAsync(10);
        TusClient.Is(204, await ann.PatchAsync(part, 0, [1, 2, 3]));
        await world.Server.RestartAsync(Ct);
        ann = await AnnAsync();
        Assert.Equal(1_200_000, await ann.OffsetAsync(url));
        Assert.Equal(3, await ann.OffsetAsync(part));
        TusClient.Is(204, await ann.PatchAsync(part, 3, new byte[7]));
        await FinishAsync(ann, url);
    }

    [Fact]
    public async Task R25_An_upload_whose_time_is_over_is_gone_and_swept()
    {
        var (ann, url) = await FileAsync(Bytes.Length);
        TusClient.Is(204, await ann.PatchAsync(url, 0, Bytes[..1_200_000]));
        var id = Guid.Parse(url.Split('/')[^1]);
        await world.Server.Database.ExecuteAsync("update uploads set expires_at = now() - interval '1 second' where id = @id", new { id }, Ct);
        TusClient.Is(410, await ann.HeadAsync(url));
        TusClient.Is(410, await ann.PatchAsync(url, 1_200_000, [1]));
        await world.Server.Services.GetRequiredService<UploadSweep>().RunAsync(Ct);
        TusClient.Is(410, await ann.HeadAsync(url));
        var pack = await world.Server.Database.QuerySingleAsync<Guid>("select pack_id from uploads where id = @id", new { id }, Ct);
        Assert.DoesNotContain(Directory.EnumerateFiles(world.Server.DataFolder, "*", SearchOption.AllDirectories), file => file.Contains(pack.ToString(), StringComparison.Ordinal) || file.Contains(pack.ToString("N"), StringComparison.Ordinal));
    }

    [Fact]
    public async Task More_uploads_than_one_user_may_have_are_refused_for_a_while()
    {
        var gus = await AnnAsync("gus");
        for (var i = 0; i < 20; i++)
            await gus.PartAsync(10);
        var refused = await gus.PostAsync(null, ("Upload-Length", "10"), ("Upload-Concat", "partial"));
        TusClient.Is(429, refused);
        Assert.NotNull(TusClient.Value(refused, "Retry-After"));
    }

    [Fact]
    public async Task Only_named_origins_may_use_uploads_from_their_pages()
    {
        using var stranger = world.Server.Anonymous();
        var tus = new TusClient(stranger);
        var allowed = await tus.SendAsync("OPTIONS", TusClient.Endpoint, null, ("Origin", "https://portal.example"), ("Access-Control-Request-Method", "PATCH"));
        Assert.Equal("https://portal.example", TusClient.Value(allowed, "Access-Control-Allow-Origin"));
        Assert.Contains("Upload-Offset", TusClient.Value(allowed, "Access-Control-Allow-Headers"));
        var refused = await tus.SendAsync("HEAD", $"{TusClient.Endpoint}/x", null, ("Origin", "https://portal.example"));
        TusClient.Is(401, refused);
        Assert.Contains("Upload-Offset", TusClient.Value(refused, "Access-Control-Expose-Headers"));
        Assert.Null(TusClient.Value(await tus.SendAsync("OPTIONS", TusClient.Endpoint, null, ("Origin", "https://evil.example")), "Access-Control-Allow-Origin"));
    }

    /// <summary>A server that waits a second for a silent client, so that nobody has to wait half a minute here.</summary>
    public sealed class ImpatientWorld(TestCluster cluster) : IAsyncLifetime
    {
        public World Server { get; } = new(cluster) { Settings = ["--Uploads:IdleSeconds=1", "--Cors:Origins=https://portal.example"] };

        public ValueTask InitializeAsync() => Server.InitializeAsync();

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }
}
