using FileClient.Sync.Core;
using FileClient.Sync.Disk;
using FileClient.Sync.State;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync;

/// <summary>
/// Carries local steps out so that no byte is lost: nothing is replaced that was not looked at, what goes is moved into the trash, and what is found
/// to be other than planned is put back and left to the next comparison.
/// </summary>
sealed class Transition(Workspace work, Trash trash, SyncReport report, string device, IReadOnlySet<NodeId> copies, TimeProvider clock)
{
    readonly Displaced displaced = new(work.Folder, trash, device, clock);
    readonly Dictionary<NodeId, Intent> parks = [];
    readonly HashSet<Intent> begun = [];

    /// <summary>What was begun and may be half done: the next run looks after it.</summary>
    public IReadOnlyCollection<Intent> HalfDone => [.. begun, .. parks.Where(park => work.Parked.ContainsKey(park.Key)).Select(static park => park.Value)];

    /// <summary>Folders, moves, links, times and modes, deletions: everything without new bytes.</summary>
    public void Run(IReadOnlyList<Step> steps)
    {
        var intents = new Dictionary<Step, Intent>(ReferenceEqualityComparer.Instance);
        foreach (var step in steps)
            if (IntentOf(step) is { } intent)
                intents[step] = intent;
        work.State.AddIntents([.. steps.Where(intents.ContainsKey).Select(step => intents[step])]);
        foreach (var step in steps)
            Try(step, intents.GetValueOrDefault(step), intent => Run(step, intent));
    }

    /// <summary>Runs a step; if the disk is not as planned, says so and goes on.</summary>
    public void Try(Step step, Intent? intent, Action<Intent?> action)
    {
        if (intent is not null)
            begun.Add(intent);
        try
        {
            action(intent);
        }
        catch (StepFailed failed)
        {
            Tell(new SyncProblem(SafePath(step), failed.Error == Posix.Exists ? "changed-meanwhile" : "local", failed.Message));
            if (failed.HalfDone)
                return;
        }
        catch (KeyNotFoundException)
        {
            // The folder that it belongs into could not be made; that failure was told.
            Tell(new SyncProblem(step.Goal.Name, "folder-missing", "Its folder could not be made."));
        }
        if (intent is not null)
            begun.Remove(intent);
    }

    // Downloads that fail are told at the same time.
    void Tell(SyncProblem problem)
    {
        lock (report)
            report.Problems.Add(problem);
    }

    string SafePath(Step step)
    {
        try
        {
            var parent = work.PathOf(step.Goal.Parent);
            return parent.Length == 0 ? step.Goal.Name : $"{parent}/{step.Goal.Name}";
        }
        catch (KeyNotFoundException)
        {
            return step.Goal.Name;
        }
    }

    // A change of ours must not look like one of the user's if the run ends before it is written down; nor may what is parked be forgotten.
    Intent? IntentOf(Step step) => step.Kind switch
    {
        StepKind.Park => new Intent(IntentKind.Park, step.Id, work.ShownPathOf(step.Id), Staged.Parked(step.Id), Inode(step.Id), work.ParentOf(step.Id)),
        StepKind.LocalMove => new Intent(IntentKind.Move, step.Id, work.ShownPathOf(step.Id), step.Goal.Name, Inode(step.Id), step.Goal.Parent),
        StepKind.LocalTrash => new Intent(IntentKind.Gone, step.Id, work.ShownPathOf(step.Id), trash.Run, Inode(step.Id), work.ParentOf(step.Id)),
        StepKind.LocalRemoveFolder or StepKind.LocalEvict => new Intent(IntentKind.Gone, step.Id, work.ShownPathOf(step.Id), "", Inode(step.Id), work.ParentOf(step.Id)),
        _ => null,
    };

    ulong Inode(NodeId id) => work.State.Known.TryGetValue(id, out var known) ? known.Signature.Inode : 0;

    void Run(Step step, Intent? intent)
    {
        switch (step.Kind)
        {
            case StepKind.Park:
                Move(step.Id, () => (work.Folder.Staging, intent!.Target));
                work.Parked[step.Id] = intent!.Target;
                parks[step.Id] = intent;
                Failpoint.Pass(Failpoint.ParkRenamed);
                break;
            case StepKind.LocalFolder:
                MakeFolder(step.Goal);
                break;
            case StepKind.LocalMove:
                Move(step.Id, () => (work.FolderOf(step.Goal.Parent), step.Goal.Name));
                Failpoint.Pass(copies.Contains(step.Id) ? Failpoint.ConflictRenamed : Failpoint.MoveRenamed);
                work.Placed(work.Tree[step.Id] with { Parent = step.Goal.Parent, Name = step.Goal.Name }, step.Goal.Name, work.Tree[step.Id].Content);
                report.MovedLocally++;
                break;
            case StepKind.LocalLink:
                MakeLink(step.Goal);
                break;
            case StepKind.LocalMetadata:
                SetMetadata(step.Goal);
                break;
            case StepKind.LocalTrash:
                MoveToTrash(step.Id, intent!.Source);
                break;
            case StepKind.LocalEvict:
                Evict(step.Id);
                break;
            case StepKind.LocalRemoveFolder:
                RemoveFolder(step.Id);
                break;
        }
    }

