using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using FileServer.Database;
using FileServer.Files;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.DependencyInjection;
using Tests.Support;

namespace Tests.Files;

/// <summary>Metadata, listings, versions and history, as far as a caller may see them.</summary>
public sealed class ListingTests(World world) : IClassFixture<World>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Children_are_paged_by_folded_name_and_pages_link_to_the_next()
    {
        var (ann, space) = await SpaceAsync("paged");
        await CommitAsync(ann, space, [.. "eDcBa".Select(name => Folder(space.Id.Root, $"{name}"))]);
        var names = new List<string>();
        var url = $"/api/v1/spaces/{space.Id}/files/?limit=2";
        for (string? next = url; next is not null;)
        {
            using var answer = await ann.GetAsync(next, Cancelled);
            var page = (await answer.Content.ReadFromJsonAsync(WireJson.Default.PageNode, Cancelled))!;
            names.AddRange(page.Items.Select(node => node.Name));
            var link = answer.Headers.TryGetValues("Link", out var links) ? links.Single() : null;
            Assert.Equal(page.Next is null, link is null);
            next = link?[1..link.IndexOf('>')];
        }
        Assert.Equal(["a", "B", "c", "D", "e"], names);
    }

    [Fact]
    public async Task A_cursor_belongs_to_its_list()
    {
        var (ann, space) = await SpaceAsync("cursors");
        var folder = Folder(space.Id.Root, "folder");
        await CommitAsync(ann, space, [folder, Folder(space.Id.Root, "other")]);
        var page = (await ann.GetFromJsonAsync($"/api/v1/spaces/{space.Id}/nodes/{space.Id}/children?limit=1", WireJson.Default.PageNode, Cancelled))!;
        foreach (var target in new[] { $"{folder.NodeId}/children?cursor={page.Next}", $"{space.Id}/children?cursor=x", $"{space.Id}/tree?cursor={page.Next}" })
        {
            using var refused = await ann.GetAsync($"/api/v1/spaces/{space.Id}/nodes/{target}", Cancelled);
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
            Assert.Contains("\"invalid-cursor\"", await refused.Content.ReadAsStringAsync(Cancelled), StringComparison.Ordinal);
        }
        using var limit = await ann.GetAsync($"/api/v1/spaces/{space.Id}/nodes/{space.Id}/children?limit=0", Cancelled);
        Assert.Equal(HttpStatusCode.BadRequest, limit.StatusCode);
    }

    [Fact]
    public async Task Hidden_items_leave_no_gap_in_pages_and_their_names_appear_nowhere()
    {
        var (ann, space) = await SpaceAsync("gaps");
        var folders = Enumerable.Range(0, 12).Select(i => Folder(space.Id.Root, i % 3 == 0 ? $"{i:00} open" : $"{i:00} canary")).ToArray();
        await CommitAsync(ann, space, folders);
        var eve = await world.SignedInAsync("eve", Cancelled);
        using var given = await ann.PostAsJsonAsync($"/api/v1/spaces/{space.Id}/nodes/{space.Id}/grants", new GrantRequest("user:eve", "viewer", null), WireJson.Default.GrantRequest, Cancelled);
        foreach (var hidden in folders.Where(folder => folder.Name!.EndsWith("canary", StringComparison.Ordinal)))
        {
            using var stopped = await ann.PutAsJsonAsync(
                $"/api/v1/spaces/{space.Id}/nodes/{hidden.NodeId}/inheritance", new InheritanceRequest(false), WireJson.Default.InheritanceRequest, Cancelled);
            Assert.True(stopped.IsSuccessStatusCode);
        }
        var first = await eve.GetStringAsync($"/api/v1/spaces/{space.Id}/files/?limit=3", Cancelled);
        var page = System.Text.Json.JsonSerializer.Deserialize(first, WireJson.Default.PageNode)!;
        Assert.Equal(["00 open", "03 open", "06 open"], page.Items.Select(node => node.Name));
        var rest = (await eve.GetFromJsonAsync($"/api/v1/spaces/{space.Id}/files/?limit=3&cursor={page.Next}", WireJson.Default.PageNode, Cancelled))!;
        Assert.Equal(["09 open"], rest.Items.Select(node => node.Name));
        Assert.Null(rest.Next);
        Assert.Equal(["list", "read"], rest.Items[0].Rights);
        foreach (var target in new[] { $"nodes/{space.Id}/tree", "changes", $"nodes/{folders[1].NodeId}", $"nodes/{folders[1].NodeId}/children", "files/01%20canary/", "files/01%20canary?stat" })
        {
            using var answer = await eve.GetAsync($"/api/v1/spaces/{space.Id}/{target}", Cancelled);
            Assert.DoesNotContain("canary", await answer.Content.ReadAsStringAsync(Cancelled), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_tree_is_listed_whole_page_by_page_top_first_without_the_trash()
    {
        var (ann, space) = await SpaceAsync("trees");
        var top = Folder(space.Id.Root, "top");
        var inner = Enumerable.Range(0, 5).Select(i => Folder(top.NodeId, $"inner {i}")).ToArray();
        var leaves = inner.SelectMany(folder => Enumerable.Range(0, 7).Select(i => File(folder.NodeId, $"leaf {i}"))).ToArray();
        await CommitAsync(ann, space, [top, .. inner, .. leaves, File(space.Id.Root, "beside")]);
        await CommitAsync(ann, space, [new Operation { Op = OperationKind.Delete, NodeId = inner[2].NodeId }, new Operation { Op = OperationKind.Delete, NodeId = leaves[0].NodeId }]);
        var seen = new List<NodeId>();
        for (string? cursor = ""; cursor is not null;)
        {
            var page = (await ann.GetFromJsonAsync($"/api/v1/spaces/{space.Id}/nodes/{top.NodeId}/tree?limit=4&cursor={cursor}", WireJson.Default.PageNode, Cancelled))!;
            seen.AddRange(page.Items.Select(node => node.Id));
            cursor = page.Next;
        }
        Assert.Equal(top.NodeId, seen[0]);
        var expected = new[] { top }.Concat(inner).Concat(leaves).Select(operation => operation.NodeId).ToHashSet();
        expected.ExceptWith([inner[2].NodeId, .. leaves[14..21].Select(leaf => leaf.NodeId), leaves[0].NodeId]);
        Assert.Equal(expected.Count, seen.Count);
        Assert.Equal(expected, seen.ToHashSet());
    }

    [Fact]
    public async Task Versions_are_listed_newest_first_with_their_authors_and_chunks()
    {
        var (ann, space) = await SpaceAsync("versions");
        var (node, _) = await PutAsync(ann, space, "a.bin", 10);
        var (_, bytes) = await PutAsync(ann, space, "a.bin", 5_000_000);
        var page = (await ann.GetFromJsonAsync($"/api/v1/spaces/{space.Id}/nodes/{node.Id}/versions", WireJson.Default.PageFileVersion, Cancelled))!;
        Assert.Equal([(2, 5_000_000L, "ann"), (1, 10L, "ann")], page.Items.Select(version => (version.Number, version.Size, version.CreatedBy)));
        Assert.Equal(Digest.Of(bytes), page.Items[0].Sha256);
        var one = (await ann.GetFromJsonAsync($"/api/v1/spaces/{space.Id}/nodes/{node.Id}/versions/1", WireJson.Default.FileVersion, Cancelled))!;
        Assert.Equal(10, one.Size);
        var chunks = (await ann.GetFromJsonAsync($"/api/v1/spaces/{space.Id}/nodes/{node.Id}/versions/2/chunks", WireJson.Default.ChunkList, Cancelled))!;
        Assert.Equal(page.Items[0].ContentId, chunks.ContentId);
        var at = 0;
        foreach (var chunk in chunks.Chunks)
        {
            Assert.Equal(Digest.Of(bytes.AsSpan(at, chunk.Size)), chunk.Hash);
            at += chunk.Size;
        }
        Assert.Equal(bytes.Length, at);
    }

    [Fact]
    public async Task History_tells_names_and_places_but_not_those_where_one_may_not_look()
    {
        var (ann, space) = await SpaceAsync("history");
        var (vault, file) = (Folder(space.Id.Root, "vault"), File(space.Id.Root, "first"));
        await CommitAsync(ann, space, [vault, file]);
        using var stopped = await ann.PutAsJsonAsync(
            $"/api/v1/spaces/{space.Id}/nodes/{vault.NodeId}/inheritance", new InheritanceRequest(false), WireJson.Default.InheritanceRequest, Cancelled);
        await CommitAsync(ann, space, [new Operation { Op = OperationKind.Move, NodeId = file.NodeId, ParentId = vault.NodeId, Name = "canary" }]);
        await CommitAsync(ann, space, [new Operation { Op = OperationKind.Move, NodeId = file.NodeId, ParentId = space.Id.Root, Name = "last" }]);
        var eve = await world.SignedInAsync("eve", Cancelled);
        using var given = await ann.PostAsJsonAsync($"/api/v1/spaces/{space.Id}/nodes/{space.Id}/grants", new GrantRequest("user:eve", "viewer", null), WireJson.Default.GrantRequest, Cancelled);
        var own = (await ann.GetFromJsonAsync($"/api/v1/spaces/{space.Id}/nodes/{file.NodeId}/history", WireJson.Default.PageNodeState, Cancelled))!;
        Assert.Equal(["last", "canary", "first"], own.Items.Select(state => state.Name));
        Assert.All(own.Items, state => Assert.Equal("ann", state.ChangedBy));
        var hers = (await eve.GetFromJsonAsync($"/api/v1/spaces/{space.Id}/nodes/{file.NodeId}/history", WireJson.Default.PageNodeState, Cancelled))!;
        Assert.Equal(["last", "first"], hers.Items.Select(state => state.Name));
    }

    [Fact]
    public async Task Files_and_folders_keep_to_their_addresses()
    {
        var (ann, space) = await SpaceAsync("addresses");
        await CommitAsync(ann, space, [Folder(space.Id.Root, "folder")]);
        await PutAsync(ann, space, "file.bin", 10);
        foreach (var target in new[] { "folder", "file.bin/", "none", "folder/none/", "file.bin/below" })
        {
            using var answer = await ann.GetAsync($"/api/v1/spaces/{space.Id}/files/{target}", Cancelled);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }
        using var traversal = await ann.GetAsync($"/api/v1/spaces/{space.Id}/files/folder%2f..%2ffile.bin", Cancelled);
        Assert.Equal(HttpStatusCode.BadRequest, traversal.StatusCode);
    }

    [Fact]
    public async Task The_present_is_not_taken_for_the_past()
    {
        var (ann, space) = await SpaceAsync("past");
        var at = $"/api/v1/spaces/{space.Id}/files";
        foreach (var text in new[] { "first", "second" })
            await ann.PutAsync($"{at}/a.txt", new StringContent(text), Cancelled);
        Assert.Equal("first", await ann.GetStringAsync($"{at}/a.txt?version=1", Cancelled));
        Assert.Equal(HttpStatusCode.NotFound, (await ann.GetAsync($"{at}/a.txt?version=9", Cancelled)).StatusCode);
        foreach (var target in new[] { $"{at}/?asOf=1", $"{at}/a.txt?asOf=2026-01-01T00:00:00Z", $"/api/v1/spaces/{space.Id}/nodes/{space.Id}/children?asOf=1" })
        {
            using var answer = await ann.GetAsync(target, Cancelled);
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        }
    }

    [Fact]
    public async Task The_plain_hash_of_versions_made_of_chunks_is_filled_in_later()
    {
        var (ann, space) = await SpaceAsync("hashes");
        var (node, bytes) = await PutAsync(ann, space, "a.bin", 3_000_000);
        await world.Database.ExecuteAsync("update versions set sha256 = null where space_id = @space", new { space = space.Id }, Cancelled);
        await world.Database.ExecuteAsync("update nodes set sha256 = null where space_id = @space", new { space = space.Id }, Cancelled);
        while ((await ann.GetFromJsonAsync($"/api/v1/spaces/{space.Id}/nodes/{node.Id}", WireJson.Default.Node, Cancelled))!.Sha256 is null)
            await world.Services.GetRequiredService<WholeHashes>().PassAsync(Cancelled);
        var version = (await ann.GetFromJsonAsync($"/api/v1/spaces/{space.Id}/nodes/{node.Id}/versions/1", WireJson.Default.FileVersion, Cancelled))!;
        Assert.Equal(Digest.Of(bytes), version.Sha256);
    }

    async Task<(HttpClient Ann, Space Space)> SpaceAsync(string name) => (await world.SignedInAsync("ann", Cancelled), await world.SpaceAsync(name, "manager", ["ann"], Cancelled));

    static Operation Folder(NodeId parent, string name) => new() { Op = OperationKind.CreateFolder, NodeId = NodeId.New(), ParentId = parent, Name = name };

    static Operation File(NodeId parent, string name) => new() { Op = OperationKind.PutFile, NodeId = NodeId.New(), ParentId = parent, Name = name, Chunks = [] };

    static async Task CommitAsync(HttpClient client, Space space, IReadOnlyList<Operation> operations)
    {
        using var answer = await client.PostAsJsonAsync(
            $"/api/v1/spaces/{space.Id}/changesets", new Changeset(ChangesetId.New(), operations), WireJson.Default.Changeset, Cancelled);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Cancelled));
    }

    static async Task<(Node Node, byte[] Bytes)> PutAsync(HttpClient client, Space space, string name, int length)
    {
        var bytes = RandomNumberGenerator.GetBytes(length);
        var url = $"/api/v1/spaces/{space.Id}/files/{name}";
        using var answer = await client.PutAsync(url, new ByteArrayContent(bytes), Cancelled);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Cancelled));
        return ((await client.GetFromJsonAsync($"{url}?stat", WireJson.Default.Node, Cancelled))!, bytes);
    }
}
