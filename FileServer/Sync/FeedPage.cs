using FileServer.Access;
using FileServer.Database;
using FileServer.Files;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.Sync;

/// <summary>One page of the feed in the making: what each entry means to this caller.</summary>
/// <param name="known">The revision that the caller's knowledge goes back to.</param>
sealed class FeedPage(NpgsqlConnection connection, AccessCheck access, Caller caller, SpaceId space, long known)
{
    readonly List<Change> changes = [];

    // Folders whose fate reaches what stands below them, also where the caller sees that but not them.
    readonly List<(Guid Node, long Revision)> turned = [];
    readonly HashSet<Guid> mine = [.. AccessCheck.PrincipalsOf(caller)];

    Ancestry ancestry = null!;
    NodeRights rights = null!;
    ILookup<Guid, PastPlace> past = null!;
    ILookup<Guid, GrantChange> grants = null!;
    bool resetsSinceKnown;

    public IReadOnlyList<Change> Changes => changes;

    /// <summary>Reads what is needed to judge the entries: a fixed number of statements for any number of them.</summary>
    public async Task LookAsync(List<FeedEntry> entries, CancellationToken ct)
    {
        var rows = entries.Where(entry => entry.Row is not null).Select(entry => entry.Row!).ToList();
        var resets = entries.Where(entry => entry.Reset is not null).Select(entry => entry.Reset!).ToList();
        var above = rows.Select(row => row.ParentId?.Value ?? row.Id.Value).Concat(resets.Select(reset => reset.NodeId.Value));
        ancestry = await Ancestry.OfAsync(connection, space, above, ct);
        rights = new NodeRights(access, caller, space, ancestry);
        await rights.LearnAsync(
            connection,
            rows.Select(row => ancestry.ScopeOf(row.AccessId, row.ParentId?.Value))
                .Concat(resets.SelectMany(reset => new[] { ancestry.ScopeOf(reset.NodeId.Value), ScopeBefore(reset) })),
            ct);
        past = await PastPlacesAsync(rows.Where(row => row.Kind == NodeKind.Folder || !IsVisible(row)).Select(row => row.Id.Value), ct);
        grants = await GrantChangesAsync(resets.Select(reset => reset.NodeId.Value), ct);
        var places = past.SelectMany(place => place).ToList();
        await ancestry.AddAsync(connection, places.Select(place => place.ParentId).OfType<Guid>(), ct);
        await rights.LearnAsync(connection, places.Select(place => ancestry.ScopeOf(place.AccessId, place.ParentId)), ct);
        resetsSinceKnown = places.Count > 0 && await connection.QuerySingleAsync<bool>(
            "select exists (select from subtree_resets where space_id = @space and revision > @known)", new { space, known }, ct);
    }

    public void Add(FeedEntry entry)
    {
        if (entry.Row is { } row)
            Add(row);
        else
            Add(entry.Reset!);
    }

    void Add(NodeRow row)
    {
        if (IsVisible(row))
        {
            changes.Add(new Change(ChangeKind.Node, row.Id, row.ChangedRevision, row.ToNode(RightsOn(row))));
            // A folder that was out of sight for a while and was moved as well is below none of the resets that brought it back.
            if (row.Kind == NodeKind.Folder && resetsSinceKnown && past[row.Id.Value].Any(place => place.ParentId != row.ParentId?.Value))
                AddReset(row.Id, row.ChangedRevision, ResetReason.Moved);
        }
        else if (row.ChangedRevision > known)
        {
            if (row.Kind == NodeKind.Folder)
                turned.Add((row.Id.Value, row.ChangedRevision));
            if (WasVisible(row))
                AddRemoved(row.Id, row.ChangedRevision);
        }
    }

    void Add(ResetRow reset)
    {
        var node = reset.NodeId.Value;
        // In the trash: the top's own row says so, and its restoration will be a reset again.
        if (!ancestry.IsLive(node) || !Concerns(reset))
            return;
        // A moved file's own row says all there is to say.
        if (reset.Reason == ResetReason.Moved && !ancestry.IsFolder(node))
            return;
        if (Lists(ancestry.ScopeOf(node)) && rights.IsWithinToken(node, node))
            AddReset(reset.NodeId, reset.Revision, reset.Reason);
        else
        {
            turned.Add((node, reset.Revision));
            if (Lists(ScopeBefore(reset)) || grants[node].Any(grant => mine.Contains(grant.PrincipalId) && grant.ToRevision > known))
                AddRemoved(reset.NodeId, reset.Revision);
        }
    }

    /// <summary>Where a node that was a scope already stops inheriting, it is the scope above that has let others in before.</summary>
    Guid? ScopeBefore(ResetRow reset) => reset.Reason == ResetReason.Revoked && reset.OldAccessId == reset.NodeId.Value
        ? ancestry.ScopeAbove(reset.NodeId.Value)
        : reset.OldAccessId;

