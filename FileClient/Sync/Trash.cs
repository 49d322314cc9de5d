using FileClient.Sync.Disk;
using Microsoft.Win32.SafeHandles;

namespace FileClient.Sync;

/// <summary>The local trash of one run: what the server or another client deleted or replaced, below its old path.</summary>
sealed class Trash(SyncFolder folder, string run) : IDisposable
{
    const int MaxNumber = 1000;

    readonly Dictionary<string, SafeFileHandle> folders = [];

    public string Run => run;

    /// <summary>Moves an entry into the trash; nothing is ever replaced there.</summary>
    /// <returns>Where it is now.</returns>
    public (SafeFileHandle Folder, string Name) Take(SafeFileHandle from, string name, string oldPath)
    {
        var slash = oldPath.LastIndexOf('/');
        var into = Folder(slash < 0 ? "" : oldPath[..slash]);
        var wanted = oldPath[(slash + 1)..];
        for (var number = 1; ; number++)
        {
            var target = Numbered(wanted, number);
            var error = Posix.RenameNew(from, name, into, target);
            if (error == 0)
                return (into, target);
            if (error != Posix.Exists || number > MaxNumber)
                throw new StepFailed(error, $"{oldPath} cannot be moved into the trash");
        }
    }

    /// <summary>Whether the trash of a run holds this very file.</summary>
    public bool Holds(string ofRun, string oldPath, ulong inode)
    {
        var slash = oldPath.LastIndexOf('/');
        using var place = ofRun.Length == 0 ? null : Posix.OpenFolder(folder.State, slash < 0 ? $"trash/{ofRun}" : $"trash/{ofRun}/{oldPath[..slash]}", out _);
        var found = false;
        if (place is not null)
            FolderReader.Read(place, entry => found |= entry.Error == 0 && entry.Stat.Signature.Inode == inode);
        return found;
    }

    SafeFileHandle Folder(string path)
    {
        if (folders.TryGetValue(path, out var handle))
            return handle;
        var at = Open(Open(folder.State, "trash"), run);
        if (path.Length > 0)
            foreach (var part in path.Split('/'))
                at = Open(at, part);
        return folders[path] = at;
    }

    /// <summary>A folder in the trash. Where a file of that name lies already (it became a folder later in the run), the folder gets a number.</summary>
    static SafeFileHandle Open(SafeFileHandle parent, string name)
    {
        for (var number = 1; ; number++)
        {
            var target = Numbered(name, number);
            var error = Posix.MakeFolder(parent, target);
            if (error is not (0 or Posix.Exists))
                throw new StepFailed(error, "The trash cannot be used");
            if (Posix.OpenFolder(parent, target, out error) is { } handle)
                return handle;
            if (error is not (Posix.NotDirectory or Posix.TooManyLinks) || number > MaxNumber)
                throw new StepFailed(error, "The trash cannot be used");
        }
    }

    static string Numbered(string name, int number) => number == 1 ? name : $"{number}.{(name.Length > 200 ? name[..200] : name)}";

    public void Dispose()
    {
        foreach (var handle in folders.Values)
            handle.Dispose();
    }
}
