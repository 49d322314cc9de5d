using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Api;

/// <content>Spaces, and who may do what in them.</content>
sealed partial class ApiClient
{
    public IAsyncEnumerable<Space> SpacesAsync(CancellationToken ct) => PagesAsync("spaces", WireJson.Default.PageSpace, ct);

    /// <param name="space">Name or id, here and everywhere.</param>
    public Task<Space> SpaceAsync(string space, CancellationToken ct) => JsonAsync(Get(Of(space)), WireJson.Default.Space, ct);

    public Task<Space> CreateSpaceAsync(SpaceRequest request, CancellationToken ct) =>
        JsonAsync(Post("spaces", Json(request, WireJson.Default.SpaceRequest)), WireJson.Default.Space, ct);

    public Task<Space> PatchSpaceAsync(string space, SpacePatch patch, CancellationToken ct) =>
        JsonAsync(Patch(Of(space), Json(patch, WireJson.Default.SpacePatch)), WireJson.Default.Space, ct);

    public Task DeleteSpaceAsync(string space, CancellationToken ct) => DoneAsync(Delete(Of(space)), ct);

    public Task<GrantList> GrantsAsync(string space, NodeId node, CancellationToken ct) =>
        JsonAsync(Get($"{Of(space, node)}/grants"), WireJson.Default.GrantList, ct);

    public Task<Grant> GrantAsync(string space, NodeId node, GrantRequest grant, CancellationToken ct) =>
        JsonAsync(Post($"{Of(space, node)}/grants", Json(grant, WireJson.Default.GrantRequest)), WireJson.Default.Grant, ct);

    public Task RevokeAsync(string space, NodeId node, string grantId, CancellationToken ct) =>
        DoneAsync(Delete($"{Of(space, node)}/grants/{Escape(grantId)}"), ct);

    static string Of(string space) => $"spaces/{Escape(space)}";

    static string Of(string space, NodeId node) => $"spaces/{Escape(space)}/nodes/{node}";
}
