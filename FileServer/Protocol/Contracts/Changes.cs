using System.Text.Json.Serialization;

namespace FileServer.Protocol.Contracts;

/// <summary>The kinds of operation that a changeset may hold.</summary>
[JsonConverter(typeof(WordConverter<OperationKind>))]
public enum OperationKind
{
    /// <summary>A new folder: nodeId (new), parentId, name.</summary>
    CreateFolder,

    /// <summary>
    /// A new file, or a new version of one: nodeId, parentId, name, baseVersion (0 or absent: must not exist yet; −1: whatever the newest is), chunks or
    /// uploadId. A file that is there keeps its place (move is an operation of its own); one in the trash comes back to the place given. Content equal to the
    /// newest version's is no conflict and makes no version.
    /// </summary>
    PutFile,

    /// <summary>A new symlink: nodeId (new), parentId, name, target.</summary>
    CreateSymlink,

    /// <summary>Rename or move: nodeId, parentId, name, optional baseRevision.</summary>
    Move,

    /// <summary>To the trash, with everything below: nodeId, optional baseRevision (refused if anything below changed later).</summary>
    Delete,

    /// <summary>Back from the trash: nodeId, optional parentId and name.</summary>
    Restore,

    /// <summary>Metadata only: nodeId, modifiedAt and/or executable; no new version.</summary>
    SetMetadata,

    /// <summary>An old version becomes the newest again: nodeId, version, optional baseVersion.</summary>
    RestoreVersion,

    /// <summary>A copy of a file's current version under a new id: nodeId (new), sourceId, parentId, name.</summary>
    Copy,
}

/// <summary>One step of a changeset. Which members matter depends on <see cref="Op"/>, see <see cref="OperationKind"/>.</summary>
public sealed record Operation
{
    public required OperationKind Op { get; init; }

    public required NodeId NodeId { get; init; }

    public NodeId? ParentId { get; init; }

    public string? Name { get; init; }

    /// <summary>The version this one replaces; the operation conflicts if the node's current version is another.</summary>
    public int? BaseVersion { get; init; }

    /// <summary>The space's revision that the author had seen; the operation conflicts if the node (for delete of a folder: or anything below it) changed later.</summary>
    public long? BaseRevision { get; init; }

    public IReadOnlyList<ChunkRef>? Chunks { get; init; }

    /// <summary>A finished upload whose bytes become this version, instead of <see cref="Chunks"/>.</summary>
    public string? UploadId { get; init; }

    public DateTimeOffset? ModifiedAt { get; init; }

    public bool? Executable { get; init; }

    public string? Target { get; init; }

    /// <summary>For restoreVersion: which one.</summary>
    public int? Version { get; init; }

    /// <summary>For copy: from where.</summary>
    public NodeId? SourceId { get; init; }

    /// <summary>This new node is a conflict copy of that one.</summary>
    public NodeId? ConflictOf { get; init; }
}

/// <summary>An atomic list of operations: it becomes the space's next revision as a whole, or nothing of it happens.</summary>
/// <param name="Id">Made by the client; the same id is committed once, however often it is sent.</param>
/// <param name="Device">Name of the sending device, for the history.</param>
/// <param name="LockTokens">Locks that the author holds: <c>urn:uuid:…</c>. A check-out needs none for its holder.</param>
public sealed record Changeset(ChangesetId Id, IReadOnlyList<Operation> Operations, string? Device = null, IReadOnlyList<string>? LockTokens = null);

/// <summary>What an operation made: the node's id, its version and whether anything changed.</summary>
public sealed record OperationResult(NodeId NodeId, int Version, Digest? ContentId);

/// <summary>Answer to a committed changeset; results stand in the order of the operations.</summary>
/// <param name="Unchanged">All was so already: no revision was made, and <paramref name="Revision"/> may be somebody else's.</param>
public sealed record ChangesetResult(ChangesetId Id, long Revision, Guid Epoch, IReadOnlyList<OperationResult> Results, bool Unchanged = false);

/// <summary>Why one operation could not be done, with the state that stands in its way.</summary>
/// <param name="Index">Position of the operation in the changeset.</param>
/// <param name="Code">Stable word: <c>name-taken</c>, <c>version-conflict</c>, <c>revision-conflict</c>, <c>not-found</c>, <c>parent-not-found</c>,
/// <c>parent-not-folder</c>, <c>cycle</c>, <c>id-taken</c>, <c>forbidden</c>, <c>missing-chunks</c>, <c>invalid-name</c>, <c>quota</c>, <c>not-trashed</c>, <c>too-deep</c>, <c>locked</c>, <c>held</c>.</param>
/// <param name="Node">The node that stands in the way, if the caller may see it.</param>
/// <param name="MissingChunks">Chunks whose bytes have to be sent (again).</param>
/// <param name="Lock">The lock that stands in the way.</param>
public sealed record Conflict(
    int Index, NodeId NodeId, string Code, string Detail, Node? Node = null, IReadOnlyList<Digest>? MissingChunks = null, NodeLock? Lock = null);

/// <summary>What a feed entry says.</summary>
[JsonConverter(typeof(WordConverter<ChangeKind>))]
public enum ChangeKind
{
    /// <summary>The node's full state.</summary>
    Node,

    /// <summary>The node and everything below it is gone from the caller's sight.</summary>
    Removed,

    /// <summary>Everything at and below the node must be listed anew.</summary>
    SubtreeReset,
}

/// <summary>One entry of the change feed.</summary>
/// <param name="Reason">For a reset: granted, revoked or restored.</param>
public sealed record Change(ChangeKind Kind, NodeId NodeId, long Revision, Node? Node = null, string? Reason = null);

/// <summary>One page of the change feed. Follow <paramref name="Cursor"/> until <paramref name="HasMore"/> is false, then apply all pages at once.</summary>
/// <param name="Cursor">Pass as <c>since</c> next time.</param>
public sealed record ChangePage(Guid Epoch, long Revision, IReadOnlyList<Change> Items, string Cursor, bool HasMore);

/// <summary>Body of <c>POST …/chunks/missing</c>.</summary>
public sealed record MissingChunksRequest(IReadOnlyList<Digest> Chunks);

/// <summary>Those of the asked chunks whose bytes the server needs from this caller.</summary>
public sealed record MissingChunks(IReadOnlyList<Digest> Missing);

/// <summary>Body of <c>POST …/contents</c>: which versions to stream, in this order.</summary>
public sealed record ContentsRequest(IReadOnlyList<ContentsItem> Items);

/// <summary>One version to stream; no version number: the current one.</summary>
public sealed record ContentsItem(NodeId NodeId, int? Version = null);

/// <summary>Data of a server-sent event: this space is now at this revision.</summary>
public sealed record RevisionEvent(SpaceId Space, long Revision, Guid Epoch);
