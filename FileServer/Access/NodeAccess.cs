using FileServer.Protocol;

namespace FileServer.Access;

/// <summary>What a caller may do on one live node, and the scope that decides about it.</summary>
/// <param name="Scope">The node whose grants decide: <c>access_id</c> of the node or, where it has none, of its folder.</param>
sealed record NodeAccess(NodeId Node, Guid Scope, Rights Rights)
{
    public bool Allows(Rights needed) => (Rights & needed) == needed;
}

/// <summary>What a caller may do in each scope of a space; scopes that give nothing are left out.</summary>
/// <param name="SeesEverything">Every scope of the space may be listed and read.</param>
sealed record SpaceSight(bool SeesEverything, IReadOnlyDictionary<Guid, Rights> Scopes)
{
    public Rights On(Guid scope) => Scopes.GetValueOrDefault(scope);

    public bool SeesNothing => Scopes.Count == 0;

    /// <summary>The scopes whose nodes the caller may list, as SQL takes them.</summary>
    public Guid[] Listable => [.. Scopes.Where(scope => scope.Value.HasFlag(Rights.List)).Select(scope => scope.Key)];
}