    void MakeFolder(Entry goal)
    {
        var error = Posix.MakeFolder(work.FolderOf(goal.Parent), goal.Name);
        if (error != 0)
            throw new StepFailed(error, $"The folder {goal.Name} cannot be made");
        work.Placed(goal, goal.Name, null);
        report.FoldersMade++;
    }

    void MakeLink(Entry goal)
    {
        var error = Posix.MakeLink(work.FolderOf(goal.Parent), goal.Name, goal.Target!);
        if (error != 0)
            throw new StepFailed(error, $"The symlink {goal.Name} cannot be made");
        work.Placed(goal, goal.Name, null);
        report.Downloaded++;
    }

    void Move(NodeId id, Func<(Microsoft.Win32.SafeHandles.SafeFileHandle Folder, string Name)> target)
    {
        RequireUnchanged(id);
        var (into, name) = target();
        var error = Posix.RenameNew(work.HolderOf(id), work.DiskName(id), into, name);
        if (error != 0)
            throw new StepFailed(error, $"{work.DiskName(id)} cannot be moved to {name}");
    }

    /// <summary>What stands at the node's place must be what the scan saw there.</summary>
    void RequireUnchanged(NodeId id)
    {
        if (work.Look(id) is not { } now)
            throw new StepFailed(Posix.NoEntry, $"{work.DiskName(id)} is not there any more");
        var known = work.State.Known[id].Signature;
        if (now.Signature.Inode != known.Inode || now.Signature.Device != known.Device)
            throw new StepFailed(Posix.Exists, $"{work.DiskName(id)} is another file by now");
    }

    void SetMetadata(Entry goal)
    {
        RequireSameBytes(goal.Id);
        using var file = Posix.OpenFile(work.Folder.Root, work.PathOf(goal.Id), out var error) ?? throw new StepFailed(error, $"{goal.Name} cannot be opened");
        if (goal.Executable != Stat.Of(file).IsExecutable)
            Posix.SetMode(file, FileBits.For(goal.Executable));
        error = Posix.SetModified(file, goal.Modified);
        if (error != 0)
            throw new StepFailed(error, $"The time of {goal.Name} cannot be set");
        work.Placed(work.Tree[goal.Id], work.DiskName(goal.Id), work.Tree[goal.Id].Content);
        report.MetadataChanged++;
    }

    void RequireSameBytes(NodeId id)
    {
        RequireUnchanged(id);
        if (work.Tree[id].Kind == NodeKind.File && !LooksSame(work.Look(id)!.Value.Signature, work.State.Known[id].Signature))
            throw new StepFailed(Posix.Exists, $"{work.DiskName(id)} was changed meanwhile");
    }

    // A rename of ours changes ctime, so only what a write changes is compared.
    static bool LooksSame(Signature now, Signature then) => now.SameInode(then) && now.Size == then.Size && now.Modified == then.Modified;

    void MoveToTrash(NodeId id, string path)
    {
        RequireSameBytes(id);
        var (into, name) = trash.Take(work.HolderOf(id), work.DiskName(id), path);
        Failpoint.Pass(Failpoint.TrashRenamed);
        if (work.Tree[id].Kind == NodeKind.File && !(Stat.Of(into, name, out _) is { } moved && IsUntouched(into, name, moved, id)))
        {
            report.Notes.Add(displaced.Surface(into, name, work.PathOf(id)));
            throw new StepFailed(Posix.Exists, $"{path} was changed at the last moment");
        }
        work.Gone(id);
        report.DeletedLocally++;
    }

    /// <summary>The file that was taken holds what was planned on; one that was written to in the last minute is read to be sure.</summary>
    bool IsUntouched(Microsoft.Win32.SafeHandles.SafeFileHandle into, string name, Stat now, NodeId id)
    {
        var known = work.State.Known[id];
        if (!LooksSame(now.Signature, known.Signature))
            return false;
        var age = clock.GetUtcNow() - DateTimeOffset.UnixEpoch.AddTicks(now.Signature.Modified / 100);
        return age > TimeSpan.FromSeconds(60) || FileHasher.Hash(into, name, out _, CancellationToken.None)?.Content == known.Content;
    }

