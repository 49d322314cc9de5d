using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileServer.Files;

/// <summary>Where a node is in its life.</summary>
enum NodeLife
{
    Live,

    /// <summary>The top of a deleted subtree; what stands below keeps its own state.</summary>
    Trashed,

    /// <summary>Gone for good; the row stays as a tombstone.</summary>
    Purged,
}

/// <summary>The door that a change came through.</summary>
enum Origin
{
    Rest,
    Tus,
    Sync,
    WebDav,
    Portal,
}

/// <summary>A row of <c>nodes</c>: the current state of a file, folder or symlink.</summary>
/// <param name="AccessId">The scope that decides about the node; null on files that take their folder's.</param>
sealed record NodeRow(
    NodeId Id,
    NodeId? ParentId,
    string Name,
    string NameKey,
    NodeKind Kind,
    NodeLife State,
    Guid? AccessId,
    int Version,
    long Size,
    Digest? ContentId,
    Digest? Sha256,
    DateTimeOffset ModifiedAt,
    bool Executable,
    string? Target,
    NodeId? ConflictOf,
    long ChangedRevision,
    DateTimeOffset ChangedAt,
    UserId ChangedBy)
{
    /// <summary>The columns in the order of this record, from <c>nodes n</c>.</summary>
    public const string Columns =
        """
        n.id, n.parent_id, n.name, n.name_key, n.kind::int as kind, n.state::int as state, n.access_id, n.version, n.size, n.content_id, n.sha256,
        n.modified_at, n.executable, n.target, n.conflict_of, n.changed_revision, n.changed_at, n.changed_by
        """;
}
