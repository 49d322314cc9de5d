using FileServer.Access;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileServer.Files;

/// <summary>A row of <c>versions</c>, as far as a new version can be made from it.</summary>
sealed record VersionRow(NodeId NodeId, int Number, long Size, Digest ContentId, Digest? Sha256, byte[] ChunkList, DateTimeOffset ModifiedAt, bool Executable)
{
    public const string Columns = "v.node_id, v.number, v.size, v.content_id, v.sha256, v.chunk_list, v.modified_at, v.executable";
}

/// <summary>A version that the changeset makes.</summary>
sealed record NewVersion(int Index, VersionRow Row, Content? Content, string? Comment);

/// <summary>What a changeset has loaded, decided and found in its way so far.</summary>
/// <param name="now">The time of the whole changeset, in the database's microseconds.</param>
sealed class ChangesetWork(Caller caller, SpaceRow space, ChangesetRequest request, TouchedTree tree, DateTimeOffset now)
{
    readonly Dictionary<int, Conflict> conflicts = [];

    public Caller Caller => caller;

    /// <summary>The space as the changeset finds it: behind those that are committed with it and before it.</summary>
    public SpaceRow Space { get; set; } = space;

    public ChangesetRequest Request => request;

    public TouchedTree Tree => tree;

    public DateTimeOffset Now => now;

    public required IReadOnlyDictionary<Guid, Rights> RightsByScope { get; init; }

    /// <summary>Versions that operations build on, by node and number.</summary>
    public required IReadOnlyDictionary<(NodeId Node, int Number), VersionRow> Versions { get; init; }

    /// <summary>Contents of finished uploads, by upload.</summary>
    public required IReadOnlyDictionary<Guid, Content> Uploads { get; init; }

    public required ChunkProof Chunks { get; init; }

    public List<NewVersion> NewVersions { get; } = [];

    /// <summary>Files that the changeset takes away or rewrites, as far as the brake counts them.</summary>
    public int Destroyed { get; set; }

    /// <summary>Reservations of quota that the changeset uses up: its own, and those of the uploads that it names.</summary>
    public IReadOnlyList<Guid> Reservations { get; } =
        [request.Changeset.Id.Value, caller.UserId.Value, .. request.Operations.Select(op => op.Upload).OfType<Guid>()];

    public IReadOnlyList<Conflict> Conflicts => [.. conflicts.Values.OrderBy(conflict => conflict.Index)];

    public bool HasConflicts => conflicts.Count > 0;

    public bool Failed(PreparedOperation op) => conflicts.ContainsKey(op.Index);

    /// <summary>What the caller may do on a node, by the state before the changeset: some order of its operations was legal then, so they all are.</summary>
    public Rights RightsOn(TouchedNode node)
    {
        if (Caller.Scope?.Node is { } only && !Tree.UpBefore(node).Any(above => above.Id == only))
            return Rights.None;
        return RightsByScope.GetValueOrDefault(Tree.ScopeBefore(node));
    }

    /// <summary>A time as the database keeps it; the changeset's own where none is given.</summary>
    public DateTimeOffset Micros(DateTimeOffset? time) =>
        time is { } given ? new DateTimeOffset(given.UtcTicks - (given.UtcTicks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero) : Now;

    /// <summary>Notes why an operation cannot be done; the first reason stays. What the caller may not list is not shown.</summary>
    public void Refuse(int index, string code, string detail, TouchedNode? standing = null, IReadOnlyList<Digest>? missing = null, NodeLock? nodeLock = null)
    {
        Node? shown = null;
        if (standing?.Before is { } row && RightsOn(standing) is var rights && rights.HasFlag(Rights.List))
            shown = row.ToNode(rights);
        conflicts.TryAdd(index, new Conflict(index, Request.Operations[index].NodeId, code, detail, shown, missing, nodeLock));
    }
}

/// <summary>The stable words for why an operation cannot be done.</summary>
static class ConflictCode
{
    public const string NameTaken = "name-taken";
    public const string VersionConflict = "version-conflict";
    public const string RevisionConflict = "revision-conflict";
    public const string NotFound = "not-found";
    public const string ParentNotFound = "parent-not-found";
    public const string ParentNotFolder = "parent-not-folder";
    public const string Cycle = "cycle";
    public const string IdTaken = "id-taken";
    public const string Forbidden = "forbidden";
    public const string MissingChunks = "missing-chunks";
    public const string InvalidName = "invalid-name";
    public const string Quota = "quota";
    public const string NotTrashed = "not-trashed";
    public const string TooDeep = "too-deep";
    public const string Locked = "locked";
    public const string Held = "held";
}

/// <summary>A changeset that is judged good, and the revision that it becomes.</summary>
sealed record SettledWork(ChangesetWork Work, long Revision);
