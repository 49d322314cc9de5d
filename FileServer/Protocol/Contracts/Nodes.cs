using System.Text.Json.Serialization;

namespace FileServer.Protocol.Contracts;

/// <summary>What a node is; it never changes during the node's life.</summary>
[JsonConverter(typeof(WordConverter<NodeKind>))]
public enum NodeKind
{
    Folder,
    File,
    Symlink,
}

/// <summary>One run of bytes of a version: the chunk's SHA-256 and its length in bytes.</summary>
public readonly record struct ChunkRef(Digest Hash, int Size);

/// <summary>A node as a caller may see it now.</summary>
/// <param name="Version">Number of the current version; 0 for folders and symlinks.</param>
/// <param name="ContentId">Root over the current version's chunk list; null for folders and symlinks.</param>
/// <param name="Sha256">SHA-256 of the whole file, once it is known.</param>
/// <param name="ModifiedAt">The time its author's file system gave it, in microseconds at best; never evidence of a change.</param>
/// <param name="ChangedRevision">The space's revision in which this node last changed.</param>
/// <param name="Target">A symlink's raw target.</param>
/// <param name="Rights">What the caller may do: list, read, create, write, delete, share, manage.</param>
/// <param name="Lock">Who keeps others from changing it at present.</param>
public sealed record Node(
    NodeId Id,
    NodeId? ParentId,
    string Name,
    NodeKind Kind,
    long Size,
    int Version,
    Digest? ContentId,
    Digest? Sha256,
    DateTimeOffset ModifiedAt,
    long ChangedRevision,
    bool Executable,
    string? Target,
    IReadOnlyList<string> Rights,
    NodeLock? Lock = null);

/// <summary>One entry of a file's history of contents.</summary>
/// <param name="Device">The device that made it, as it named itself.</param>
/// <param name="Origin">The door it came through: rest, tus, sync, webdav or portal.</param>
public sealed record FileVersion(
    int Number,
    long Size,
    Digest ContentId,
    Digest? Sha256,
    DateTimeOffset ModifiedAt,
    DateTimeOffset CreatedAt,
    string CreatedBy,
    string? Device,
    string? Origin,
    string? Comment,
    long Revision);

/// <summary>The ordered chunks of one version.</summary>
public sealed record ChunkList(Digest ContentId, long Size, IReadOnlyList<ChunkRef> Chunks);

/// <summary>One page of a list; <paramref name="Next"/> is the cursor of the following page, null on the last.</summary>
public sealed record Page<T>(IReadOnlyList<T> Items, string? Next);

/// <summary>One state that a node has had: it held from <paramref name="FromRevision"/> until before <paramref name="ToRevision"/> (null: it holds still).</summary>
public sealed record NodeState(
    long FromRevision,
    long? ToRevision,
    DateTimeOffset FromTime,
    DateTimeOffset? ToTime,
    NodeId? ParentId,
    string Name,
    int Version,
    bool Trashed,
    string? ChangedBy);

/// <summary>A space as a member sees it.</summary>
/// <param name="Epoch">New after any restore of the server: a client that knows another one never deletes anything.</param>
/// <param name="Revision">Number of the newest changeset.</param>
/// <param name="UsedBytes">Logical bytes of all versions, trash included.</param>
public sealed record Space(SpaceId Id, string Name, Guid Epoch, long Revision, long? QuotaBytes, long UsedBytes, IReadOnlyList<string> Rights);

/// <summary>Body of <c>POST /spaces</c>.</summary>
public sealed record SpaceRequest(string Name, long? QuotaBytes);

/// <summary>Body of <c>PATCH /spaces/{space}</c>, a JSON merge patch (RFC 7396) of name and quota.</summary>
public sealed record SpacePatch(string? Name, long? QuotaBytes);

/// <summary>A right over a node and everything below it, given to a user, a group or everyone.</summary>
public sealed record Grant(string Id, string Principal, string Role, DateTimeOffset? ExpiresAt, DateTimeOffset CreatedAt, string CreatedBy, NodeId NodeId, bool Inherited);

/// <summary>Body of <c>POST …/nodes/{id}/grants</c>; principal is <c>user:NAME</c>, <c>group:NAME</c> or <c>everyone</c>.</summary>
public sealed record GrantRequest(string Principal, string Role, DateTimeOffset? ExpiresAt);

/// <summary>Body of <c>PUT …/nodes/{id}/inheritance</c>.</summary>
public sealed record InheritanceRequest([property: JsonRequired] bool Inherit);

/// <summary>The grants that decide about a node, own ones first.</summary>
public sealed record GrantList(bool Inherits, IReadOnlyList<Grant> Items);

/// <summary>Body of <c>PATCH …/nodes/{id}</c>, a JSON merge patch: another name, folder, time or executable bit.</summary>
public sealed record NodePatch(string? Name = null, NodeId? ParentId = null, DateTimeOffset? ModifiedAt = null, bool? Executable = null);

/// <summary>Body of <c>POST …/nodes/{id}/copy</c> and <c>POST …/trash/{id}/restore</c>: where to; for a restore, where it was if absent.</summary>
public sealed record NodePlace(NodeId? ParentId = null, string? Name = null);
