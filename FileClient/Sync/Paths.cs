using FileClient.Sync.Core;
using FileServer.Protocol;

namespace FileClient.Sync;

/// <summary>Paths of nodes for people to read.</summary>
static class Paths
{
    /// <summary>The node's path in the first of the trees that has it.</summary>
    public static string Of(NodeId id, string name, params IReadOnlyDictionary<NodeId, Entry>[] trees)
    {
        foreach (var tree in trees)
            if (tree.ContainsKey(id))
                return Of(id, tree);
        return name;
    }

    static string Of(NodeId id, IReadOnlyDictionary<NodeId, Entry> tree)
    {
        var path = "";
        // Deeper than any tree may be: a circle would be a bug elsewhere.
        for (var depth = 0; depth < 10_000 && tree.TryGetValue(id, out var entry); depth++, id = entry.Parent)
            path = path.Length == 0 ? entry.Name : $"{entry.Name}/{path}";
        return path;
    }
}

/// <summary>Which names of the server this system can hold. The server's word is not trusted: a name that could lead elsewhere is none.</summary>
static class LocalNames
{
    public static string? Problem(string name)
    {
        if (!NameRules.TryNormalize(name, out var normal, out var reason))
            return reason;
        if (normal != name)
            return "The name is not in normal form.";
        return IgnoreRules.IsOurs(name) ? "The name belongs to the sync folder itself." : null;
    }
}
