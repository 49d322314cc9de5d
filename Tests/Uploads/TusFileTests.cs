using System.Net.Http.Json;
using System.Text;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Tests.Protocol;
using Tests.Support;

namespace Tests.Uploads;

/// <summary>Uploads that become versions: where they go, what they meet there, and who may do it.</summary>
public sealed class TusFileTests(World world) : IClassFixture<World>
{
    static int spaces;

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    async Task<(TusClient Tus, Space Space)> EditorAsync(string name = "ann")
    {
        var space = await world.SpaceAsync($"space-{Interlocked.Increment(ref spaces)}", "editor", [name], Ct);
        return (new TusClient(await world.SignedInAsync(name, Ct)), space);
    }

    static (string, string) To(Space space, params (string, string)[] more) => ("Upload-Metadata", TusClient.Metadata([("space", space.Name), .. more]));

    static (string, string) Length(long length) => ("Upload-Length", length.ToString());

    static async Task<string> UploadAsync(TusClient tus, byte[] bytes, params (string, string)[] headers)
    {
        var answer = await tus.PostAsync(bytes, [Length(bytes.Length), .. headers]);
        TusClient.Is(201, answer);
        Assert.Equal(bytes.Length.ToString(), TusClient.Value(answer, "Upload-Offset"));
        return TusClient.Value(answer, "Content-Location") ?? "";
    }

    static async Task<byte[]> ReadAsync(TusClient tus, Space space, string path) =>
        await tus.Http.GetByteArrayAsync($"/api/v1/spaces/{space.Id}/files/{path}", Ct);

