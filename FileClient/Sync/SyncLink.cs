using System.Text.Json.Serialization;
using FileServer.Protocol;

namespace FileClient.Sync;

/// <summary>What a folder is linked to, as it stands in <c>.fileshare/link.json</c>.</summary>
/// <param name="Id">Names this linked folder; must be the one that the state knows.</param>
/// <param name="Root">The folder on the server that this one shows; the space's root, or one below it.</param>
sealed record SyncLink(Guid Id, string Server, SpaceId Space, string SpaceName, NodeId Root, string Path)
{
    [JsonIgnore]
    public bool IsWholeSpace => Root == Space.Root;
}

/// <summary>What one run did, as <c>--json</c> prints it.</summary>
sealed record SyncReport
{
    public int Uploaded { get; set; }

    public int Downloaded { get; set; }

    public long BytesUp { get; set; }

    public long BytesDown { get; set; }

    public int MovedLocally { get; set; }

    public int MovedRemotely { get; set; }

    public int DeletedLocally { get; set; }

    public int DeletedRemotely { get; set; }

    public int FoldersMade { get; set; }

    public int MetadataChanged { get; set; }

    public int Operations { get; set; }

    public int Rounds { get; set; }

    /// <summary>Both sides were compared once more at the end and are equal.</summary>
    public bool InSync { get; set; }

    /// <summary>Nothing was agreed before, or the server is another one: both sides were united and nothing deleted.</summary>
    public bool Union { get; set; }

    public bool DryRun { get; set; }

    public List<SyncConflict> Conflicts { get; init; } = [];

    public List<SyncProblem> Problems { get; init; } = [];

    public List<SyncBrake> Brakes { get; init; } = [];

    public List<string> Notes { get; init; } = [];

    /// <summary>What a dry run would do.</summary>
    public List<string> Plan { get; init; } = [];
}

/// <summary>A conflict that was kept: the server's file and the copy beside it.</summary>
sealed record SyncConflict(string Path, string Copy, string Reason);

/// <summary>An item that was skipped.</summary>
sealed record SyncProblem(string Path, string Code, string Reason);

/// <summary>Deletions that were held back until a person confirms them.</summary>
sealed record SyncBrake(string Rail, int Deletes, int Nodes, string Hash);

/// <summary>What <c>sync status</c> says.</summary>
sealed record SyncStatus(
    string Folder, string Server, string Space, string Path, int Files, int Folders, int PendingUp, int PendingDown, int Conflicts, IReadOnlyList<SyncProblem> Problems, IReadOnlyList<SyncBrake> Brakes, bool InSync, bool Paused = false)
{
    /// <summary>The client that watches the folder, as it sees itself; null: none does.</summary>
    public Watch.WatchStatus? Watch { get; init; }
}

/// <summary>What <c>verify</c> found.</summary>
sealed record VerifyReport(int Files, int Folders, long Bytes, IReadOnlyList<SyncProblem> Differences);

/// <summary>JSON of the sync commands, by source generation.</summary>
[JsonSourceGenerationOptions(System.Text.Json.JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(SyncLink))]
[JsonSerializable(typeof(SyncReport))]
[JsonSerializable(typeof(SyncStatus))]
[JsonSerializable(typeof(VerifyReport))]
[JsonSerializable(typeof(Watch.WatchStatus))]
[JsonSerializable(typeof(Watch.WatchLine))]
sealed partial class SyncJson : JsonSerializerContext;
