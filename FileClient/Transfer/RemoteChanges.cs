using FileClient.Api;
using FileClient.Terminal;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Transfer;

/// <summary>Something that is to be changed on the server: how it is told, and the operations that do it.</summary>
sealed record PlannedChange(string Space, string From, string? To, IReadOnlyList<Operation> Operations);

/// <summary>Turns <c>mkdir</c>, <c>mv</c>, <c>cp</c> and <c>rm</c> into operations. Only reads; committing is the caller's.</summary>
sealed class RemoteChanges(ApiClient api)
{
    /// <param name="parents">Missing folders above are made too, and a folder that is there is no failure.</param>
    public async Task<PlannedChange> MakeFolderAsync(RemotePath path, bool parents, CancellationToken ct)
    {
        var space = await api.SpaceAsync(path.Space, ct);
        var there = await RemoteTree.FindAsync(api, path, ct);
        if (parents && there?.Kind == NodeKind.Folder)
            return new PlannedChange(space.Id.ToString(), path.ToString(), null, []);
        if (there is not null)
            throw new Failure(ExitCode.Failure, $"{path} is there already.");
        var operations = await RemoteFolders.PlanAsync(api, space, path, ct);
        if (operations.Count > 1 && !parents)
            throw new Failure(ExitCode.NotFound, $"There is no folder {path.Parent}.") { Hint = "With -p it is made too." };
        return new PlannedChange(space.Id.ToString(), path.ToString(), null, operations);
    }

    public async Task<IReadOnlyList<PlannedChange>> MoveAsync(IReadOnlyList<RemotePath> sources, RemotePath target, CancellationToken ct)
    {
        var (folder, name) = await PlaceAsync(sources, target, ct);
        var changes = new List<PlannedChange>();
        foreach (var source in sources)
        {
            var node = await SourceAsync(source, target, ct);
            var newName = name ?? node.Name;
            changes.Add(new PlannedChange(source.Space, source.ToString(), $"{source.Space}:{folder.Path.TrimEnd('/')}/{newName}",
                [new Operation { Op = OperationKind.Move, NodeId = node.Id, ParentId = folder.Id, Name = newName }]));
        }
        return changes;
    }

    public async Task<IReadOnlyList<PlannedChange>> CopyAsync(IReadOnlyList<RemotePath> sources, RemotePath target, CancellationToken ct)
    {
        var (folder, name) = await PlaceAsync(sources, target, ct);
        var changes = new List<PlannedChange>();
        foreach (var source in sources)
        {
            var node = await SourceAsync(source, target, ct);
            var newName = name ?? node.Name;
            changes.Add(new PlannedChange(source.Space, source.ToString(), $"{source.Space}:{folder.Path.TrimEnd('/')}/{newName}",
                await CopyOperationsAsync(source.Space, node, folder.Id, newName, ct)));
        }
        return changes;
    }

    public async Task<PlannedChange> DeleteAsync(RemotePath path, CancellationToken ct)
    {
        if (path.IsRoot)
            throw Failure.Usage($"{path} is the whole space: use fileshare spaces delete.");
        var node = await api.NodeAtAsync(path, null, ct);
        return new PlannedChange(path.Space, path.ToString(), null, [new Operation { Op = OperationKind.Delete, NodeId = node.Id }]);
    }

    /// <summary>The folder that takes the sources, and the new name if there is one.</summary>
    async Task<((NodeId Id, string Path) Folder, string? Name)> PlaceAsync(IReadOnlyList<RemotePath> sources, RemotePath target, CancellationToken ct)
    {
        if (sources.FirstOrDefault(source => source.Space != target.Space) is { } foreign)
            throw Failure.Usage($"{foreign} and {target} are in different spaces: get it, then put it.");
        var there = await RemoteTree.FindAsync(api, target, ct);
        if (there?.Kind == NodeKind.Folder)
            return ((there.Id, target.Path), null);
        if (target.MeansFolder || sources.Count > 1)
            throw Failure.NotFound($"There is no folder {target}.");
        if (there is not null)
            throw new Failure(ExitCode.Failure, $"{target} is there already.") { Hint = "Remove it first (it goes to the trash), or choose another name." };
        var parent = await api.NodeAtAsync(target.Parent, null, ct);
        return ((parent.Id, target.Parent.Path), target.Name);
    }

    async Task<Node> SourceAsync(RemotePath source, RemotePath target, CancellationToken ct)
    {
        if (source.IsRoot)
            throw Failure.Usage($"{source} is a whole space.");
        var node = await api.NodeAtAsync(source, null, ct);
        if (node.Kind == NodeKind.Folder && target.Names.Count > source.Names.Count && target.Names.Take(source.Names.Count).SequenceEqual(source.Names))
            throw Failure.Usage($"{source} cannot go into itself.");
        return node;
    }

    async Task<IReadOnlyList<Operation>> CopyOperationsAsync(string space, Node node, NodeId parent, string name, CancellationToken ct)
    {
        var copies = new Dictionary<NodeId, NodeId> { [node.Id] = NodeId.New() };
        var operations = new List<Operation> { Copy(node, copies[node.Id], parent, name) };
        if (node.Kind != NodeKind.Folder)
            return operations;
        foreach (var (_, below) in await RemoteTree.BelowAsync(api, space, node, ct))
        {
            copies[below.Id] = NodeId.New();
            operations.Add(Copy(below, copies[below.Id], copies[below.ParentId!.Value], below.Name));
        }
        return operations;
    }

    static Operation Copy(Node node, NodeId id, NodeId parent, string name) => node.Kind switch
    {
        NodeKind.Folder => new Operation { Op = OperationKind.CreateFolder, NodeId = id, ParentId = parent, Name = name },
        NodeKind.Symlink => new Operation { Op = OperationKind.CreateSymlink, NodeId = id, ParentId = parent, Name = name, Target = node.Target },
        NodeKind.File => new Operation { Op = OperationKind.Copy, NodeId = id, ParentId = parent, Name = name, SourceId = node.Id },
    };
}
