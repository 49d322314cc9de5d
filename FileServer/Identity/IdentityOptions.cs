using System.ComponentModel.DataAnnotations;

namespace FileServer.Identity;

/// <summary>Limits and lifetimes of sign-in, section <c>Identity</c>.</summary>
sealed class IdentityOptions
{
    [Range(8, 256)]
    public int MinPasswordLength { get; init; } = 12;

    /// <summary>PBKDF2-HMAC-SHA512 rounds of new hashes; older ones are renewed at the next sign-in.</summary>
    [Range(210_000, 10_000_000)]
    public int PasswordIterations { get; init; } = 210_000;

    /// <summary>Password hashes that are computed at the same time; 0: half of the processors.</summary>
    [Range(0, 1024)]
    public int MaxConcurrentHashes { get; init; }

    /// <summary>Sign-ins that may wait for their hash; whoever comes then is told to come back.</summary>
    [Range(1, 10_000)]
    public int MaxQueuedHashes { get; init; } = 64;

    [Range(60, 3600)]
    public int AccessTokenSeconds { get; init; } = 600;

    /// <summary>How far the clocks of two nodes may be apart.</summary>
    [Range(0, 300)]
    public int ClockSkewSeconds { get; init; } = 30;

    /// <summary>A session that is not refreshed for this long ends.</summary>
    [Range(1, 365)]
    public int SessionIdleDays { get; init; } = 14;

    /// <summary>A session ends after this time, however much it is used.</summary>
    [Range(1, 3650)]
    public int SessionDays { get; init; } = 90;

    /// <summary>How long the token before the current one still gets the same answer, for two requests of one client that race.</summary>
    [Range(0, 10)]
    public int RefreshGraceSeconds { get; init; } = 10;

    /// <summary>How long a node trusts what it has read about a session. Log-out on another node takes effect after this time.</summary>
    [Range(0, 30)]
    public int SessionCacheSeconds { get; init; } = 1;

    /// <summary>Failed sign-ins of one account before waiting sets in.</summary>
    [Range(1, 100)]
    public int FreeFailures { get; init; } = 5;

    /// <summary>The longest wait after failed sign-ins of one account; the wait doubles up to it.</summary>
    [Range(1, 86_400)]
    public int MaxBackoffSeconds { get; init; } = 900;

    /// <summary>Failed sign-ins per minute from one address (IPv6: one /64 network).</summary>
    [Range(1, 100_000)]
    public int MaxFailuresPerAddressAndMinute { get; init; } = 30;

    /// <summary>Personal tokens that one account may hold.</summary>
    [Range(1, 10_000)]
    public int MaxTokensPerUser { get; init; } = 100;
}