    /// <summary>Everything that the caller may list must be listed anew, whatever changed that.</summary>
    public async Task AddRootResetAsync(long revision, CancellationToken ct)
    {
        await ancestry.AddAsync(connection, [space.Value], ct);
        await rights.LearnAsync(connection, [space.Value], ct);
        if (Lists(space.Value) && rights.IsWithinToken(space.Value, null))
            AddReset(space.Root, revision, ResetReason.Granted);
        else
        {
            AddRemoved(space.Root, revision);
            turned.Add((space.Value, revision));
        }
    }

    /// <summary>What has grants of its own below such folders is told by itself: that it is gone with them, or still there, or there again.</summary>
    public async Task AddScopesBelowAsync(CancellationToken ct)
    {
        if (turned.Count == 0)
            return;
        var sight = await access.SightAsync(connection, caller, space, ct);
        await ancestry.AddAsync(connection, sight.Listable, ct);
        foreach (var scope in sight.Listable)
        {
            var above = turned.Where(folder => ancestry.IsWithin(scope, folder.Node)).ToList();
            if (above.Count == 0)
                continue;
            if (ancestry.IsLive(scope))
                AddReset(new NodeId(scope), above.Max(folder => folder.Revision), ResetReason.Granted);
            else
                AddRemoved(new NodeId(scope), above.Max(folder => folder.Revision));
        }
    }

    bool IsLive(NodeRow row) => row.State == NodeLife.Live && (row.ParentId is null || ancestry.IsLive(row.ParentId.Value.Value));

    bool IsVisible(NodeRow row) => IsLive(row) && IsListable(row);

    bool IsListable(NodeRow row) => RightsOn(row).HasFlag(Rights.List);

    Rights RightsOn(NodeRow row) => rights.On(row.Id.Value, row.AccessId, row.ParentId?.Value);

    /// <summary>The caller could list the node at some time since the revision that they know; or could now, were it not in the trash.</summary>
    bool WasVisible(NodeRow row) =>
        IsListable(row) || past[row.Id.Value].Any(place => rights.On(row.Id.Value, place.AccessId, place.ParentId).HasFlag(Rights.List));

    bool Lists(Guid? scope) => rights.OnScope(scope).HasFlag(Rights.List);

    /// <summary>A grant to somebody else is neither news to the caller nor the caller's business.</summary>
    bool Concerns(ResetRow reset)
    {
        if (reset.Reason is ResetReason.Restored or ResetReason.Moved)
            return true;
        var changed = grants[reset.NodeId.Value].Where(grant => grant.FromRevision == reset.Revision || grant.ToRevision == reset.Revision).ToList();
        // Who stops inheritance is made the manager: to everybody else that takes something away.
        var stopsInheritance = reset.Reason == ResetReason.Revoked && changed.Exists(grant => grant.FromRevision == reset.Revision && grant.Role == GrantRole.Manager);
        return changed.Count == 0 || stopsInheritance || changed.Exists(grant => mine.Contains(grant.PrincipalId));
    }

    void AddRemoved(NodeId node, long revision) => changes.Add(new Change(ChangeKind.Removed, node, revision));

    void AddReset(NodeId node, long revision, ResetReason reason) =>
        changes.Add(new Change(ChangeKind.SubtreeReset, node, revision, Reason: reason switch
        {
            ResetReason.Granted or ResetReason.Moved => "granted",
            ResetReason.Revoked => "revoked",
            ResetReason.Restored => "restored",
        }));

    /// <summary>Where these nodes were, live, since the known revision.</summary>
    async Task<ILookup<Guid, PastPlace>> PastPlacesAsync(IEnumerable<Guid> nodes, CancellationToken ct)
    {
        var ids = nodes.ToArray();
        var places = ids.Length == 0 ? [] : await connection.QueryAsync<PastPlace>(
            """
            select h.node_id, h.parent_id, h.access_id
            from node_history h
            where h.space_id = @space and h.node_id = any(@ids) and h.to_revision > @known and h.state = 0
            """,
            new { space, ids, known },
            ct);
        return places.ToLookup(place => place.NodeId);
    }

    /// <summary>Grants on these nodes that began or ended since the known revision.</summary>
    async Task<ILookup<Guid, GrantChange>> GrantChangesAsync(IEnumerable<Guid> nodes, CancellationToken ct)
    {
        var ids = nodes.Distinct().ToArray();
        var changed = ids.Length == 0 ? [] : await connection.QueryAsync<GrantChange>(
            """
            select g.node_id, g.principal_id, g.role::int as role, g.from_revision, g.to_revision
            from grants g
            where g.space_id = @space and g.node_id = any(@ids) and (g.from_revision > @known or g.to_revision > @known)
            """,
            new { space, ids, known },
            ct);
        return changed.ToLookup(grant => grant.NodeId);
    }

    sealed record PastPlace(Guid NodeId, Guid? ParentId, Guid? AccessId);

    sealed record GrantChange(Guid NodeId, Guid PrincipalId, GrantRole Role, long FromRevision, long? ToRevision);
}
