using System.ComponentModel.DataAnnotations;

namespace FileServer.Storage;

/// <summary>Settings of the pack store (section <c>Storage</c>).</summary>
sealed class StorageOptions
{
    /// <summary>The folder that holds <c>packs</c> and <c>staging</c>; both must be on one file system.</summary>
    [Required]
    public string Folder { get; set; } = "";

    /// <summary>Uploads below this size share an open pack instead of becoming one of their own.</summary>
    [Range(0, 2 * 1024 * 1024)]
    public int SmallUploadBytes { get; set; } = 1024 * 1024;

    /// <summary>An open pack is sealed once it has this many bytes.</summary>
    [Range(1024 * 1024, 1024L * 1024 * 1024)]
    public long OpenPackBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>An open pack to which nothing was appended for so long is sealed.</summary>
    [Range(1, 86_400)]
    public int OpenPackIdleSeconds { get; set; } = 60;

    /// <summary>One group commit takes no more bytes than this.</summary>
    [Range(4 * 1024 * 1024, 64 * 1024 * 1024)]
    public int GroupCommitBytes { get; set; } = 8 * 1024 * 1024;

    /// <summary>Uploads are refused while the disk has less free space than this, so that the database can still write.</summary>
    [Range(0, long.MaxValue)]
    public long ReserveBytes { get; set; } = 256L * 1024 * 1024;

    /// <summary>Re-hash every chunk on its way out. Costs about a core per 1.5 GB/s.</summary>
    public bool VerifyReads { get; set; }

    /// <summary>Packs that are kept open for reading.</summary>
    [Range(16, 65_536)]
    public int OpenFiles { get; set; } = 512;

    /// <summary>Staged bytes that no upload names are swept at the start when they are older than this.</summary>
    [Range(25, 8_760)]
    public int StagingHours { get; set; } = 48;

    /// <summary>Name of this server process in the rows of its open packs.</summary>
    [Required]
    public string NodeName { get; set; } = Environment.MachineName;
}
