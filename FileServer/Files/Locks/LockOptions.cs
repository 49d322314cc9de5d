using System.ComponentModel.DataAnnotations;

namespace FileServer.Files.Locks;

/// <summary>Limits of locks.</summary>
sealed class LockOptions
{
    /// <summary>How long a lock holds when nobody says for how long.</summary>
    [Range(1, 525_600)]
    public int LockMinutes { get; set; } = 8 * 60;

    /// <summary>The longest that a lock can hold without being extended.</summary>
    [Range(1, 525_600)]
    public int MaxLockMinutes { get; set; } = 30 * 24 * 60;

    /// <summary>Locks of one account in one space at the same time.</summary>
    [Range(1, 1_000_000)]
    public int MaxLocksPerUser { get; set; } = 10_000;
}
