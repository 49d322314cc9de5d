using FileClient.Sync.Disk;
using FileServer.Protocol;
using Microsoft.Win32.SafeHandles;

namespace FileClient.Sync;

/// <summary>A file of the user's that had to leave its place and is not what was planned on: it goes back, or beside its place as a conflict copy.</summary>
sealed class Displaced(SyncFolder folder, Trash trash, string device, TimeProvider clock)
{
    /// <summary>Whether a file has exactly these bytes.</summary>
    public bool Holds(SafeFileHandle holder, string path, Digest? content) =>
        content is not null && FileHasher.Hash(holder, path, out _, CancellationToken.None)?.Content == content;

    /// <summary>Gives it its name back or, if that is taken by now, the name of a conflict copy; without its folder, one in the root.</summary>
    /// <returns>What a person should know.</returns>
    /// <exception cref="StepFailed">It could not be put anywhere and is where it was.</exception>
    public string Surface(SafeFileHandle from, string name, string path)
    {
        var slash = path.LastIndexOf('/');
        var wanted = path[(slash + 1)..];
        using var holder = Posix.OpenFolder(folder.Root, slash < 0 ? "" : path[..slash], out _);
        if (holder is not null && Posix.RenameNew(from, name, holder, wanted) == 0)
            return $"“{path}” was changed at the last moment and is left as it is.";
        foreach (var place in new[] { holder, folder.Root })
        {
            if (place is null)
                continue;
            var copy = ConflictName.Make(wanted, device, clock.GetLocalNow(), candidate => Stat.Of(place, candidate, out _) is not null);
            if (Posix.RenameNew(from, name, place, copy) == 0)
                return $"“{path}” was changed at the last moment; that version is kept as “{copy}”.";
        }
        var (_, kept) = trash.Take(from, name, path);
        return $"“{path}” was changed at the last moment; that version is in the local trash as “{kept}”.";
    }
}

/// <summary>Names in the staging folder.</summary>
static class Staged
{
    /// <summary>Bytes on their way. A file of this name never changed places with another, so whatever bears it may be removed.</summary>
    public const string Incoming = "in-";

    /// <summary>A complete file that is to change places with one of the user's; from then on that one may bear the name.</summary>
    public const string Exchanging = "ex-";

    public static string New() => $"{Incoming}{Guid.CreateVersion7():N}";

    public static string ForExchange(string incoming) => $"{Exchanging}{incoming[Incoming.Length..]}";

    /// <summary>What stands aside for a moment.</summary>
    public static string Parked(NodeId id) => $"parked-{id}";
}
