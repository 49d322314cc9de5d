using System.ComponentModel.DataAnnotations;

namespace FileServer.Uploads;

/// <summary>Limits of resumable uploads, section <c>Uploads</c>.</summary>
sealed class UploadsOptions
{
    /// <summary>Bytes of one upload.</summary>
    [Range(1, 1L << 53)]
    public long MaxUploadBytes { get; set; } = 5L * 1024 * 1024 * 1024 * 1024;

    /// <summary>Uploads that one user may have under way at the same time: touched within the last five minutes.</summary>
    [Range(1, 10_000)]
    public int MaxActivePerUser { get; set; } = 20;

    /// <summary>Unfinished uploads of one user, forgotten ones included.</summary>
    [Range(1, 100_000)]
    public int MaxOpenPerUser { get; set; } = 200;

    /// <summary>Bytes of all parts that one user keeps for joining.</summary>
    [Range(1, long.MaxValue)]
    public long MaxPartBytesPerUser { get; set; } = 100L * 1024 * 1024 * 1024;

    /// <summary>Parts that one upload may join.</summary>
    [Range(1, 10_000)]
    public int MaxParts { get; set; } = 1000;

    /// <summary>Characters of Upload-Metadata.</summary>
    [Range(256, 16 * 1024)]
    public int MaxMetadataChars { get; set; } = 8 * 1024;

    /// <summary>An unfinished upload that nobody touched for so long is dropped.</summary>
    [Range(1, 168)]
    public int ExpiryHours { get; set; } = 24;

    /// <summary>An unfinished upload is dropped at this age, touched or not.</summary>
    [Range(1, 720)]
    public int MaxAgeHours { get; set; } = 168;

    /// <summary>How long a finished upload can still be asked for.</summary>
    [Range(24, 720)]
    public int RememberHours { get; set; } = 24;

    /// <summary>How long the chunks of an uploaded pack wait for the changeset that names them.</summary>
    [Range(1, 168)]
    public int ClaimHours { get; set; } = 24;

    /// <summary>How long a body may pause before its connection is closed. What came is kept.</summary>
    [Range(1, 3600)]
    public int IdleSeconds { get; set; } = 30;

    /// <summary>How long a request waits for another one of the same upload to let go.</summary>
    [Range(100, 60_000)]
    public int LockWaitMilliseconds { get; set; } = 3000;

    /// <summary>After so many bytes what came is made durable, and the offset recorded.</summary>
    [Range(1024 * 1024, 256 * 1024 * 1024)]
    public int SyncBytes { get; set; } = 8 * 1024 * 1024;

    /// <summary>How long the files of an upload stay open between its requests.</summary>
    [Range(1, 3600)]
    public int KeepOpenSeconds { get; set; } = 300;

    /// <summary>Uploads whose files stay open between their requests.</summary>
    [Range(1, 10_000)]
    public int MaxKeptOpen { get; set; } = 200;
}
