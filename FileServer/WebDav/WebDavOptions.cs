using System.ComponentModel.DataAnnotations;

namespace FileServer.WebDav;

/// <summary>Limits of the WebDAV door.</summary>
sealed class WebDavOptions
{
    /// <summary>Bytes of a request's XML.</summary>
    [Range(16 * 1024, 16 * 1024 * 1024)]
    public int MaxXmlBytes { get; set; } = 1024 * 1024;

    /// <summary>Properties that one request may name.</summary>
    [Range(16, 10_000)]
    public int MaxProperties { get; set; } = 256;

    /// <summary>Bytes of one property that a client keeps here.</summary>
    [Range(1024, 1024 * 1024)]
    public int MaxPropertyBytes { get; set; } = 64 * 1024;

    /// <summary>Properties that clients keep on one file or folder.</summary>
    [Range(1, 10_000)]
    public int MaxKeptProperties { get; set; } = 256;

    /// <summary>Entries of a listing that are read from the database at once.</summary>
    [Range(1, 10_000)]
    public int PageItems { get; set; } = 1000;

    /// <summary>Entries of listings that are remembered until something in their space changes; some 250 bytes each.</summary>
    [Range(0, 10_000_000)]
    public int RememberedEntries { get; set; } = 100_000;

    /// <summary>How long a lock holds when its client does not say for how long.</summary>
    [Range(10, 86_400)]
    public int LockSeconds { get; set; } = 1800;

    /// <summary>The longest that a lock holds without being refreshed.</summary>
    [Range(60, 604_800)]
    public int MaxLockSeconds { get; set; } = 3600;

    /// <summary>Within this time, a file that takes the name of one that was deleted or put aside becomes its next version.</summary>
    [Range(0, 3600)]
    public int SafeSaveSeconds { get; set; } = 60;

    /// <summary>Names, separated by spaces, of files that programs make for themselves: kept without versions, for a while. '*' stands for any text; empty: none.</summary>
    [MaxLength(4000)]
    public string EphemeralNames { get; set; } =
        "._* .DS_Store .metadata_never_index .hidden ~$* .~lock.*# ~WR* *.tmp .goutputstream-* .nfs* Thumbs.db desktop.ini";

    /// <summary>Bytes of one such file; a larger one is a file like any other.</summary>
    [Range(0, 16 * 1024 * 1024)]
    public int MaxEphemeralBytes { get; set; } = 1024 * 1024;

    /// <summary>Such files of one space; whatever comes beyond is a file like any other.</summary>
    [Range(0, 1_000_000)]
    public int MaxEphemerals { get; set; } = 10_000;

    /// <summary>Bytes of all such files of one space.</summary>
    [Range(0, 64L * 1024 * 1024 * 1024)]
    public long MaxEphemeralSpaceBytes { get; set; } = 1024L * 1024 * 1024;

    /// <summary>Days after which such a file is dropped when nobody has written it again.</summary>
    [Range(1, 3650)]
    public int EphemeralDays { get; set; } = 30;
}
