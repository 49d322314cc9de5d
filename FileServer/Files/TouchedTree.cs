using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileServer.Files;

/// <summary>A node that a changeset touches or passes by: as it was, and as it will be.</summary>
sealed class TouchedNode(NodeRow? before, NodeRow now)
{
    /// <summary>The row in the database; null when the changeset makes the node.</summary>
    public NodeRow? Before { get; } = before;

    public NodeRow Now { get; set; } = now;

    public NodeId Id => Now.Id;

    /// <summary>The operation that gave the node its place, its name or its life; −1 when none did.</summary>
    public int PlacedBy { get; set; } = -1;

    /// <summary>The folder whose rights decide about a node that is new in this changeset.</summary>
    public TouchedNode? MadeIn { get; init; }

    public bool IsNew => Before is null;

    public bool Changed => Before is null || Now != Before;

    public bool HasOwnScope => Before?.AccessId == Id.Value;
}

/// <summary>
/// The part of a space's tree that a changeset touches, with everything above it, in memory: operations change it, and only
/// the outcome is judged. Nothing here reads or writes the database.
/// </summary>
sealed class TouchedTree(SpaceId space, int maxDepth)
{
    readonly Dictionary<NodeId, TouchedNode> nodes = [];

    public IReadOnlyCollection<TouchedNode> All => nodes.Values;

    public void Add(TouchedNode node) => nodes.TryAdd(node.Id, node);

    public TouchedNode? Find(NodeId? id) => id is { } known && nodes.TryGetValue(known, out var node) ? node : null;

    /// <summary>The scope that decided about a node when the changeset began; for a new node, that of the folder it was made in.</summary>
    public Guid ScopeBefore(TouchedNode node)
    {
        while (node is { Before: null, MadeIn: { } folder })
            node = folder;
        return node.Before!.AccessId ?? Find(node.Before.ParentId)!.Before!.AccessId!.Value;
    }

    /// <summary>The scope that decides about a node, or new child of a folder, when the changeset is done. The tree holds no cycle by now.</summary>
    public Guid ScopeAfter(TouchedNode node)
    {
        while (!node.HasOwnScope)
            node = Find(node.Now.ParentId)!;
        return node.Id.Value;
    }

    /// <summary>The node and all above it, when the changeset began.</summary>
    public IEnumerable<TouchedNode> UpBefore(TouchedNode node)
    {
        for (var at = node; at is not null; at = at.Before is null ? at.MadeIn : Find(at.Before.ParentId))
            yield return at;
    }

    /// <summary>The node was live when the changeset began, or is made by it.</summary>
    public bool WasLive(TouchedNode node) => UpBefore(node).All(above => (above.Before?.State ?? NodeLife.Live) == NodeLife.Live);

    /// <summary>Number of folders above the node when the changeset began.</summary>
    public int DepthBefore(TouchedNode node) => UpBefore(node).Count() - 1;

    /// <summary>Where the node stands when the changeset is done, and how many folders are above it.</summary>
    public (Standing Standing, int Depth) Judge(TouchedNode node)
    {
        var depth = 0;
        for (var at = node; at.Id != space.Root; depth++)
        {
            if (Find(at.Now.ParentId) is not { } folder)
                return (Standing.NoFolder, depth);
            if (folder.Now.Kind != NodeKind.Folder)
                return (Standing.NotInFolder, depth);
            if (folder.Now.State != NodeLife.Live)
                return (Standing.NoFolder, depth);
            if (depth > nodes.Count)
                return (Standing.Cycle, depth);
            at = folder;
        }
        return (depth > maxDepth ? Standing.TooDeep : Standing.Good, depth);
    }

    /// <summary>The names from the root down, when the changeset is done.</summary>
    public string PathAfter(TouchedNode node, Dictionary<NodeId, string> known)
    {
        if (node.Id == space.Root)
            return "";
        if (!known.TryGetValue(node.Id, out var path))
        {
            path = $"{(Find(node.Now.ParentId) is { } folder ? PathAfter(folder, known) : "…")}/{node.Now.Name}";
            if (node.Now.Kind == NodeKind.Folder)
                known[node.Id] = path;
        }
        return path;
    }

    /// <summary>The names from the root down, when the changeset began.</summary>
    public string PathBefore(TouchedNode node) =>
        string.Concat(UpBefore(node).Where(above => above.Id != space.Root).Reverse().Select(above => $"/{(above.Before ?? above.Now).Name}"));
}

/// <summary>How the place of a node is to be judged.</summary>
enum Standing
{
    Good,
    NoFolder,
    NotInFolder,
    Cycle,
    TooDeep,
}
