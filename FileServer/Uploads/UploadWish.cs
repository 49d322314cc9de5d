using System.Globalization;
using FileServer.Files;
using FileServer.Http;
using FileServer.Protocol;

namespace FileServer.Uploads;

/// <summary>What happens when the name is taken already.</summary>
enum OnConflict
{
    /// <summary>The upload becomes the file's next version.</summary>
    Version,

    /// <summary>The upload becomes a file beside it, with a number in its name.</summary>
    Rename,

    /// <summary>The upload is refused.</summary>
    Fail,
}

/// <summary>What the client wants its upload to become, as its metadata say.</summary>
/// <param name="Space">Name or id.</param>
/// <param name="Folder">Names from the space's root on; not used where <paramref name="ParentId"/> is given.</param>
/// <param name="Below">Folders below that one, which are made if they are missing.</param>
/// <param name="Name">Null: the content is kept for a changeset that names the upload.</param>
sealed record UploadWish(
    string? Space,
    NodeId? ParentId,
    IReadOnlyList<string> Folder,
    IReadOnlyList<string> Below,
    string? Name,
    OnConflict OnConflict,
    int? BaseVersion,
    DateTimeOffset? ModifiedAt,
    bool? Executable,
    string? Device)
{
    const int MaxDevice = 200;

    /// <exception cref="Refusal">A value cannot be used.</exception>
    public static UploadWish Read(UploadMetadata metadata)
    {
        var name = metadata["filename", "name"];
        var below = Names(metadata["relativePath"]);
        // Browsers put the file's own name at the end of the relative path.
        if (below.Count > 0 && (name is null || NodeName.KeyOf(name) == NodeName.KeyOf(below[^1])))
        {
            name ??= below[^1];
            below = [.. below.SkipLast(1)];
        }
        if (metadata["device"] is { Length: > MaxDevice })
            throw Refusal.Invalid($"'device' has at most {MaxDevice} characters.");
        return new UploadWish(
            metadata["space"],
            Parent(metadata["parentId"]),
            Names(metadata["folder"]),
            [.. below.Select(NodeName.Normalize)],
            name is null ? null : NodeName.Normalize(name),
            Conflict(metadata["onConflict"]),
            Base(metadata["baseVersion"]),
            Time(metadata["modifiedAt"]),
            Flag(metadata["executable"]),
            metadata["device"]);
    }

    /// <summary>Whether the bytes are a pack of chunks; browsers use 'type' for something else.</summary>
    public static bool IsPack(UploadMetadata metadata) => metadata["kind"] == "pack" || metadata["type"] == "pack";

    static IReadOnlyList<string> Names(string? path)
    {
        var names = (path ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries);
        foreach (var name in names)
            NodeName.Normalize(name);
        return names;
    }

    static NodeId? Parent(string? text) => text is null ? null
        : Guid.TryParseExact(text, "D", out var id) ? new NodeId(id)
        : throw Refusal.Invalid("'parentId' is no id of a folder.");

    static OnConflict Conflict(string? text) => text switch
    {
        null or "version" => OnConflict.Version,
        "rename" => OnConflict.Rename,
        "fail" => OnConflict.Fail,
        _ => throw Refusal.Invalid("'onConflict' can be version, rename or fail."),
    };

    static int? Base(string? text) => text is null ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version
        : throw Refusal.Invalid("'baseVersion' must be the number of a version.");

    static bool? Flag(string? text) => text switch
    {
        null => null,
        "true" => true,
        "false" => false,
        _ => throw Refusal.Invalid("'executable' can be true or false."),
    };

    static DateTimeOffset? Time(string? text) => text is null ? null
        : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) ? time
        : throw Refusal.Invalid("'modifiedAt' must be a time as RFC 3339 has it, like 2026-11-23T14:15:30Z.");
}
