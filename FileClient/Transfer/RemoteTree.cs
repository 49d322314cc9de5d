using FileClient.Api;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Transfer;

/// <summary>Folders on the server as trees of paths.</summary>
static class RemoteTree
{
    /// <summary>Everything below a folder with its path from there on, each folder before what is in it, names in order.</summary>
    public static async Task<IReadOnlyList<(string Path, Node Node)>> BelowAsync(ApiClient api, string space, Node top, CancellationToken ct)
    {
        var children = new Dictionary<NodeId, List<Node>>();
        await foreach (var node in api.TreeAsync(space, top.Id, ct))
        {
            if (node.Id == top.Id || node.ParentId is not { } parent)
                continue;
            if (!children.TryGetValue(parent, out var siblings))
                children.Add(parent, siblings = []);
            siblings.Add(node);
        }
        var below = new List<(string, Node)>();
        Add(top.Id, "");
        return below;

        void Add(NodeId folder, string prefix)
        {
            // Taken out, so that a tree that changed while it was listed cannot send us in circles.
            if (!children.Remove(folder, out var siblings))
                return;
            foreach (var node in siblings.OrderBy(node => node.Name, StringComparer.Ordinal).DistinctBy(node => node.Id))
            {
                below.Add((prefix + node.Name, node));
                Add(node.Id, prefix + node.Name + "/");
            }
        }
    }

    /// <summary>The node at a path, or null.</summary>
    public static async Task<Node?> FindAsync(ApiClient api, RemotePath path, CancellationToken ct)
    {
        try
        {
            return await api.NodeAtAsync(path, null, ct);
        }
        catch (ApiException absent) when (absent.Status == 404)
        {
            return null;
        }
    }
}
