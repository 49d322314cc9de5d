using FileServer.Identity;
using FileServer.Protocol;

namespace FileServer.Access;

/// <summary>The grants that hold now on some scopes and those above them, of some principals: what rights are computed from, for one caller or many.</summary>
sealed class HeldGrants
{
    readonly Dictionary<(SpaceId Space, Guid Scope), List<(Guid Principal, Rights Rights)>> byScope = [];

    public void Add(SpaceId space, Guid scope, Guid principal, Rights rights)
    {
        if (!byScope.TryGetValue((space, scope), out var held))
            byScope[(space, scope)] = held = [];
        held.Add((principal, rights));
    }

    /// <summary>
    /// The union of what the caller's principals hold, no more than a narrowed token may use. Whether a token that is
    /// narrowed to a folder reaches the node at all is for the caller of this method to see.
    /// </summary>
    public Rights On(Caller caller, SpaceId space, Guid scope)
    {
        var rights = Rights.None;
        if (IsBarred(caller, space) || !byScope.TryGetValue((space, scope), out var held))
            return rights;
        foreach (var (principal, granted) in held)
        {
            if (principal == Guid.Empty || caller.Principals.Contains(principal))
                rights |= granted;
        }
        return rights & (Rights)(caller.Scope?.Rights ?? (int)Rights.All);
    }

    /// <summary>Auditors read the audit log and nothing else, whatever they were granted; a narrowed token stays in its space.</summary>
    public static bool IsBarred(Caller caller, SpaceId space) => caller.Role == AccountRole.Auditor || caller.Scope is { Space: { } only } && only != space;
}
