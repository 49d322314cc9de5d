using FileClient.Sync.Disk;
using FileClient.Sync.State;

namespace FileClient.Sync;

/// <summary>Cleans up after a run that was broken off: what it parked goes back, what it deleted counts as deleted by us, and only what nobody needs is removed.</summary>
static class Recovery
{
    public static void Run(SyncFolder folder, SyncState state, Trash trash)
    {
        var kept = new HashSet<string>();
        foreach (var intent in state.Intents())
        {
            if (intent.Kind == "park")
                PutBack(folder, intent, kept);
            else if (intent.Kind == "gone" && !Stands(folder, intent))
            {
                // It was our deletion, not the user's: if the server has the node again by now, it comes back.
                state.ForgetSynced(intent.Node);
                state.ForgetKnown(intent.Node);
            }
            else if (intent.Kind == "replace" && Stat.Of(folder.Staging, intent.Target, out _) is { } left && left.Signature.Inode != intent.Inode)
                // After the exchange the staged name holds the user's old file.
                trash.Take(folder.Staging, intent.Target, intent.Source);
        }
        SweepStaging(folder, kept);
        state.Save();
        state.ClearIntents();
    }

    static bool Stands(SyncFolder folder, Intent intent)
    {
        var slash = intent.Source.LastIndexOf('/');
        using var holder = Posix.OpenFolder(folder.Root, slash < 0 ? "" : intent.Source[..slash], out _);
        return holder is not null && Stat.Of(holder, intent.Source[(slash + 1)..], out _) is { } now && now.Signature.Inode == intent.Inode;
    }

    static void PutBack(SyncFolder folder, Intent intent, HashSet<string> kept)
    {
        if (Stat.Of(folder.Staging, intent.Target, out _) is null)
            return;
        var slash = intent.Source.LastIndexOf('/');
        using var holder = Posix.OpenFolder(folder.Root, slash < 0 ? "" : intent.Source[..slash], out _);
        var name = intent.Source[(slash + 1)..];
        var error = holder is null ? Posix.NoEntry : Posix.RenameNew(folder.Staging, intent.Target, holder, name);
        if (error != 0)
            error = Posix.RenameNew(folder.Staging, intent.Target, folder.Root, $"{name} (recovered {intent.Node})");
        if (error != 0)
            kept.Add(intent.Target);
    }

    // Downloads that were not finished. They never had another name.
    static void SweepStaging(SyncFolder folder, HashSet<string> kept)
    {
        List<string> names = [];
        FolderReader.Read(folder.Staging, entry =>
        {
            if (entry is { Name: { } name, Error: 0, Stat.IsFile: true } && name.StartsWith("d-", StringComparison.Ordinal) && !kept.Contains(name))
                names.Add(name);
        });
        foreach (var name in names)
            Posix.RemoveFile(folder.Staging, name);
    }
}
