using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Tests.Support;

namespace Tests.Files;

/// <summary>PUT, POST ?mkdir and DELETE by path, and single changes by id, over the wire.</summary>
public sealed class PathWritingTests(World world) : IClassFixture<World>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    static string NewName() => $"s{Guid.CreateVersion7():N}";

    async Task<(HttpClient Ann, Space Space, string Files)> OpenAsync(string role = "editor")
    {
        var space = await world.SpaceAsync(NewName(), role, ["ann"], Cancelled);
        return (await world.SignedInAsync("ann", Cancelled), space, $"/api/v1/spaces/{space.Name}/files");
    }

    static async Task<HttpResponseMessage> PutAsync(HttpClient client, string url, string text, Action<HttpRequestMessage>? more = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, url) { Content = new StringContent(text, Encoding.UTF8) };
        more?.Invoke(request);
        return await client.SendAsync(request, Cancelled);
    }

    static async Task<Problem> ProblemAsync(HttpResponseMessage answer, HttpStatusCode status)
    {
        Assert.Equal(status, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync(WireJson.Default.Problem, Cancelled))!;
    }

    [Fact]
    public async Task What_is_put_comes_back_byte_for_byte_and_again_as_a_new_version()
    {
        var (ann, space, files) = await OpenAsync();
        var first = await PutAsync(ann, $"{files}/Reports/2026/a%20b.txt?parents=true", "one", put => put.Headers.Add("X-Modified-At", "2020-02-03T04:05:06.789Z"));
        Assert.Equal(HttpStatusCode.Created, first.StatusCode);
        var node = (await first.Content.ReadFromJsonAsync(WireJson.Default.Node, Cancelled))!;
        Assert.Equal(("a b.txt", 1, 3L), (node.Name, node.Version, node.Size));
        Assert.Equal(new DateTimeOffset(2020, 2, 3, 4, 5, 6, 789, TimeSpan.Zero), node.ModifiedAt);
        Assert.Equal($"\"{node.ContentId}\"", first.Headers.ETag!.Tag);
        Assert.Equal($"/api/v1/spaces/{space.Id}/nodes/{node.Id}/content?version=1", first.Content.Headers.ContentLocation!.OriginalString);
        var second = await PutAsync(ann, $"{files}/Reports/2026/a%20b.txt", "two");
        Assert.Equal(HttpStatusCode.OK, second.StatusCode);
        Assert.Equal("two", await ann.GetStringAsync($"{files}/Reports/2026/a%20b.txt", Cancelled));
        Assert.Equal("one", await ann.GetStringAsync(first.Content.Headers.ContentLocation, Cancelled));
    }

    [Fact]
    public async Task Conditions_hold_or_nothing_is_changed()
    {
        var (ann, _, files) = await OpenAsync();
        var first = await PutAsync(ann, $"{files}/a.txt", "one", put => put.Headers.IfNoneMatch.Add(EntityTagHeaderValue.Any));
        Assert.Equal(HttpStatusCode.Created, first.StatusCode);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await PutAsync(ann, $"{files}/a.txt", "two", put => put.Headers.IfNoneMatch.Add(EntityTagHeaderValue.Any))).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await PutAsync(ann, $"{files}/a.txt", "two", put => put.Headers.IfMatch.Add(first.Headers.ETag!))).StatusCode);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await PutAsync(ann, $"{files}/a.txt", "three", put => put.Headers.IfMatch.Add(first.Headers.ETag!))).StatusCode);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await PutAsync(ann, $"{files}/b.txt", "one", put => put.Headers.IfMatch.Add(first.Headers.ETag!))).StatusCode);
        using var delete = new HttpRequestMessage(HttpMethod.Delete, $"{files}/a.txt");
        delete.Headers.IfMatch.Add(first.Headers.ETag!);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await ann.SendAsync(delete, Cancelled)).StatusCode);
        Assert.Equal("two", await ann.GetStringAsync($"{files}/a.txt", Cancelled));
    }

    [Fact]
    public async Task Bytes_that_do_not_match_their_digest_are_not_kept()
    {
        var (ann, _, files) = await OpenAsync();
        var wrong = await PutAsync(ann, $"{files}/a.txt", "one", put => put.Headers.Add("Repr-Digest", $"sha-256=:{Convert.ToBase64String(Digest.Of("two"u8).ToArray())}:"));
        Assert.Equal("digest-mismatch", (await ProblemAsync(wrong, HttpStatusCode.BadRequest)).Code);
        Assert.Equal(HttpStatusCode.NotFound, (await ann.GetAsync($"{files}/a.txt", Cancelled)).StatusCode);
        var right = await PutAsync(ann, $"{files}/a.txt", "one", put => put.Headers.Add("Repr-Digest", $"sha-256=:{Convert.ToBase64String(Digest.Of("one"u8).ToArray())}:"));
        Assert.Equal(HttpStatusCode.Created, right.StatusCode);
    }

    [Fact]
    public async Task A_missing_folder_is_made_only_when_asked_for()
    {
        var (ann, _, files) = await OpenAsync();
        Assert.Equal("not-found", (await ProblemAsync(await PutAsync(ann, $"{files}/no/a.txt", "one"), HttpStatusCode.NotFound)).Code);
        Assert.Equal(HttpStatusCode.Created, (await ann.PostAsync($"{files}/yes?mkdir", null, Cancelled)).StatusCode);
        Assert.Equal("name-taken", (await ProblemAsync(await ann.PostAsync($"{files}/YES?mkdir", null, Cancelled), HttpStatusCode.Conflict)).Code);
        Assert.Equal(HttpStatusCode.OK, (await ann.PostAsync($"{files}/yes?mkdir&parents=true", null, Cancelled)).StatusCode);
        Assert.Equal("name-taken", (await ProblemAsync(await PutAsync(ann, $"{files}/yes", "one"), HttpStatusCode.Conflict)).Code);
    }

    [Theory]
    [InlineData("a%E2%80%AEb", HttpStatusCode.BadRequest)]
    [InlineData("a%2Fb", HttpStatusCode.BadRequest)]
    [InlineData("a%00b", HttpStatusCode.BadRequest)]
    [InlineData("%ff", HttpStatusCode.BadRequest)]
    [InlineData("a//b", HttpStatusCode.BadRequest)]
    [InlineData("folder/", HttpStatusCode.BadRequest)]
    public async Task Names_that_no_node_may_have_are_refused(string path, HttpStatusCode status)
    {
        var (ann, _, files) = await OpenAsync();
        Assert.Equal(status, (await PutAsync(ann, $"{files}/{path}", "x")).StatusCode);
    }

    [Fact]
    public async Task What_was_deleted_stands_in_the_trash_and_comes_back()
    {
        var (ann, space, files) = await OpenAsync();
        await PutAsync(ann, $"{files}/folder/a.txt?parents=true", "one");
        Assert.Equal(HttpStatusCode.NoContent, (await ann.DeleteAsync($"{files}/folder", Cancelled)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await ann.GetAsync($"{files}/folder/a.txt", Cancelled)).StatusCode);
        var trash = (await ann.GetFromJsonAsync($"/api/v1/spaces/{space.Id}/trash", WireJson.Default.PageNode, Cancelled))!;
        var item = Assert.Single(trash.Items);
        Assert.Equal("folder", item.Name);
        var restored = await ann.PostAsync($"/api/v1/spaces/{space.Id}/trash/{item.Id}/restore", null, Cancelled);
        Assert.Equal(HttpStatusCode.OK, restored.StatusCode);
        Assert.Equal("one", await ann.GetStringAsync($"{files}/folder/a.txt", Cancelled));
    }

    [Fact]
    public async Task Nodes_are_renamed_moved_copied_and_taken_back_by_id()
    {
        var (ann, space, files) = await OpenAsync();
        var nodes = $"/api/v1/spaces/{space.Id}/nodes";
        var file = (await (await PutAsync(ann, $"{files}/a.txt", "one")).Content.ReadFromJsonAsync(WireJson.Default.Node, Cancelled))!;
        await PutAsync(ann, $"{files}/a.txt", "two");
        Assert.Equal(HttpStatusCode.OK, (await ann.PostAsync($"{nodes}/{file.Id}/versions/1/restore", null, Cancelled)).StatusCode);
        Assert.Equal("one", await ann.GetStringAsync($"{files}/a.txt", Cancelled));
        var folder = (await (await ann.PostAsync($"{files}/sub?mkdir", null, Cancelled)).Content.ReadFromJsonAsync(WireJson.Default.Node, Cancelled))!;
        var moved = await ann.PatchAsJsonAsync($"{nodes}/{file.Id}", new NodePatch("b.txt", folder.Id), WireJson.Default.NodePatch, Cancelled);
        Assert.Equal(HttpStatusCode.OK, moved.StatusCode);
        Assert.Equal("one", await ann.GetStringAsync($"{files}/sub/b.txt", Cancelled));
        var copied = await ann.PostAsJsonAsync($"{nodes}/{file.Id}/copy", new NodePlace(space.Id.Root, "copy.txt"), WireJson.Default.NodePlace, Cancelled);
        Assert.Equal(HttpStatusCode.Created, copied.StatusCode);
        Assert.Equal("one", await ann.GetStringAsync($"{files}/copy.txt", Cancelled));
    }

    [Fact]
    public async Task A_changeset_travels_as_json_and_its_conflicts_come_back()
    {
        var (ann, space, _) = await OpenAsync();
        var url = $"/api/v1/spaces/{space.Id}/changesets";
        var id = NodeId.New();
        var made = await ann.PostAsync(
            url,
            new StringContent($$"""{"id":"{{ChangesetId.New()}}","operations":[{"op":"createFolder","nodeId":"{{id}}","parentId":"{{space.Id}}","name":"A"}]}""", Encoding.UTF8, "application/json"),
            Cancelled);
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var result = (await made.Content.ReadFromJsonAsync(WireJson.Default.ChangesetResult, Cancelled))!;
        Assert.Equal(id, Assert.Single(result.Results).NodeId);
        var refused = await ann.PostAsync(
            url,
            new StringContent(
                $$"""
                {"id":"{{ChangesetId.New()}}","operations":[{"op":"putFile","nodeId":"{{NodeId.New()}}","parentId":"{{space.Id}}","name":"a","chunks":[{"hash":"{{Digest.Of("foreign"u8)}}","size":7}]}]}
                """,
                Encoding.UTF8,
                "application/json"),
            Cancelled);
        var problem = await ProblemAsync(refused, HttpStatusCode.Conflict);
        Assert.Equal("missing-chunks", Assert.Single(problem.Conflicts!).Code);
        Assert.Equal([Digest.Of("foreign"u8)], problem.Conflicts![0].MissingChunks!);
        var malformed = await ann.PostAsync(url, new StringContent("{\"id\":", Encoding.UTF8, "application/json"), Cancelled);
        Assert.Equal("malformed-json", (await ProblemAsync(malformed, HttpStatusCode.BadRequest)).Code);
    }

    [Fact]
    public async Task A_drop_box_takes_everything_and_tells_nothing()
    {
        var space = await world.SpaceAsync(NewName(), "uploader", ["ben"], Cancelled);
        var (ben, admin) = (await world.SignedInAsync("ben", Cancelled), await world.AdminAsync(Cancelled));
        var files = $"/api/v1/spaces/{space.Name}/files";
        await PutAsync(admin, $"{files}/secret.txt", "of the manager");
        var taken = await PutAsync(ben, $"{files}/secret.txt", "of ben");
        var free = await PutAsync(ben, $"{files}/free.txt", "of ben too");
        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.Created), (taken.StatusCode, free.StatusCode));
        var view = await taken.Content.ReadAsStringAsync(Cancelled);
        Assert.DoesNotContain("secret", view, StringComparison.Ordinal);
        Assert.Equal(view.Length, (await free.Content.ReadAsStringAsync(Cancelled)).Length);
        Assert.Equal(HttpStatusCode.NotFound, (await ben.GetAsync($"{files}/secret.txt", Cancelled)).StatusCode);
        Assert.Equal("of the manager", await admin.GetStringAsync($"{files}/secret.txt", Cancelled));
    }

    [Fact]
    public async Task A_body_that_breaks_off_leaves_nothing()
    {
        var (ann, space, files) = await OpenAsync();
        var token = ann.DefaultRequestHeaders.Authorization!.Parameter;
        using (var socket = new System.Net.Sockets.TcpClient())
        {
            await socket.ConnectAsync(world.Url.Host, world.Url.Port, Cancelled);
            var head = $"PUT {files}/half.txt HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 1000\r\n\r\nonly this";
            await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head), Cancelled);
        }
        await PutAsync(ann, $"{files}/after.txt", "x");
        Assert.Equal(HttpStatusCode.NotFound, (await ann.GetAsync($"{files}/half.txt", Cancelled)).StatusCode);
        var usage = (await ann.GetFromJsonAsync($"/api/v1/spaces/{space.Id}", WireJson.Default.Space, Cancelled))!;
        Assert.Equal(1, usage.UsedBytes);
    }
}
