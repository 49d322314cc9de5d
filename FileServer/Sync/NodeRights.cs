using FileServer.Access;
using FileServer.Identity;
using FileServer.Protocol;
using Npgsql;

namespace FileServer.Sync;

/// <summary>What a caller may do on many nodes, by their scopes; a token that is narrowed to a folder counts by place.</summary>
sealed class NodeRights(AccessCheck access, Caller caller, SpaceId space, Ancestry ancestry)
{
    readonly Dictionary<Guid, Rights> byScope = [];

    // Scopes may begin above the folder of a narrowed token, so they are asked about without it.
    readonly Caller whole = caller.Scope is { Node: not null } scope ? caller with { Scope = scope with { Node = null } } : caller;

    public async Task LearnAsync(NpgsqlConnection connection, IEnumerable<Guid?> scopes, CancellationToken ct)
    {
        var unseen = scopes.OfType<Guid>().Where(scope => !byScope.ContainsKey(scope)).ToHashSet();
        if (unseen.Count == 0)
            return;
        var found = await access.OnScopesAsync(connection, whole, space, unseen, ct);
        foreach (var scope in unseen)
            byScope[scope] = found.GetValueOrDefault(scope);
    }

    /// <summary>Of a node at this place, live or not.</summary>
    public Rights On(Guid node, Guid? ownScope, Guid? parent) =>
        ancestry.ScopeOf(ownScope, parent) is { } scope && IsWithinToken(node, parent) ? OnScope(scope) : Rights.None;

    /// <summary>Of a scope, wherever a token is narrowed to.</summary>
    public Rights OnScope(Guid? scope) => scope is { } id ? byScope.GetValueOrDefault(id) : Rights.None;

    public bool IsWithinToken(Guid node, Guid? parent) =>
        caller.Scope?.Node is not { } top || node == top.Value || ancestry.IsWithin(parent, top.Value);
}
