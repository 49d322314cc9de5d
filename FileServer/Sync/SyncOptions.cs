using System.ComponentModel.DataAnnotations;

namespace FileServer.Sync;

/// <summary>Limits of what sync clients ask for, section <c>Sync</c>.</summary>
sealed class SyncOptions
{
    /// <summary>Most entries on one page of the change feed.</summary>
    [Range(1, 100_000)]
    public int MaxFeedItems { get; init; } = 10_000;

    /// <summary>Most chunks that one question for missing ones may name.</summary>
    [Range(1, 12_000)]
    public int MaxAskedChunks { get; init; } = 8192;

    /// <summary>Most versions that one stream of contents may hold.</summary>
    [Range(1, 12_000)]
    public int MaxContents { get; init; } = 4096;

    /// <summary>How long a reader of contents may take nothing before the connection is closed.</summary>
    [Range(5, 86_400)]
    public int StallSeconds { get; init; } = 120;

    /// <summary>How often a silent event stream says that it is alive.</summary>
    [Range(1, 300)]
    public int HeartbeatSeconds { get; init; } = 20;

    /// <summary>How often an event stream looks whether its listener is still signed in and still sees the space.</summary>
    [Range(1, 300)]
    public int RecheckSeconds { get; init; } = 25;

    /// <summary>Most event streams of one server process.</summary>
    [Range(1, 100_000)]
    public int MaxEventStreams { get; init; } = 2000;
}
