using FileClient.Sync.Core;
using FileClient.Sync.Disk;
using FileClient.Sync.State;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync;

// 1. What was begun is judged by what stands on the disk now, never by how far the run may have come.
// 2. Nothing is removed that is not proven to be a file of ours: its name says that it never changed places with another, or its inode is the one written down.
// 3. What cannot be put right now keeps its intent and is tried again before the next run.

/// <summary>
/// Takes up what a broken run left: what it parked goes back, what it moved, placed or deleted counts as its doing and not the user's, and a file of the
/// user's that it displaced goes to the trash only if it holds what was synced; otherwise it comes back.
/// </summary>
sealed class Recovery(SyncFolder folder, SyncState state, NodeId root, Trash trash, string device, TimeProvider clock)
{
    const int MaxDepth = 10_000;

    readonly Dictionary<NodeId, string> parked = [];
    readonly List<Intent> kept = [];

    /// <summary>What a person should know.</summary>
    public List<string> Notes { get; } = [];

    public void Run()
    {
        var intents = state.Intents();
        foreach (var intent in intents.Where(static intent => intent.Kind == IntentKind.Park))
            if (Stat.Of(folder.Staging, intent.Target, out _) is not null)
                parked[intent.Node] = $"{IgnoreRules.StateFolder}/staging/{intent.Target}";
        foreach (var intent in intents.Where(static intent => intent.Kind == IntentKind.Move))
            TakeUpMove(intent);
        foreach (var intent in intents.Where(static intent => intent.Kind == IntentKind.Park))
            PutBack(intent, intents, 0);
        foreach (var intent in intents)
            TakeUp(intent);
        SweepStaging();
        state.Save();
        if (intents.Count > 0)
            state.ClearIntents(kept);
    }

    void TakeUp(Intent intent)
    {
        switch (intent.Kind)
        {
            case IntentKind.Gone:
                TakeUpDeletion(intent);
                break;
            case IntentKind.Place when PathOf(intent.Parent!.Value) is { } parent && At(Join(parent, intent.Target)) is { } there && there.Signature.Inode == intent.Inode:
                AgreePlaced(intent, intent.Target, there);
                break;
            case IntentKind.Replace:
                TakeUpExchange(intent);
                break;
        }
    }

    // A move changes only where a node is known to be; what the server says about it is in the trees already.
    void TakeUpMove(Intent intent)
    {
        if (state.Known.TryGetValue(intent.Node, out var known) && PathOf(intent.Parent!.Value) is { } parent && At(Join(parent, intent.Target))?.Signature.Inode == intent.Inode)
            state.SetKnown(known with { Parent = intent.Parent.Value, DiskName = intent.Target });
    }

    void PutBack(Intent intent, List<Intent> intents, int depth)
    {
        if (!parked.ContainsKey(intent.Node) || depth > MaxDepth)
            return;
        if (intent.Parent is { } above && parked.ContainsKey(above) && intents.Find(other => other.Kind == IntentKind.Park && other.Node == above) is { } first)
            PutBack(first, intents, depth + 1);
        var slash = intent.Source.LastIndexOf('/');
        var name = state.Known.TryGetValue(intent.Node, out var known) ? known.DiskName : intent.Source[(slash + 1)..];
        var parent = intent.Parent is { } id ? PathOf(id) : slash < 0 ? "" : intent.Source[..slash];
        using var holder = parent is null ? null : Posix.OpenFolder(folder.Root, parent, out _);
        if (holder is not null && Posix.RenameNew(folder.Staging, intent.Target, holder, name) == 0)
        {
            parked.Remove(intent.Node);
            return;
        }
        var other = RecoveredName(name, intent.Node);
        var into = holder is not null && Posix.RenameNew(folder.Staging, intent.Target, holder, other) == 0 ? intent.Parent
            : Posix.RenameNew(folder.Staging, intent.Target, folder.Root, other) == 0 ? root : (NodeId?)null;
        if (into is not { } place)
        {
            kept.Add(intent);
            return;
        }
        parked.Remove(intent.Node);
        Relocate(state, intent.Node, place, other);
    }

    /// <summary>A name for what finds its own taken.</summary>
    public static string RecoveredName(string name, NodeId node) => $"{(name.Length > 60 ? name[..60] : name)} (recovered {node})";

    /// <summary>The node stands elsewhere by our doing: that is no move of the user's, whatever the server does with it.</summary>
    public static void Relocate(SyncState state, NodeId node, NodeId parent, string name)
    {
        if (state.Known.TryGetValue(node, out var known))
            state.SetKnown(known with { Parent = parent, DiskName = name });
        if (state.Synced.TryGetValue(node, out var agreed))
            state.SetSynced(agreed with { Parent = parent, Name = name });
    }

    // It was our deletion, not the user's: if the server has the node again by now, it comes back.
    void TakeUpDeletion(Intent intent)
    {
        var stands = intent.Parent is { } id && PathOf(id) is { } parent && state.Known.TryGetValue(intent.Node, out var known) ? At(Join(parent, known.DiskName)) : At(intent.Source);
        if (stands is not null && (stands.Value.Signature.Inode == intent.Inode || !trash.Holds(intent.Target, intent.Source, intent.Inode)))
            return;
        state.ForgetSynced(intent.Node);
        state.ForgetKnown(intent.Node);
    }

