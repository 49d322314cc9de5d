using System.Security.Cryptography;

namespace FileClient.Api;

/// <summary>How often and after which pauses a request is sent again: exponential with full jitter, never earlier than the server asks.</summary>
/// <param name="Attempts">How often it is sent in all.</param>
/// <param name="BaseMs">Upper end of the first pause.</param>
/// <param name="CapMs">Upper end of any pause.</param>
sealed record Retry(int Attempts = 6, int BaseMs = 250, int CapMs = 20_000)
{
    /// <summary>The longest time that the server may ask to wait; beyond it the failure is reported instead.</summary>
    public static readonly TimeSpan LongestRetryAfter = TimeSpan.FromMinutes(2);

    /// <summary>The pause after a failed attempt (the first is 1), or null when it was the last one.</summary>
    public TimeSpan? PauseAfter(int attempt, TimeSpan? retryAfter)
    {
        if (attempt >= Attempts || retryAfter > LongestRetryAfter)
            return null;
        var ceiling = (int)Math.Min(CapMs, BaseMs * Math.Pow(2, attempt - 1));
        var jitter = TimeSpan.FromMilliseconds(RandomNumberGenerator.GetInt32(ceiling + 1));
        return retryAfter is { } asked && asked > TimeSpan.Zero ? asked + jitter : jitter;
    }
}
