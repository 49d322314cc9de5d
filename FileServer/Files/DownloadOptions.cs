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

    /// <summary>How often versions without a plain SHA-256 are looked for.</summary>
    [Range(1, 86_400)]
    public int HashEverySeconds { get; init; } = 15;

    /// <summary>How fast such versions are read.</summary>
    [Range(1, 100_000)]
    public int HashMegabytesPerSecond { get; init; } = 100;
}
