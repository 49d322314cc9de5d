using FileClient.Local;

namespace FileClient.Transfer;

/// <summary>One file below a local folder.</summary>
/// <param name="Path">From the folder on, with slashes.</param>
sealed record LocalFile(string Path, string FullPath, long Size);

/// <summary>Something that was not transferred, and why.</summary>
sealed record Skipped(string Path, string Reason);

/// <summary>What stands below a local folder: folders, files, and what cannot be carried.</summary>
sealed record LocalTree(IReadOnlyList<string> Folders, IReadOnlyList<LocalFile> Files, IReadOnlyList<Skipped> Skipped)
{
    /// <summary>The sync folder's own state, which is nobody's document.</summary>
    const string StateFolder = ".fileshare";

    const char NotUnicode = '\uFFFD';

    public static LocalTree Read(string folder, CancellationToken ct)
    {
        var folders = new List<string>();
        var files = new List<LocalFile>();
        var skipped = new List<Skipped>();
        var waiting = new Stack<(string Path, DirectoryInfo Folder)>([("", new DirectoryInfo(folder))]);
        while (waiting.TryPop(out var next))
        {
            ct.ThrowIfCancellationRequested();
            try
            {
                foreach (var item in next.Folder.EnumerateFileSystemInfos("*", new EnumerationOptions { AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false }).OrderBy(item => item.Name, StringComparer.Ordinal))
                    Take(next.Path + item.Name, item);
            }
            catch (UnauthorizedAccessException)
            {
                skipped.Add(new Skipped(next.Path.TrimEnd('/'), "the folder may not be read"));
            }
        }
        return new LocalTree(folders, files, skipped);

        void Take(string path, FileSystemInfo item)
        {
            if (item.Name.Contains(NotUnicode))
                skipped.Add(new Skipped(path, "its name is not valid UTF-8"));
            else if (item.LinkTarget is not null)
                skipped.Add(new Skipped(path, "it is a symbolic link"));
            else if (item is DirectoryInfo below)
            {
                if (item.Name == StateFolder)
                    return;
                folders.Add(path);
                waiting.Push((path + "/", below));
            }
            else if (FileKind.IsRegular(item.FullName))
                files.Add(new LocalFile(path, item.FullName, ((FileInfo)item).Length));
            else
                skipped.Add(new Skipped(path, "it is no regular file"));
        }
    }
}
