using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync.Core;

/// <summary>What the server lets this account do with a node.</summary>
[Flags]
enum Permits
{
    None = 0,
    Create = 1,
    Write = 2,
    Delete = 4,
    All = Create | Write | Delete,
}

/// <summary>How far the scan could know a local entry.</summary>
enum EntryStatus
{
    /// <summary>Known completely.</summary>
    Known,

    /// <summary>There, but its bytes or its list could not be read: unknown is not absent.</summary>
    Unreadable,

    /// <summary>Covered by an ignore rule: neither side may touch it because of the other.</summary>
    Ignored,
}

/// <summary>One node as one of the three trees (local, remote, synced) holds it.</summary>
sealed record Entry(NodeId Id, NodeId Parent, NodeKind Kind)
{
    /// <summary>The name as people see it, in normal form C.</summary>
    public required string Name
    {
        get;
        init
        {
            field = value;
            key = null;
        }
    }

    /// <summary>Root over the chunks of a file; null for folders, symlinks and files whose bytes are unknown.</summary>
    public Digest? Content { get; init; }

    public long Size { get; init; }

    /// <summary>Modification time in microseconds since 1970; never evidence of a change.</summary>
    public long Modified { get; init; }

    public bool Executable { get; init; }

    /// <summary>A symlink's raw target.</summary>
    public string? Target { get; init; }

    /// <summary>The server's version number; 0 in the local tree.</summary>
    public int Version { get; init; }

    /// <summary>The server's revision of the node's last change; 0 in the local tree.</summary>
    public long Revision { get; init; }

    public Permits Permits { get; init; } = Permits.All;

    public EntryStatus Status { get; init; }

    /// <summary>Why <see cref="Status"/> is not <see cref="EntryStatus.Known"/>.</summary>
    public string? Reason { get; init; }

    /// <summary>A local folder holds entries that are not synced (ignored, special, unreadable), so that it cannot be removed.</summary>
    public bool HasLeftovers { get; init; }

    string? key;

    /// <summary>What must be unique among the live siblings of a folder.</summary>
    public string Key => key ??= NameRules.FoldKey(Name);

    /// <summary>Same bytes (or same link target); folders always agree.</summary>
    public bool SameContent(Entry other) => Kind == other.Kind && Content == other.Content && Target == other.Target;

    public bool SamePlace(Entry other) => Parent == other.Parent && Name == other.Name;

    /// <summary>Same executable bit and modification time, which only files carry.</summary>
    public bool SameMetadata(Entry other) => Kind != NodeKind.File || (Executable == other.Executable && Modified == other.Modified);

    /// <summary>Nothing that sync carries differs.</summary>
    public bool Agrees(Entry other) => SameContent(other) && SamePlace(other) && SameMetadata(other);

    // By hand, because the cached key is not part of the value.
    public bool Equals(Entry? other) =>
        ReferenceEquals(this, other)
        || (other is not null && Id == other.Id && Agrees(other) && Kind == other.Kind && Size == other.Size && Version == other.Version
            && Revision == other.Revision && Permits == other.Permits && Status == other.Status && HasLeftovers == other.HasLeftovers
            && Executable == other.Executable && Modified == other.Modified);

    public override int GetHashCode() => Id.GetHashCode();
}

/// <summary>One of the three trees: every node below a root, by id. The root itself is not among them.</summary>
/// <param name="RootPermits">What may be done in the root folder.</param>
/// <param name="Nodes">Every parent is the root or in the tree; no cycles; names are unique among siblings by key, except in the local tree.</param>
sealed record TreeState(NodeId Root, IReadOnlyDictionary<NodeId, Entry> Nodes, Permits RootPermits = Permits.All)
{
    public Entry? Find(NodeId id) => Nodes.GetValueOrDefault(id);

    /// <summary>How many nodes the tree has, where <see cref="Nodes"/> is only the part of it in which anything differs.</summary>
    public int? Whole { get; init; }

    public int Count => Whole ?? Nodes.Count;
}
