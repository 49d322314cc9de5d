using System.Net;
using System.Net.Http.Json;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace Tests.Sync;

/// <summary>A client that does nothing but follow the change feed by the book, and keeps the tree that it makes of it.</summary>
sealed class Follower(HttpClient http, SpaceId space, int limit)
{
    string since = "0";

    public Dictionary<NodeId, Node> Tree { get; } = [];

    public List<string> Raw { get; } = [];

    /// <param name="between">Runs after each page but the last: what others do meanwhile.</param>
    public async Task CatchUpAsync(CancellationToken ct, Func<Task>? between = null)
    {
        for (var more = true; more;)
        {
            using var answer = await http.GetAsync($"/api/v1/spaces/{space}/changes?since={since}&limit={limit}", ct);
            var text = await answer.Content.ReadAsStringAsync(ct);
            Raw.Add(text);
            if (answer.StatusCode == HttpStatusCode.NotFound)
            {
                Tree.Clear();
                since = "0";
                return;
            }
            Assert.True(answer.IsSuccessStatusCode, text);
            var page = System.Text.Json.JsonSerializer.Deserialize(text, WireJson.Default.ChangePage)!;
            foreach (var change in page.Items)
                await ApplyAsync(change, ct);
            (since, more) = (page.Cursor, page.HasMore);
            if (more && between is not null)
                await between();
        }
    }

    async Task ApplyAsync(Change change, CancellationToken ct)
    {
        switch (change.Kind)
        {
            case ChangeKind.Node:
                Tree[change.NodeId] = change.Node!;
                break;
            case ChangeKind.Removed:
                Drop(change.NodeId);
                break;
            case ChangeKind.SubtreeReset:
                Drop(change.NodeId);
                await ListAsync(change.NodeId, ct);
                break;
        }
    }

    void Drop(NodeId top)
    {
        // The root stands for everything, also for what is known without the folders that lead to it.
        if (top == space.Root)
            Tree.Clear();
        Tree.Remove(top);
        foreach (var child in Tree.Values.Where(node => node.ParentId == top).Select(node => node.Id).ToList())
            Drop(child);
    }

    async Task ListAsync(NodeId top, CancellationToken ct)
    {
        for (string? cursor = ""; cursor is not null;)
        {
            using var answer = await http.GetAsync($"/api/v1/spaces/{space}/nodes/{top}/tree?limit={limit}&cursor={cursor}", ct);
            Raw.Add(await answer.Content.ReadAsStringAsync(ct));
            if (answer.StatusCode == HttpStatusCode.NotFound)
                return;
            var page = (await answer.Content.ReadFromJsonAsync(WireJson.Default.PageNode, ct))!;
            foreach (var node in page.Items)
                Tree[node.Id] = node;
            cursor = page.Next;
        }
    }
}
