using FileServer.Access;
using FileServer.Protocol;

namespace Tests.Access;

/// <summary>
/// The oracle: the whole tree in memory, and the rule of docs/access.md read out loud. Knows nothing of scopes, of SQL,
/// or of how the server keeps any of it.
/// </summary>
sealed class NaiveAccess
{
    public sealed class Thing(NodeId id, Thing? parent, bool folder)
    {
        public NodeId Id { get; } = id;

        public Thing? Parent { get; set; } = parent;

        public bool Folder { get; } = folder;

        public bool Trashed { get; set; }

        public bool StopsInheritance { get; set; }

        public Dictionary<Guid, (GrantRole Role, Guid Grant)> Grants { get; } = [];
    }

    public Dictionary<NodeId, Thing> Things { get; } = [];

    public static bool IsLive(Thing thing) => !thing.Trashed && (thing.Parent is null || IsLive(thing.Parent));

    public static bool IsBelow(Thing thing, Thing top) => thing == top || (thing.Parent is not null && IsBelow(thing.Parent, top));

    /// <summary>What the principals may do there, live or not.</summary>
    public static Rights RightsOn(Thing thing, IReadOnlyCollection<Guid> principals)
    {
        var rights = Rights.None;
        for (var at = thing; at is not null; at = at.StopsInheritance ? null : at.Parent)
        {
            foreach (var grant in at.Grants.Where(grant => principals.Contains(grant.Key)))
                rights |= Roles.RightsOf(grant.Value.Role);
        }
        return rights;
    }
}
