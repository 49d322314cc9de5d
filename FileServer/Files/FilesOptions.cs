using System.ComponentModel.DataAnnotations;

namespace FileServer.Files;

/// <summary>Limits of files and changesets.</summary>
sealed class FilesOptions
{
    /// <summary>Operations in one changeset.</summary>
    [Range(1, 100_000)]
    public int MaxOperations { get; set; } = 10_000;

    /// <summary>Bytes of a changeset's JSON.</summary>
    [Range(64 * 1024, 256 * 1024 * 1024)]
    public int MaxChangesetBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>Folders above a node, the root included.</summary>
    [Range(8, 256)]
    public int MaxDepth { get; set; } = 64;

    /// <summary>Bytes of one file.</summary>
    [Range(1, long.MaxValue)]
    public long MaxFileBytes { get; set; } = 5L * 1024 * 1024 * 1024 * 1024;

    /// <summary>How long a changeset waits for others of the same space before it asks to be sent again.</summary>
    [Range(1, 25)]
    public int CommitWaitSeconds { get; set; } = 20;

    /// <summary>How long a body may pause before its request ends.</summary>
    [Range(1, 3600)]
    public int BodyIdleSeconds { get; set; } = 30;
}