    void Evict(NodeId id)
    {
        RequireUnchanged(id);
        var name = $"{IgnoreRules.EvictedPrefix}{clock.GetLocalNow():yyyy-MM-dd})";
        var error = Posix.MakeFolder(work.Folder.Root, name);
        if (error is not (0 or Posix.Exists))
            throw new StepFailed(error, $"{name} cannot be made");
        using var into = Posix.OpenFolder(work.Folder.Root, name, out error) ?? throw new StepFailed(error, $"{name} cannot be opened");
        error = Posix.RenameNew(work.HolderOf(id), work.DiskName(id), into, work.DiskName(id));
        if (error == Posix.Exists)
            error = Posix.RenameNew(work.HolderOf(id), work.DiskName(id), into, $"{id} {work.DiskName(id)}");
        if (error != 0)
            throw new StepFailed(error, $"{work.DiskName(id)} cannot be moved");
        report.Notes.Add($"“{work.DiskName(id)}” was changed here, and this account may no longer see it: it is now in “{name}”.");
        work.Gone(id);
    }

    void RemoveFolder(NodeId id)
    {
        var error = Posix.RemoveFolder(work.HolderOf(id), work.DiskName(id));
        if (error is not (0 or Posix.NoEntry))
            throw new StepFailed(error, $"The folder {work.DiskName(id)} was deleted elsewhere, but cannot be removed here");
        work.Gone(id);
        report.DeletedLocally++;
    }

    /// <summary>Puts a finished file of the staging folder at its place: a new one replaces nothing, a newer one changes places with the old, which is then looked at.</summary>
    public void Place(Step step, string staged, Intent intent)
    {
        var goal = step.Goal;
        if (step.Kind == StepKind.LocalPlace)
        {
            var error = Posix.RenameNew(work.Folder.Staging, staged, work.FolderOf(goal.Parent), goal.Name);
            if (error != 0)
                throw new StepFailed(error, $"{goal.Name} cannot be placed");
            Failpoint.Pass(Failpoint.DownloadExchanged);
            work.Placed(goal, goal.Name, intent.New);
            Failpoint.Pass(Failpoint.DownloadVerified);
        }
        else
            Replace(goal, staged, intent);
        report.Downloaded++;
    }

    void Replace(Entry goal, string staged, Intent intent)
    {
        RequireSameBytes(goal.Id);
        var (holder, name, path) = (work.HolderOf(goal.Id), work.DiskName(goal.Id), work.PathOf(goal.Id));
        var error = Posix.RenameNew(work.Folder.Staging, staged, work.Folder.Staging, intent.Target);
        if (error == 0)
            error = Posix.RenameSwap(work.Folder.Staging, intent.Target, holder, name);
        if (error != 0)
        {
            RemoveOurs(intent);
            throw new StepFailed(error, $"{name} cannot be replaced");
        }
        Failpoint.Pass(Failpoint.DownloadExchanged);
        if (!(Stat.Of(work.Folder.Staging, intent.Target, out _) is { } old && IsUntouched(work.Folder.Staging, intent.Target, old, goal.Id)))
            TakeBack(intent, holder, name, path);
        work.Placed(work.Tree[goal.Id] with { Content = intent.New, Size = goal.Size }, name, intent.New);
        Failpoint.Pass(Failpoint.DownloadVerified);
        try
        {
            trash.Take(work.Folder.Staging, intent.Target, path);
        }
        catch (StepFailed failed)
        {
            throw new StepFailed(failed.Error, $"The old version of {path} cannot be moved into the trash") { HalfDone = true };
        }
    }

    /// <summary>Somebody wrote to it in the last moment. Back it goes; the next comparison makes it a conflict.</summary>
    void TakeBack(Intent intent, Microsoft.Win32.SafeHandles.SafeFileHandle holder, string name, string path)
    {
        if (Posix.RenameSwap(work.Folder.Staging, intent.Target, holder, name) == 0 && Stat.Of(work.Folder.Staging, intent.Target, out _)?.Signature.Inode == intent.Inode)
            RemoveOurs(intent);
        else
            report.Notes.Add(displaced.Surface(work.Folder.Staging, intent.Target, path));
        throw new StepFailed(Posix.Exists, $"{name} was changed at the last moment");
    }

    // Only what is proven to be the file that was downloaded.
    void RemoveOurs(Intent intent)
    {
        if (Stat.Of(work.Folder.Staging, intent.Target, out _)?.Signature.Inode == intent.Inode)
            Posix.RemoveFile(work.Folder.Staging, intent.Target);
    }
}