    static async Task<List<string>> NamesAsync(TusClient tus, Space space, NodeId folder) =>
        [.. (await tus.Http.GetFromJsonAsync($"/api/v1/spaces/{space.Id}/nodes/{folder}/children", WireJson.Default.PageNode, Ct))!.Items.Select(node => node.Name).Order(StringComparer.Ordinal)];

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(700_000)]
    [InlineData(9_000_000)]
    public async Task An_upload_in_one_request_is_a_version_that_Content_Location_names(int size)
    {
        var (ann, space) = await EditorAsync();
        var bytes = FastCdcTests.SplitMix((ulong)size + 1, size);
        var location = await UploadAsync(ann, bytes, To(space, ("filename", "a file.bin"), ("modifiedAt", "2020-01-02T03:04:05Z")));
        Assert.Equal(bytes, await ann.Http.GetByteArrayAsync(location, Ct));
        Assert.Equal(bytes, await ReadAsync(ann, space, "a%20file.bin"));
    }

    [Theory]
    [InlineData(300_000)]
    [InlineData(12_000_000)]
    public async Task An_upload_in_pieces_is_a_version_after_the_last_one(int size)
    {
        var (ann, space) = await EditorAsync();
        var bytes = FastCdcTests.SplitMix(7, size);
        var url = TusClient.Url(await ann.PostAsync(null, Length(size), To(space, ("filename", "pieces"))));
        Assert.Empty(await NamesAsync(ann, space, space.Id.Root));
        var half = size / 2;
        TusClient.Is(204, await ann.PatchAsync(url, 0, bytes[..half]));
        var last = await ann.PatchAsync(url, half, bytes[half..]);
        TusClient.Is(204, last);
        Assert.Equal(bytes, await ann.Http.GetByteArrayAsync(TusClient.Value(last, "Content-Location"), Ct));
        var head = await ann.HeadAsync(url);
        Assert.Equal(size.ToString(), TusClient.Value(head, "Upload-Offset"));
        Assert.Equal(TusClient.Value(last, "Content-Location"), TusClient.Value(head, "Content-Location"));
    }

    [Fact]
    public async Task Deleting_a_finished_upload_leaves_the_document()
    {
        var (ann, space) = await EditorAsync();
        var answer = await ann.PostAsync([1, 2, 3], Length(3), To(space, ("filename", "kept")));
        TusClient.Is(204, await ann.DeleteAsync(TusClient.Url(answer)));
        TusClient.Is(410, await ann.HeadAsync(TusClient.Url(answer)));
        Assert.Equal([1, 2, 3], await ReadAsync(ann, space, "kept"));
    }

    [Fact]
    public async Task The_same_name_again_is_the_next_version_unless_the_client_wants_something_else()
    {
        var (ann, space) = await EditorAsync();
        Assert.EndsWith("version=1", await UploadAsync(ann, [1], To(space, ("filename", "a.txt"))));
        Assert.EndsWith("version=2", await UploadAsync(ann, [2], To(space, ("filename", "A.TXT"))));
        await UploadAsync(ann, [3], To(space, ("filename", "a.txt"), ("onConflict", "rename")));
        await UploadAsync(ann, [4], To(space, ("filename", "a.txt"), ("onConflict", "rename")));
        TusClient.Is(409, await ann.PostAsync([5], Length(1), To(space, ("filename", "a.txt"), ("onConflict", "fail"))));
        TusClient.Is(400, await ann.PostAsync([5], Length(1), To(space, ("filename", "a.txt"), ("onConflict", "overwrite"))));
        Assert.Equal(["a (2).txt", "a (3).txt", "a.txt"], await NamesAsync(ann, space, space.Id.Root));
        Assert.Equal([2], await ReadAsync(ann, space, "a.txt"));
        Assert.Equal([4], await ReadAsync(ann, space, "a%20(3).txt"));
    }

    [Fact]
    public async Task A_base_version_that_is_not_the_newest_any_more_is_refused()
    {
        var (ann, space) = await EditorAsync();
        await UploadAsync(ann, [1], To(space, ("filename", "a")));
        await UploadAsync(ann, [2], To(space, ("filename", "a"), ("baseVersion", "1")));
        TusClient.Is(409, await ann.PostAsync([3], Length(1), To(space, ("filename", "a"), ("baseVersion", "1"))));
        Assert.Equal([2], await ReadAsync(ann, space, "a"));
    }

    [Fact]
    public async Task A_refused_commit_keeps_the_bytes_for_another_try()
    {
        var (ann, space) = await EditorAsync();
        await UploadAsync(ann, [1], To(space, ("filename", "a")));
        var url = TusClient.Url(await ann.PostAsync(null, Length(2), To(space, ("filename", "b"), ("onConflict", "fail"))));
        await UploadAsync(ann, [9], To(space, ("filename", "b")));
        TusClient.Is(409, await ann.PatchAsync(url, 0, [4, 5]));
        (await ann.Http.DeleteAsync($"/api/v1/spaces/{space.Id}/files/b", Ct)).EnsureSuccessStatusCode();
        var again = await ann.PatchAsync(url, 2, []);
        TusClient.Is(204, again);
        Assert.Equal([4, 5], await ReadAsync(ann, space, "b"));
    }

    [Fact]
    public async Task Relative_paths_make_the_folders_that_are_missing()
    {
        var (ann, space) = await EditorAsync();
        await UploadAsync(ann, [1], To(space, ("filename", "x.jpg"), ("relativePath", "Photos/2026/x.jpg")));
        await UploadAsync(ann, [2], To(space, ("name", "y.jpg"), ("relativePath", "photos/2026/y.jpg")));
        await UploadAsync(ann, [3], To(space, ("filename", "z.jpg"), ("folder", "/Photos"), ("relativePath", "null")));
        Assert.Equal([1], await ReadAsync(ann, space, "Photos/2026/x.jpg"));
        Assert.Equal([2], await ReadAsync(ann, space, "Photos/2026/y.jpg"));
        Assert.Equal([3], await ReadAsync(ann, space, "Photos/z.jpg"));
        TusClient.Is(404, await ann.PostAsync([1], Length(1), To(space, ("filename", "x"), ("folder", "/Nowhere"))));
    }

    [Theory]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a\0b")]
    [InlineData("txt.\u202Eexe")]
    public async Task A_name_that_nobody_may_have_is_refused_before_any_byte(string name)
    {
        var (ann, space) = await EditorAsync();
        TusClient.Is(400, await ann.PostAsync(null, Length(1), To(space, ("filename", name))));
        TusClient.Is(400, await ann.PostAsync([1], Length(1), To(space, ("filename", "x"), ("relativePath", "../x"))));
    }

    [Fact]
    public async Task A_stranger_to_the_space_learns_nothing_and_a_viewer_is_forbidden()
    {
        var (_, space) = await EditorAsync();
        var carl = new TusClient(await world.SignedInAsync("carl", Ct));
        TusClient.Is(404, await carl.PostAsync([1], Length(1), To(space, ("filename", "x"))));
        TusClient.Is(404, await carl.PostAsync(null, Length(1), To(space, ("filename", "x"), ("parentId", space.Id.ToString()))));
        TusClient.Is(404, await carl.PostAsync(null, Length(1), To(space, ("kind", "pack"))));
        var looked = await world.SpaceAsync($"space-{Interlocked.Increment(ref spaces)}", "viewer", ["dora"], Ct);
        var dora = new TusClient(await world.SignedInAsync("dora", Ct));
        TusClient.Is(403, await dora.PostAsync(null, Length(1), To(looked, ("filename", "x"))));
        TusClient.Is(403, await dora.PostAsync(null, Length(1), To(looked, ("kind", "pack"))));
    }

    [Fact]
    public async Task Who_may_only_drop_something_in_never_learns_what_is_there()
    {
        var (ann, space) = await EditorAsync();
        await UploadAsync(ann, [1], To(space, ("filename", "secret")));
        var admin = await world.AdminAsync(Ct);
        await world.SignedInAsync("eve", Ct);
        (await admin.PostAsJsonAsync($"/api/v1/spaces/{space.Id}/nodes/{space.Id}/grants", new GrantRequest("user:eve", "uploader", null), WireJson.Default.GrantRequest, Ct)).EnsureSuccessStatusCode();
        var eve = new TusClient(await world.SignedInAsync("eve", Ct));
        foreach (var mode in new[] { "version", "rename", "fail" })
            await UploadAsync(eve, [7], To(space, ("filename", "secret"), ("onConflict", mode)));
        Assert.Equal([1], await ReadAsync(ann, space, "secret"));
        Assert.Equal(4, (await NamesAsync(ann, space, space.Id.Root)).Count);
    }

    [Fact]
    public async Task T76_Rights_are_asked_for_again_at_the_end_and_without_them_the_bytes_go()
    {
        var (fay, space) = await EditorAsync("fay");
        var admin = await world.AdminAsync(Ct);
        var url = TusClient.Url(await fay.PostAsync([1, 2], Length(4), To(space, ("filename", "late"))));
        var grants = await admin.GetFromJsonAsync($"/api/v1/spaces/{space.Id}/nodes/{space.Id}/grants", WireJson.Default.GrantList, Ct);
        var grant = grants!.Items.Single(item => item.Principal == "user:fay");
        (await admin.DeleteAsync($"/api/v1/spaces/{space.Id}/nodes/{space.Id}/grants/{grant.Id}", Ct)).EnsureSuccessStatusCode();
        TusClient.Is(403, await fay.PatchAsync(url, 2, [3, 4]));
        TusClient.Is(410, await fay.HeadAsync(url));
    }

    [Fact]
    public async Task T78_What_does_not_fit_into_the_quota_is_refused_before_its_bytes_come()
    {
        var admin = await world.AdminAsync(Ct);
        var name = $"space-{Interlocked.Increment(ref spaces)}";
        var made = await admin.PostAsJsonAsync("/api/v1/spaces", new SpaceRequest(name, 1000), WireJson.Default.SpaceRequest, Ct);
        var space = (await made.Content.ReadFromJsonAsync(WireJson.Default.Space, Ct))!;
        var tus = new TusClient(admin);
        TusClient.Is(507, await tus.PostAsync(null, Length(1001), To(space, ("filename", "x"))));
        TusClient.Is(201, await tus.PostAsync(null, Length(600), To(space, ("filename", "x"))));
        TusClient.Is(507, await tus.PostAsync(null, Length(600), To(space, ("filename", "y"))));
        var deferred = TusClient.Url(await tus.PostAsync(null, ("Upload-Defer-Length", "1"), To(space, ("filename", "z"))));
        TusClient.Is(507, await tus.PatchAsync(deferred, 0, new byte[1100]));
        // 600 bytes are promised to x.
        TusClient.Is(204, await tus.PatchAsync(deferred, 0, new byte[300]));
        TusClient.Is(507, await tus.PatchAsync(deferred, 300, new byte[200]));
        TusClient.Is(507, await tus.PatchAsync(deferred, 300, [], Length(1100)));
    }

    [Fact]
    public async Task R31_R35_R36_R37_Parts_are_joined_in_the_order_in_which_they_are_named()
    {
        var (ann, space) = await EditorAsync();
        var bytes = FastCdcTests.SplitMix(3, 3_000_000);
        var (first, second) = (await ann.PartAsync(bytes[..2_000_000]), await ann.PartAsync(bytes[2_000_000..]));
        var empty = await ann.PartAsync([]);
        var concat = $"final;{first} {empty} {new Uri(world.Url, second)}";
        var answer = await ann.PostAsync(null, ("Upload-Concat", concat), To(space, ("filename", "joined")));
        var url = TusClient.Url(answer);
        Assert.Equal(bytes, await ann.Http.GetByteArrayAsync(TusClient.Value(answer, "Content-Location"), Ct));
        var head = await ann.HeadAsync(url);
        Assert.Equal(concat, TusClient.Value(head, "Upload-Concat"));
        Assert.Equal("3000000", TusClient.Value(head, "Upload-Length"));
        Assert.Equal("3000000", TusClient.Value(head, "Upload-Offset"));
        TusClient.Is(403, await ann.PatchAsync(url, 3_000_000, []));
        await UploadJoinedAsync(ann, space, $"final;{second} {first}");
        byte[] turned = [.. bytes[2_000_000..], .. bytes[..2_000_000]];
        Assert.Equal(turned, await ReadAsync(ann, space, "again"));
    }

    static async Task UploadJoinedAsync(TusClient tus, Space space, string concat) =>
        TusClient.Is(201, await tus.PostAsync(null, ("Upload-Concat", concat), To(space, ("filename", "again"))));

    [Fact]
    public async Task R32_R33_R34_T75_Only_finished_parts_of_ones_own_on_this_server_are_joined()
    {
        var (ann, space) = await EditorAsync();
        var whole = await ann.PartAsync([1, 2]);
        var unfinished = await ann.PartAsync(5);
        var bob = new TusClient(await world.SignedInAsync("bob", Ct));
        var foreign = await bob.PartAsync([3]);
        var file = TusClient.Url(await ann.PostAsync([1], Length(1), To(space, ("filename", "f"))));
        foreach (var named in new[] { unfinished, $"{whole} {foreign}", file, "http://elsewhere.example/api/v1/uploads/1", "/etc/passwd", "../../x", "", $"{whole}x" })
            TusClient.Is(400, await ann.PostAsync(null, ("Upload-Concat", $"final;{named}"), To(space, ("filename", "x"))));
        TusClient.Is(400, await ann.PostAsync(null, ("Upload-Concat", $"final;{whole}"), Length(2), To(space, ("filename", "x"))));
        TusClient.Is(400, await ann.PostAsync(null, ("Upload-Concat", $"final;{whole}")));
        TusClient.Is(400, await ann.PostAsync(null, Length(2), ("Upload-Concat", "finally")));
    }

    [Fact]
    public async Task An_upload_without_a_name_waits_for_the_changeset_that_names_it()
    {
        var (ann, space) = await EditorAsync();
        var url = TusClient.Url(await ann.PostAsync(Encoding.UTF8.GetBytes("held"), Length(4), To(space)));
        var changeset = new Changeset(ChangesetId.New(), [new Operation { Op = OperationKind.PutFile, NodeId = NodeId.New(), ParentId = space.Id.Root, Name = "named", UploadId = url.Split('/')[^1] }]);
        var answer = await ann.Http.PostAsJsonAsync($"/api/v1/spaces/{space.Id}/changesets", changeset, WireJson.Default.Changeset, Ct);
        Assert.Equal(201, (int)answer.StatusCode);
        Assert.Equal("held", Encoding.UTF8.GetString(await ReadAsync(ann, space, "named")));
    }
}
