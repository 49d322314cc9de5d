using System.ComponentModel.DataAnnotations;

namespace FileServer.Files.Brakes;

/// <summary>When a caller who takes away or rewrites many files is paused, in spaces that have no limits of their own.</summary>
sealed class BrakeOptions
{
    /// <summary>Files that one caller may delete or rewrite in a space within the window; 0: no brake.</summary>
    [Range(0, 100_000_000)]
    public int BrakeFiles { get; set; } = 2000;

    /// <summary>The same as a share of all files of the space.</summary>
    [Range(1, 100)]
    public int BrakePercent { get; set; } = 30;

    /// <summary>The share says nothing below so many files.</summary>
    [Range(1, 100_000_000)]
    public int BrakeShareFrom { get; set; } = 100;

    /// <summary>The window in which is counted.</summary>
    [Range(1, 1440)]
    public int BrakeMinutes { get; set; } = 10;
}
