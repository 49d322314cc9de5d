using System.ComponentModel.DataAnnotations;

namespace FileServer.Rest;

/// <summary>Limits of what all REST endpoints share, section <c>Rest</c>.</summary>
sealed class RestOptions
{
    /// <summary>How long a request with an Idempotency-Key is remembered.</summary>
    [Range(1, 168)]
    public int IdempotencyHours { get; set; } = 24;

    /// <summary>Idempotency-Keys that one account may have remembered at the same time.</summary>
    [Range(10, 1_000_000)]
    public int MaxIdempotencyKeys { get; set; } = 10_000;
}
