using FileClient.Api;
using FileClient.Terminal;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Transfer;

/// <summary>Finds and makes folders on the server.</summary>
static class RemoteFolders
{
    public static string ParentOf(string path) => path.LastIndexOf('/') is var slash and >= 0 ? path[..slash] : "";

    public static string NameOf(string path) => path[(path.LastIndexOf('/') + 1)..];

    /// <summary>The folder at a path, made with all that is missing above it.</summary>
    public static async Task<Node> EnsureAsync(ApiClient api, Space space, RemotePath path, CancellationToken ct)
    {
        if (await RemoteTree.FindAsync(api, path, ct) is { } found)
            return found.Kind == NodeKind.Folder ? found : throw new Failure(ExitCode.Failure, $"{path} is a file.");
        var operations = await PlanAsync(api, space, path, ct);
        await api.CommitAsync(space.Id.ToString(), new Changeset(ChangesetId.New(), operations, Environment.MachineName), ct);
        return await api.NodeAsync(space.Id.ToString(), operations[^1].NodeId, null, ct);
    }

    /// <summary>The operations that make a folder and those above it which are missing.</summary>
    public static async Task<IReadOnlyList<Operation>> PlanAsync(ApiClient api, Space space, RemotePath path, CancellationToken ct)
    {
        var known = path;
        Node? node = null;
        while (!known.IsRoot && (node = await RemoteTree.FindAsync(api, known, ct)) is null)
            known = known.Parent;
        if (node is { Kind: not NodeKind.Folder })
            throw new Failure(ExitCode.Failure, $"{known} is a file.");
        var parent = node?.Id ?? space.Id.Root;
        var operations = new List<Operation>();
        foreach (var name in path.Names.Skip(known.Names.Count))
        {
            var made = NodeId.New();
            operations.Add(new Operation { Op = OperationKind.CreateFolder, NodeId = made, ParentId = parent, Name = name });
            parent = made;
        }
        return operations;
    }
}
