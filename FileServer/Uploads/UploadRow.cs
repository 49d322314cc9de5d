using FileServer.Protocol;

namespace FileServer.Uploads;

/// <summary>What the bytes of an upload are to become.</summary>
enum UploadKind : short
{
    /// <summary>A version of a file.</summary>
    File = 0,

    /// <summary>Chunks that a sync client will name in changesets.</summary>
    Pack = 1,

    /// <summary>A part of a file that a later request joins with others.</summary>
    Part = 2,
}

/// <summary>Where an upload is in its life.</summary>
enum UploadState : short
{
    Receiving = 0,

    /// <summary>All bytes are safe; a file waits for its commit, a part for being joined.</summary>
    Complete = 1,

    Committed = 2,

    /// <summary>Given up, by its client or because its time was over.</summary>
    Ended = 3,
}

/// <summary>A row of <c>uploads</c>.</summary>
/// <param name="ParentId">The folder that the upload was made for; folders that its relative path names stand below.</param>
/// <param name="DurableOffset">Bytes that would survive a crash now; the only offset that a client is told.</param>
sealed record UploadRow(
    Guid Id,
    UserId UserId,
    UploadKind Kind,
    UploadState State,
    SpaceId? SpaceId,
    NodeId? ParentId,
    long? Length,
    long DurableOffset,
    string? Metadata,
    string? Concat,
    PackId PackId,
    DateTimeOffset CreatedAt,
    DateTimeOffset ExpiresAt)
{
    public bool IsFinal => Concat?.StartsWith("final", StringComparison.Ordinal) is true;

    public bool IsWhole => Length == DurableOffset;
}
