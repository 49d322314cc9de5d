using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Api;

/// <content>Nodes, by id and by path, now and in the past.</content>
sealed partial class ApiClient
{
    /// <param name="asOf">A time or a revision; null: now.</param>
    public Task<Node> NodeAsync(string space, NodeId node, string? asOf, CancellationToken ct) =>
        JsonAsync(Get(Of(space, node) + AsOf(asOf, '?')), WireJson.Default.Node, ct);

    /// <summary>The node at a path; the root folder at the empty one.</summary>
    public async Task<Node> NodeAtAsync(RemotePath path, string? asOf, CancellationToken ct) =>
        await JsonAsync(Get($"{Of(path)}?stat{AsOf(asOf, '&')}"), WireJson.Default.Node, ct);

    public IAsyncEnumerable<Node> ChildrenAsync(string space, NodeId folder, string? asOf, CancellationToken ct) =>
        PagesAsync($"{Of(space, folder)}/children?limit=1000{AsOf(asOf, '&')}", WireJson.Default.PageNode, ct);

    public IAsyncEnumerable<Node> ChildrenAtAsync(RemotePath folder, string? asOf, CancellationToken ct) =>
        PagesAsync($"{Of(folder)}{(folder.IsRoot ? "" : "/")}?limit=1000{AsOf(asOf, '&')}", WireJson.Default.PageNode, ct);

    /// <summary>A node (first) and everything below it, in no order that means anything.</summary>
    public IAsyncEnumerable<Node> TreeAsync(string space, NodeId node, CancellationToken ct) =>
        PagesAsync($"{Of(space, node)}/tree?limit=5000", WireJson.Default.PageNode, ct);

    public IAsyncEnumerable<FileVersion> VersionsAsync(string space, NodeId file, CancellationToken ct) =>
        PagesAsync($"{Of(space, file)}/versions?limit=1000", WireJson.Default.PageFileVersion, ct);

    public Task<FileVersion> VersionAsync(string space, NodeId file, int number, CancellationToken ct) =>
        JsonAsync(Get($"{Of(space, file)}/versions/{number}"), WireJson.Default.FileVersion, ct);

    public IAsyncEnumerable<NodeState> HistoryAsync(string space, NodeId node, CancellationToken ct) =>
        PagesAsync($"{Of(space, node)}/history?limit=1000", WireJson.Default.PageNodeState, ct);

    /// <summary>Makes an old version the newest again.</summary>
    public Task<ChangesetResult> RestoreVersionAsync(string space, NodeId file, int version, CancellationToken ct) =>
        CommitAsync(space, new Changeset(ChangesetId.New(), [new Operation { Op = OperationKind.RestoreVersion, NodeId = file, Version = version }]), ct);

    public IAsyncEnumerable<Node> TrashAsync(string space, CancellationToken ct) => PagesAsync($"{Of(space)}/trash?limit=1000", WireJson.Default.PageNode, ct);

    static string Of(RemotePath path) => $"{Of(path.Space)}/files/{path.Encoded}";

    static string AsOf(string? asOf, char separator) => asOf is null ? "" : $"{separator}asOf={Escape(asOf)}";
}
