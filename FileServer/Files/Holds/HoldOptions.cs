using System.ComponentModel.DataAnnotations;

namespace FileServer.Files.Holds;

/// <summary>Limits of holds.</summary>
sealed class HoldOptions
{
    /// <summary>Holds in force on one node itself; those of folders above come on top.</summary>
    [Range(1, 10_000)]
    public int MaxHoldsPerNode { get; set; } = 100;

    /// <summary>Characters of the reason of a hold or of its release.</summary>
    [Range(10, 10_000)]
    public int MaxReasonChars { get; set; } = 1000;
}
