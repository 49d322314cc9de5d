using FileClient.Sync.Disk;

namespace FileClient.Sync.Watch;

/// <summary>Makes a sync folder an ordinary one again. What its trash holds may be the only copy of something, and stays.</summary>
static class Unlinking
{
    public static void Run(SyncFolder folder)
    {
        var state = Path.Combine(folder.FullPath, Core.IgnoreRules.StateFolder);
        foreach (var entry in new DirectoryInfo(state).EnumerateFileSystemInfos())
        {
            if (entry is FileInfo)
                entry.Delete();
            else if (entry is DirectoryInfo { Name: not "trash" } below && (below.Name != "staging" || below.GetFileSystemInfos().Length == 0))
                below.Delete(recursive: true);
        }
        var trash = new DirectoryInfo(Path.Combine(state, "trash"));
        if (trash.Exists && !trash.EnumerateFiles("*", SearchOption.AllDirectories).Any())
            trash.Delete(recursive: true);
        if (!Directory.EnumerateFileSystemEntries(state).Any())
            Directory.Delete(state);
    }
}
