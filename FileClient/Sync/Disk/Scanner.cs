using System.Runtime.InteropServices;
using FileClient.Sync.Core;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Win32.SafeHandles;

namespace FileClient.Sync.Disk;

/// <summary>Everything that stands below the root, folders before what they hold.</summary>
/// <param name="Ignored">Entries that an ignore rule covers: position of their folder, name.</param>
/// <param name="Skipped">Entries that cannot be synced: path and reason.</param>
/// <param name="Stamps">For each folder (the root last) its times before it was listed.</param>
sealed record ScanResult(
    List<DiskEntry> Entries, List<(int Parent, string Name)> Ignored, List<(string Path, string Reason)> Skipped, Dictionary<int, (long Modified, long Changed)> Stamps);

/// <summary>Walks the folder: one listing and one look at each entry, relative to open folders, never through a symlink, never into another file system.</summary>
sealed class Scanner(SyncFolder folder)
{
    readonly List<DiskEntry> entries = [];
    readonly List<(int, string)> ignored = [];
    readonly List<(string, string)> skipped = [];
    readonly Dictionary<int, (long, long)> stamps = [];

    /// <summary>Called when a folder was listed: with its position, and from where its entries stand at the end of the list. Files may still be taken off that end.</summary>
    public Action<int, int>? Listed { get; init; }

    public ScanResult Result => new(entries, ignored, skipped, stamps);

    public static ScanResult Run(SyncFolder folder, CancellationToken ct)
    {
        var scanner = new Scanner(folder);
        scanner.Walk(ct);
        return scanner.Result;
    }

    /// <summary>Whether any folder changed since it was listed: something may have moved from where the walk had yet to come to where it had been.</summary>
    public static bool HasMoved(SyncFolder folder, ScanResult scan)
    {
        foreach (var (index, stamp) in scan.Stamps)
        {
            using var handle = index < 0 ? null : Posix.OpenFolder(folder.Root, PathOf(scan.Entries, index), out _);
            var open = index < 0 ? folder.Root : handle;
            if (open is null || Stat.Of(open).Signature is var now && (now.Modified, now.Changed) != stamp)
                return true;
        }
        return false;
    }

    /// <summary>The path of an entry below the root, as the disk has it.</summary>
    public static string PathOf(List<DiskEntry> entries, int index)
    {
        var entry = entries[index];
        return entry.Parent < 0 ? entry.DiskName : $"{PathOf(entries, entry.Parent)}/{entry.DiskName}";
    }

    /// <summary>The whole folder.</summary>
    public void Walk(CancellationToken ct)
    {
        var device = Stat.Of(folder.Root).Signature.Device;
        List(-1, folder.Root, device);
        for (var i = 0; i < entries.Count; i++)
        {
            ct.ThrowIfCancellationRequested();
            if (entries[i] is not { Kind: NodeKind.Folder, Status: EntryStatus.Known })
                continue;
            var path = PathOf(entries, i);
            using var open = Posix.OpenFolder(folder.Root, path, out var error);
            if (open is not null)
                List(i, open, device);
            else
                SetUnreadable(i, path, error);
        }
    }

    /// <summary>One folder, without what stands in its folders.</summary>
    /// <param name="index">Its own position; -1 for the root.</param>
    public void List(int index, SafeFileHandle open, ulong device)
    {
        var stamp = Stat.Of(open).Signature;
        stamps[index] = (stamp.Modified, stamp.Changed);
        var first = entries.Count;
        var error = FolderReader.Read(open, entry => Add(index, open, entry, device));
        if (error == 0)
        {
            Listed?.Invoke(index, first);
            return;
        }
        entries.RemoveRange(first, entries.Count - first);
        ignored.RemoveAll(entry => entry.Item1 == index);
        if (index < 0)
            throw new IOException($"{folder.FullPath} cannot be listed: {Marshal.GetPInvokeErrorMessage(error)}.");
        SetUnreadable(index, PathOf(entries, index), error);
    }

    public void SetUnreadable(int index, string path, int error)
    {
        var reason = $"The folder cannot be listed: {Marshal.GetPInvokeErrorMessage(error)}.";
        entries[index] = entries[index] with { Status = EntryStatus.Unreadable, Reason = reason };
        SetLeftovers(entries[index].Parent);
    }

    void Add(int parent, SafeFileHandle open, FolderEntry found, ulong device)
    {
        if (found.Name is not { } name)
            Skip(parent, found.Shown, "Its name is not UTF-8.");
        else if (IgnoreRules.Covers(name))
        {
            ignored.Add((parent, name));
            if (!(parent < 0 && IgnoreRules.IsOurs(name)))
                SetLeftovers(parent);
        }
        else if (found.Error != 0)
            AddUnreadable(parent, name, $"It cannot be looked at: {Marshal.GetPInvokeErrorMessage(found.Error)}.");
        else if (!NameRules.TryNormalize(name, out var normal, out var reason))
            Skip(parent, name, reason);
        else if (found.Stat.IsFolder)
            entries.Add(new DiskEntry(parent, name, normal, NodeKind.Folder, found.Stat.Signature, found.Stat.Links)
            {
                Status = found.Stat.Signature.Device == device ? EntryStatus.Known : EntryStatus.Unreadable,
                Reason = found.Stat.Signature.Device == device ? null : "Another file system is mounted here.",
            });
        else if (found.Stat.IsFile)
            entries.Add(new DiskEntry(parent, name, normal, NodeKind.File, found.Stat.Signature, found.Stat.Links) { Executable = found.Stat.IsExecutable });
        else if (!found.Stat.IsSymlink)
            Skip(parent, name, "It is no file, folder or symlink.");
        else if (Posix.ReadLink(open, name) is { Length: > 0 } target)
            entries.Add(new DiskEntry(parent, name, normal, NodeKind.Symlink, found.Stat.Signature, found.Stat.Links) { Target = target });
        else
            Skip(parent, name, "The target of the symlink cannot be read.");
    }

    void AddUnreadable(int parent, string name, string reason)
    {
        // Which kind it is nobody knows; as a file it stands for whatever was known at its place.
        Skip(parent, name, reason);
        entries.Add(new DiskEntry(parent, name, name, NodeKind.File, default, 2) { Status = EntryStatus.Unreadable, Reason = reason });
    }

    void Skip(int parent, string name, string reason)
    {
        skipped.Add((parent < 0 ? name : $"{PathOf(entries, parent)}/{name}", reason));
        SetLeftovers(parent);
    }

    void SetLeftovers(int parent)
    {
        if (parent >= 0)
            entries[parent].HasLeftovers = true;
    }
}
