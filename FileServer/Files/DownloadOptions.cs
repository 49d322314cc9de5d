using System.ComponentModel.DataAnnotations;

namespace FileServer.Files;

/// <summary>Limits of reading, section <c>Files</c>.</summary>
sealed class DownloadOptions
{
    /// <summary>How long a reader may take nothing before the connection is closed.</summary>
    [Range(5, 86_400)]
    public int StallSeconds { get; init; } = 120;

    /// <summary>Most items on one page of a list.</summary>
    [Range(1, 10_000)]
    public int MaxPageItems { get; init; } = 5000;
}