    void TakeUpExchange(Intent intent)
    {
        var path = PathOf(intent.Node) ?? intent.Source;
        var place = At(path);
        var isOurs = place?.Signature.Inode == intent.Inode;
        if (Stat.Of(folder.Staging, intent.Target, out _) is not { } left)
        {
            if (isOurs)
                AgreePlaced(intent, NameOf(path), place!.Value);
            return;
        }
        if (left.Signature.Inode == intent.Inode)
        {
            // It did not come to the exchange.
            Posix.RemoveFile(folder.Staging, intent.Target);
            return;
        }
        var displaced = new Displaced(folder, trash, device, clock);
        var holds = displaced.Holds(folder.Staging, intent.Target, intent.Old ?? state.Known.GetValueOrDefault(intent.Node)?.Content);
        if (!holds && isOurs && displaced.Holds(folder.Root, path, intent.New) && SwapBack(intent, path))
            return;
        try
        {
            if (holds)
                trash.Take(folder.Staging, intent.Target, intent.Source);
            else
                Notes.Add(displaced.Surface(folder.Staging, intent.Target, path));
        }
        catch (StepFailed)
        {
            kept.Add(intent);
        }
        if (isOurs)
            AgreePlaced(intent, NameOf(path), place!.Value);
    }

    // The edit stands where it stood, and the next comparison makes the conflict.
    bool SwapBack(Intent intent, string path)
    {
        using var holder = Posix.OpenFolder(folder.Root, FolderOf(path), out _);
        if (holder is null || Posix.RenameSwap(folder.Staging, intent.Target, holder, NameOf(path)) != 0)
            return false;
        if (Stat.Of(folder.Staging, intent.Target, out _)?.Signature.Inode == intent.Inode)
            Posix.RemoveFile(folder.Staging, intent.Target);
        else
            kept.Add(intent);
        return true;
    }

    /// <summary>The server's bytes were put here by us: whatever differs now was done by the user since.</summary>
    void AgreePlaced(Intent intent, string diskName, Stat now)
    {
        if (!state.Remote.TryGetValue(intent.Node, out var there) || there.Content != intent.New || there.Kind != NodeKind.File)
            return;
        if (intent.Kind == IntentKind.Place && (there.Parent != intent.Parent || there.Name != intent.Target))
            return;
        var parent = state.Known.TryGetValue(intent.Node, out var known) ? known.Parent : there.Parent;
        // Racy: its bytes are read again before anything is concluded from them.
        state.SetKnown(new KnownEntry(intent.Node, parent, diskName, NodeKind.File, now.Signature, intent.New, null, Racy: true));
        var agreed = state.Synced.GetValueOrDefault(intent.Node) ?? there;
        state.SetSynced(there with { Parent = agreed.Parent, Name = agreed.Name });
    }

    Stat? At(string path)
    {
        using var holder = Posix.OpenFolder(folder.Root, FolderOf(path), out _);
        return holder is null ? null : Stat.Of(holder, NameOf(path), out _);
    }

    /// <summary>Where the disk has a node, as far as is known; null: nowhere.</summary>
    string? PathOf(NodeId id, int depth = 0)
    {
        if (id == root)
            return "";
        if (parked.TryGetValue(id, out var aside))
            return aside;
        if (depth > MaxDepth)
            return null;
        if (state.Known.TryGetValue(id, out var known))
            return PathOf(known.Parent, depth + 1) is { } above ? Join(above, known.DiskName) : null;
        // A folder that was made in the broken run stands where the server has it.
        return state.Remote.TryGetValue(id, out var there) && PathOf(there.Parent, depth + 1) is { } parent ? Join(parent, there.Name) : null;
    }

    static string Join(string parent, string name) => parent.Length == 0 ? name : $"{parent}/{name}";

    static string FolderOf(string path) => path.LastIndexOf('/') is var slash and >= 0 ? path[..slash] : "";

    static string NameOf(string path) => path[(path.LastIndexOf('/') + 1)..];

    void SweepStaging()
    {
        List<(string Name, bool IsFile)> found = [];
        FolderReader.Read(folder.Staging, entry =>
        {
            if (entry is { Name: { } name, Error: 0 })
                found.Add((name, entry.Stat.IsFile));
        });
        foreach (var (name, isFile) in found)
        {
            if (kept.Exists(intent => intent.Target == name))
                continue;
            if (isFile && name.StartsWith(Staged.Incoming, StringComparison.Ordinal))
                Posix.RemoveFile(folder.Staging, name);
            else
                Keep(name);
        }
    }

    // Nothing is known about it any more: it may be the user's.
    void Keep(string name)
    {
        var shown = $"recovered {name}";
        if (Posix.RenameNew(folder.Staging, name, folder.Root, shown) == 0)
            Notes.Add($"“{shown}” was found among the files of a broken run.");
    }
}
