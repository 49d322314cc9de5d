using System.Text.Json.Serialization;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Commands;

/// <summary>Answer of <c>status --json</c>.</summary>
sealed record Status(string Server, string User, string Role, string Client, string Settings);

/// <summary>Answer of <c>version --json</c>.</summary>
sealed record Build(string Version);

/// <summary>A node with its path, as <c>ls</c>, <c>tree</c>, <c>stat</c>, <c>put</c> and <c>get</c> print it.</summary>
sealed record Entry(
    string Path,
    NodeId Id,
    NodeId? ParentId,
    string Name,
    NodeKind Kind,
    long Size,
    int Version,
    Digest? ContentId,
    Digest? Sha256,
    DateTimeOffset ModifiedAt,
    long ChangedRevision,
    bool Executable,
    string? Target,
    IReadOnlyList<string> Rights)
{
    public static Entry Of(string path, Node node) => new(
        path, node.Id, node.ParentId, node.Name, node.Kind, node.Size, node.Version, node.ContentId, node.Sha256,
        node.ModifiedAt, node.ChangedRevision, node.Executable, node.Target, node.Rights);
}

/// <summary>One thing that a changing command did, or with <c>--dry-run</c> would do.</summary>
sealed record Deed(string Action, string Path, string? To = null, long? Revision = null, bool? DryRun = null);

/// <summary>What the transfer of a folder did.</summary>
sealed record FolderDeed(string Action, string Path, string To, int Transferred, int Unchanged, IReadOnlyList<Transfer.Skipped> Skipped);

/// <summary>JSON of what commands print and no endpoint sends.</summary>
[JsonSourceGenerationOptions(
    System.Text.Json.JsonSerializerDefaults.Web,
    UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Status))]
[JsonSerializable(typeof(Build))]
[JsonSerializable(typeof(Entry))]
[JsonSerializable(typeof(Deed))]
[JsonSerializable(typeof(FolderDeed))]
sealed partial class CommandJson : JsonSerializerContext;
