using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Security.Cryptography;
using System.Text.Json;
using FileServer.Database;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Tests.Support;

namespace Tests.Sync;

/// <summary>What sync clients ask the server for, apart from the feed's walk.</summary>
public sealed class SyncEndpointTests(World world) : IClassFixture<World>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Contents_come_in_the_order_asked_each_with_its_status()
    {
        var (ann, space) = await SpaceAsync("contents");
        var (small, smallBytes) = await PutAsync(ann, space, "small.bin", 1000);
        var (large, largeBytes) = await PutAsync(ann, space, "large.bin", 2_500_000);
        var (empty, _) = await PutAsync(ann, space, "empty.bin", 0);
        await PutAsync(ann, space, "small.bin", 1200);
        using var answer = await PostAsync(ann, $"/api/v1/spaces/{space.Id}/contents", new ContentsRequest(
            [new(large.Id), new(NodeId.New()), new(small.Id, 1), new(empty.Id), new(small.Id, 7), new(space.Id.Root), new(large.Id, 1)]), WireJson.Default.ContentsRequest);
        var body = await answer.Content.ReadAsByteArrayAsync(Cancelled);
        Assert.Equal(body.Length, answer.Content.Headers.ContentLength);
        var frames = Frames(body);
        Assert.Equal(
            [
                (large.Id, 1, ContentFrameStatus.Ok), (frames[1].Frame.NodeId, 0, ContentFrameStatus.NotFound), (small.Id, 1, ContentFrameStatus.Ok), (empty.Id, 1, ContentFrameStatus.Ok),
                (small.Id, 7, ContentFrameStatus.NotFound), (space.Id.Root, 0, ContentFrameStatus.NotFound), (large.Id, 1, ContentFrameStatus.Ok),
            ],
            frames.Select(frame => (frame.Frame.NodeId, frame.Frame.Version, frame.Frame.Status)));
        Assert.Equal(largeBytes, frames[0].Bytes);
        Assert.Equal(smallBytes, frames[2].Bytes);
        Assert.Empty(frames[3].Bytes);
        var recorded = await world.Database.QuerySingleAsync<long>(
            "select count(*) from audit_events where action = 'file.read' and space_id = @space", new { space = space.Id }, Cancelled);
        Assert.Equal(4, recorded);
    }

    [Fact]
    public async Task Contents_of_hidden_files_are_as_if_there_were_none_and_the_attempt_is_on_record()
    {
        var (ann, space) = await SpaceAsync("hidden contents");
        var (open, bytes) = await PutAsync(ann, space, "open.bin", 100);
        var (secret, _) = await PutAsync(ann, space, "secret.bin", 100);
        var (trashed, _) = await PutAsync(ann, space, "trashed.bin", 100);
        using var gone = await ann.DeleteAsync($"/api/v1/spaces/{space.Id}/files/trashed.bin", Cancelled);
        Assert.True(gone.IsSuccessStatusCode);
        var eve = await world.SignedInAsync("eve", Cancelled);
        using var given = await PostAsync(ann, $"/api/v1/spaces/{space.Id}/nodes/{open.Id}/grants", new GrantRequest("user:eve", "viewer", null), WireJson.Default.GrantRequest);
        using var answer = await PostAsync(eve, $"/api/v1/spaces/{space.Id}/contents", new ContentsRequest([new(secret.Id), new(open.Id), new(trashed.Id)]), WireJson.Default.ContentsRequest);
        var frames = Frames(await answer.Content.ReadAsByteArrayAsync(Cancelled));
        Assert.Equal([ContentFrameStatus.NotFound, ContentFrameStatus.Ok, ContentFrameStatus.NotFound], frames.Select(frame => frame.Frame.Status));
        Assert.Equal(bytes, frames[1].Bytes);
        var refused = await world.Database.QueryAsync<NodeId>(
            "select node_id from audit_events where action = 'access.refuse' and actor = 'eve' and space_id = @space order by id", new { space = space.Id }, Cancelled);
        Assert.Equal([secret.Id], refused);
    }

    [Fact]
    public async Task A_chunk_counts_as_there_only_for_who_may_read_it()
    {
        var (ann, space) = await SpaceAsync("chunks");
        var (file, bytes) = await PutAsync(ann, space, "a.bin", 5000);
        var here = Digest.Of(bytes);
        var nowhere = Digest.Of("nowhere"u8);
        Assert.Equal([nowhere], await MissingAsync(ann, space, here, nowhere, nowhere));

        // Eve may write in a folder of her own, and knows the hash of a file that she may not see.
        var folder = await MakeFolderAsync(ann, space, "drop");
        var eve = await world.SignedInAsync("eve", Cancelled);
        using var given = await PostAsync(ann, $"/api/v1/spaces/{space.Id}/nodes/{folder}/grants", new GrantRequest("user:eve", "editor", null), WireJson.Default.GrantRequest);
        Assert.Equal(HttpStatusCode.Created, given.StatusCode);
        Assert.Equal([here, nowhere], await MissingAsync(eve, space, here, nowhere));
        using var shown = await PostAsync(ann, $"/api/v1/spaces/{space.Id}/nodes/{file.Id}/grants", new GrantRequest("user:eve", "viewer", null), WireJson.Default.GrantRequest);
        Assert.Equal([nowhere], await MissingAsync(eve, space, here, nowhere));

        // Another space knows nothing of this one.
        var (_, other) = await SpaceAsync("other chunks");
        Assert.Equal([here], await MissingAsync(ann, other, here));
    }

    [Fact]
    public async Task A_reader_has_no_use_for_missing_chunks_and_a_stranger_sees_no_space()
    {
        var (ann, space) = await SpaceAsync("readers");
        var reader = await world.SignedInAsync("reader", Cancelled);
        using var given = await PostAsync(ann, $"/api/v1/spaces/{space.Id}/nodes/{space.Id}/grants", new GrantRequest("user:reader", "viewer", null), WireJson.Default.GrantRequest);
        var question = new MissingChunksRequest([Digest.Of("x"u8)]);
        using var forbidden = await PostAsync(reader, $"/api/v1/spaces/{space.Id}/chunks/missing", question, WireJson.Default.MissingChunksRequest);
        Assert.Equal(HttpStatusCode.Forbidden, forbidden.StatusCode);
        using var hidden = await PostAsync(await world.SignedInAsync("stranger", Cancelled), $"/api/v1/spaces/{space.Id}/chunks/missing", question, WireJson.Default.MissingChunksRequest);
        Assert.Equal(HttpStatusCode.NotFound, hidden.StatusCode);
        using var many = await PostAsync(ann, $"/api/v1/spaces/{space.Id}/chunks/missing",
            new MissingChunksRequest([.. Enumerable.Repeat(Digest.Of("x"u8), 8193)]), WireJson.Default.MissingChunksRequest);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, many.StatusCode);
    }

    [Fact]
    public async Task Events_tell_the_present_revision_and_each_new_one_at_once()
    {
        var (ann, space) = await SpaceAsync("events");
        using var answer = await ann.GetAsync($"/api/v1/spaces/{space.Id}/events", HttpCompletionOption.ResponseHeadersRead, Cancelled);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType!.ToString());
        await using var body = await answer.Content.ReadAsStreamAsync(Cancelled);
        await using var events = SseParser.Create(body).EnumerateAsync(Cancelled).GetAsyncEnumerator(Cancelled);
        var first = await NextAsync(events);
        for (var round = 0; round < 3; round++)
        {
            var next = NextAsync(events);
            var folder = await MakeFolderAsync(ann, space, $"folder {round}");
            var committed = Stopwatch.GetTimestamp();
            var heard = await next;
            Assert.True(Stopwatch.GetElapsedTime(committed) < TimeSpan.FromMilliseconds(200), $"heard after {Stopwatch.GetElapsedTime(committed).TotalMilliseconds} ms");
            Assert.Equal(first.Revision + round + 1, heard.Revision);
        }
    }

    [Fact]
    public async Task What_comes_back_from_the_trash_and_moves_on_at_once_is_told_with_all_that_is_in_it()
    {
        var (ann, space) = await SpaceAsync("back and on");
        var (outer, inner, leaf) = (NodeId.New(), NodeId.New(), NodeId.New());
        await ChangeAsync(ann, space, new Operation { Op = OperationKind.CreateFolder, NodeId = outer, ParentId = space.Id.Root, Name = "outer" });
        await ChangeAsync(ann, space, new Operation { Op = OperationKind.CreateFolder, NodeId = inner, ParentId = outer, Name = "inner" });
        await ChangeAsync(ann, space, new Operation { Op = OperationKind.CreateFolder, NodeId = leaf, ParentId = inner, Name = "leaf" });
        var follower = new Follower(ann, space.Id, limit: 100);
        await ChangeAsync(ann, space, new Operation { Op = OperationKind.Delete, NodeId = outer });
        await follower.CatchUpAsync(Cancelled);
        await ChangeAsync(ann, space, new Operation { Op = OperationKind.Restore, NodeId = outer });
        await ChangeAsync(ann, space, new Operation { Op = OperationKind.Move, NodeId = inner, ParentId = space.Id.Root, Name = "inner" });
        await follower.CatchUpAsync(Cancelled);
        Assert.Equal(new HashSet<NodeId> { space.Id.Root, outer, inner, leaf }, follower.Tree.Keys.ToHashSet());
    }

    [Fact]
    public async Task An_idle_poll_costs_a_304_and_a_cursor_from_elsewhere_410()
    {
        var (ann, space) = await SpaceAsync("polls");
        await MakeFolderAsync(ann, space, "folder");
        var start = (await ann.GetFromJsonAsync($"/api/v1/spaces/{space.Id}/changes", WireJson.Default.ChangePage, Cancelled))!;
        Assert.Equal([space.Id.Root.ToString(), "folder"], start.Items.Select(change => change.Node!.ParentId is null ? change.NodeId.ToString() : change.Node.Name));
        var url = $"/api/v1/spaces/{space.Id}/changes?since={start.Cursor}";
        using var idle = await ann.GetAsync(url, Cancelled);
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.TryAddWithoutValidation("If-None-Match", idle.Headers.ETag!.ToString());
        using var again = await ann.SendAsync(request, Cancelled);
        Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);

        using var ahead = await ann.GetAsync($"/api/v1/spaces/{space.Id}/changes?since=999", Cancelled);
        Assert.Equal(HttpStatusCode.Gone, ahead.StatusCode);
        Assert.Contains("cursor-expired", await ahead.Content.ReadAsStringAsync(Cancelled), StringComparison.Ordinal);
        await world.Database.ExecuteAsync("update spaces set epoch = @epoch where id = @space", new { space = space.Id, epoch = Guid.CreateVersion7() }, Cancelled);
        using var restored = await ann.GetAsync(url, Cancelled);
        Assert.Equal(HttpStatusCode.Gone, restored.StatusCode);
        using var rubbish = await ann.GetAsync($"/api/v1/spaces/{space.Id}/changes?since=rubbish", Cancelled);
        Assert.Equal(HttpStatusCode.BadRequest, rubbish.StatusCode);
    }

    [Fact]
    public async Task The_api_describes_itself_to_whoever_is_signed_in()
    {
        using var nobody = world.Anonymous();
        using var refused = await nobody.GetAsync("/openapi/v1.json", Cancelled);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        var ann = await world.SignedInAsync("ann", Cancelled);
        using var document = JsonDocument.Parse(await ann.GetStringAsync("/openapi/v1.json", Cancelled));
        Assert.StartsWith("3.1", document.RootElement.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        var paths = document.RootElement.GetProperty("paths");
        Assert.True(paths.TryGetProperty("/api/v1/spaces/{space}/changes", out var changes));
        Assert.False(string.IsNullOrEmpty(changes.GetProperty("get").GetProperty("summary").GetString()));
        foreach (var path in paths.EnumerateObject())
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                Assert.True(operation.Value.TryGetProperty("summary", out _), $"{operation.Name} {path.Name} says not what it does.");
                var declared = operation.Value.TryGetProperty("parameters", out var parameters)
                    ? parameters.EnumerateArray().Where(parameter => parameter.GetProperty("in").GetString() == "path").Select(parameter => $"{{{parameter.GetProperty("name").GetString()}}}")
                    : [];
                Assert.Equal(path.Name.Split('/').Where(part => part.StartsWith('{')).Order(), declared.Order());
            }
        }
    }

    static List<(ContentFrame Frame, byte[] Bytes)> Frames(byte[] body)
    {
        var frames = new List<(ContentFrame, byte[])>();
        for (var at = 0; at < body.Length;)
        {
            var frame = ContentFrame.Read(body.AsSpan(at, ContentFrame.Size));
            at += ContentFrame.Size;
            frames.Add((frame, body[at..(at + (int)frame.Length)]));
            at += (int)frame.Length;
        }
        return frames;
    }

    async Task<(HttpClient Ann, Space Space)> SpaceAsync(string name) => (await world.SignedInAsync("ann", Cancelled), await world.SpaceAsync(name, "manager", ["ann"], Cancelled));

    static async Task<(Node Node, byte[] Bytes)> PutAsync(HttpClient client, Space space, string name, int length)
    {
        var bytes = RandomNumberGenerator.GetBytes(length);
        var url = $"/api/v1/spaces/{space.Id}/files/{name}";
        using var answer = await client.PutAsync(url, new ByteArrayContent(bytes), Cancelled);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Cancelled));
        return ((await client.GetFromJsonAsync($"{url}?stat", WireJson.Default.Node, Cancelled))!, bytes);
    }

    static async Task<NodeId> MakeFolderAsync(HttpClient client, Space space, string name)
    {
        var id = NodeId.New();
        var folder = new Operation { Op = OperationKind.CreateFolder, NodeId = id, ParentId = space.Id.Root, Name = name };
        using var answer = await PostAsync(client, $"/api/v1/spaces/{space.Id}/changesets", new Changeset(ChangesetId.New(), [folder]), WireJson.Default.Changeset);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return id;
    }

    static async Task ChangeAsync(HttpClient client, Space space, Operation operation)
    {
        using var answer = await PostAsync(client, $"/api/v1/spaces/{space.Id}/changesets", new Changeset(ChangesetId.New(), [operation]), WireJson.Default.Changeset);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
    }

    static async Task<IReadOnlyList<Digest>> MissingAsync(HttpClient client, Space space, params Digest[] chunks)
    {
        using var answer = await PostAsync(client, $"/api/v1/spaces/{space.Id}/chunks/missing", new MissingChunksRequest(chunks), WireJson.Default.MissingChunksRequest);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Cancelled));
        return (await answer.Content.ReadFromJsonAsync(WireJson.Default.MissingChunks, Cancelled))!.Missing;
    }

    static Task<HttpResponseMessage> PostAsync<T>(HttpClient client, string url, T body, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) =>
        client.PostAsJsonAsync(url, body, type, Cancelled);

    static async Task<RevisionEvent> NextAsync(IAsyncEnumerator<SseItem<string>> events)
    {
        Assert.True(await events.MoveNextAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20), Cancelled));
        Assert.Equal("revision", events.Current.EventType);
        return JsonSerializer.Deserialize(events.Current.Data, WireJson.Default.RevisionEvent)!;
    }
}
