using System.Runtime.InteropServices;
using FileClient.Sync.Core;
using FileClient.Sync.Disk;
using FileClient.Sync.State;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Win32.SafeHandles;

namespace FileClient.Sync;

/// <summary>The local tree while it is changed: where each node stands on the disk now, and open handles of the folders in use.</summary>
sealed class Workspace(SyncFolder folder, SyncState state, NodeId root, Dictionary<NodeId, Entry> tree) : IDisposable
{
    const int MaxOpenFolders = 256;

    readonly Dictionary<NodeId, SafeFileHandle> open = [];
    readonly Queue<NodeId> opened = [];

    public SyncFolder Folder => folder;

    public SyncState State => state;

    public NodeId Root => root;

    public Dictionary<NodeId, Entry> Tree => tree;

    /// <summary>Nodes that stand in the staging folder for the moment, with their names there.</summary>
    public Dictionary<NodeId, string> Parked { get; } = [];

    /// <summary>The name of a node on the disk.</summary>
    public string DiskName(NodeId id) => Parked.TryGetValue(id, out var name) ? name : state.Known.TryGetValue(id, out var known) ? known.DiskName : tree[id].Name;

    /// <summary>A node's path below the root, as the disk has it.</summary>
    public string PathOf(NodeId id)
    {
        if (id == root)
            return "";
        if (Parked.TryGetValue(id, out var parked))
            return $"{IgnoreRules.StateFolder}/staging/{parked}";
        var parent = PathOf(ParentOf(id));
        return parent.Length == 0 ? DiskName(id) : $"{parent}/{DiskName(id)}";
    }

    /// <summary>The same as a person knows it: what is parked for a moment is still where it was.</summary>
    public string ShownPathOf(NodeId id)
    {
        if (id == root)
            return "";
        var name = state.Known.TryGetValue(id, out var known) ? known.DiskName : tree[id].Name;
        var parent = ShownPathOf(ParentOf(id));
        return parent.Length == 0 ? name : $"{parent}/{name}";
    }

    /// <summary>Where a node stands.</summary>
    public NodeId ParentOf(NodeId id) => tree.TryGetValue(id, out var entry) ? entry.Parent : state.Known[id].Parent;

    /// <summary>The open folder of a node; a failed open is told as an exception of the step that needed it.</summary>
    public SafeFileHandle FolderOf(NodeId id)
    {
        if (id == root)
            return folder.Root;
        if (open.TryGetValue(id, out var handle))
            return handle;
        handle = Posix.OpenFolder(folder.Root, PathOf(id), out var error) ?? throw new StepFailed(error, $"{PathOf(id)} cannot be opened");
        if (open.Count >= MaxOpenFolders && opened.TryDequeue(out var oldest) && open.Remove(oldest, out var old))
            old.Dispose();
        open[id] = handle;
        opened.Enqueue(id);
        return handle;
    }

    /// <summary>The open folder that holds a node now.</summary>
    public SafeFileHandle HolderOf(NodeId id) => Parked.ContainsKey(id) ? folder.Staging : FolderOf(ParentOf(id));

    /// <summary>What the disk says about a node now; null if it is not there.</summary>
    public Stat? Look(NodeId id) => Stat.Of(HolderOf(id), DiskName(id), out _);

    /// <summary>Writes down where a node stands after a step.</summary>
    public void Placed(Entry entry, string diskName, Digest? content)
    {
        Parked.Remove(entry.Id);
        var stat = Stat.Of(FolderOf(entry.Parent), diskName, out var error) ?? throw new StepFailed(error, $"{diskName} vanished right after it was placed");
        tree[entry.Id] = entry with
        {
            Version = 0,
            Revision = 0,
            Permits = Permits.All,
            Modified = entry.Kind == NodeKind.File ? stat.Modified : entry.Modified,
            Executable = entry.Kind == NodeKind.File && stat.IsExecutable,
        };
        // Looked at after the last change of ours: whatever changes it later shows.
        state.SetKnown(new KnownEntry(entry.Id, entry.Parent, diskName, entry.Kind, stat.Signature, content, entry.Target, Racy: RacyFrom != long.MaxValue && stat.Signature.Changed >= RacyFrom));
    }

    /// <summary>See <see cref="TimeProbe"/>.</summary>
    public long RacyFrom { get; } = TimeProbe.RacyFrom(folder.State);

    /// <summary>What both sides now have alike is what they agree on.</summary>
    public void Agree(IEnumerable<NodeId> ids)
    {
        foreach (var id in ids)
        {
            var there = state.Remote.GetValueOrDefault(id);
            if (!tree.TryGetValue(id, out var here))
            {
                if (there is null)
                    state.ForgetSynced(id);
            }
            else if (there is not null && here.Agrees(there))
                state.SetSynced(there);
        }
    }

    /// <summary>What still stands aside when all steps are done goes back: the step that was to place it has failed.</summary>
    public void PutBackParked()
    {
        foreach (var id in Parked.Keys.ToList())
            PutBack(id);
    }

    void PutBack(NodeId id)
    {
        if (!Parked.TryGetValue(id, out var staged))
            return;
        var parent = ParentOf(id);
        PutBack(parent);
        var name = state.Known.TryGetValue(id, out var known) ? known.DiskName : tree[id].Name;
        if (TryPutBack(staged, parent, name))
        {
            Parked.Remove(id);
            return;
        }
        var other = Recovery.RecoveredName(name, id);
        if (TryPutBack(staged, parent, other))
            Relocate(id, parent, other);
        else if (TryPutBack(staged, root, other))
            Relocate(id, root, other);
    }

    bool TryPutBack(string staged, NodeId parent, string name)
    {
        try
        {
            return Posix.RenameNew(folder.Staging, staged, FolderOf(parent), name) == 0;
        }
        catch (Exception gone) when (gone is StepFailed or KeyNotFoundException)
        {
            return false;
        }
    }

    void Relocate(NodeId id, NodeId parent, string name)
    {
        Parked.Remove(id);
        if (tree.TryGetValue(id, out var entry))
            tree[id] = entry with { Parent = parent, Name = name };
        Recovery.Relocate(state, id, parent, name);
    }

    public void Gone(NodeId id)
    {
        tree.Remove(id);
        Parked.Remove(id);
        state.ForgetKnown(id);
        if (open.Remove(id, out var handle))
            handle.Dispose();
    }

    public void Dispose()
    {
        foreach (var handle in open.Values)
            handle.Dispose();
    }
}

/// <summary>One step could not be done because the disk is not as it was planned on; the rest goes on and the next plan sees why.</summary>
sealed class StepFailed(int error, string what) : Exception($"{what}: {Marshal.GetPInvokeErrorMessage(error)}.")
{
    public int Error { get; } = error;

    /// <summary>The step is half done: the next run takes it up.</summary>
    public bool HalfDone { get; init; }
}
