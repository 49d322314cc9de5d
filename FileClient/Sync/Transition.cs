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
sealed class Transition(Workspace work, Trash trash, SyncReport report, TimeProvider clock)
{
    /// <summary>Folders, moves, links, times and modes, deletions: everything without new bytes.</summary>
    public void Run(IReadOnlyList<Step> steps)
    {
        work.State.AddIntents([.. steps.Select(IntentOf).OfType<Intent>()]);
        foreach (var step in steps)
            Try(step, () => Run(step));
    }

    /// <summary>Runs a step; if the disk is not as planned, says so and goes on.</summary>
    public void Try(Step step, Action action)
    {
        try
        {
            action();
        }
        catch (StepFailed failed)
        {
            Tell(new SyncProblem(SafePath(step), failed.Error == Posix.Exists ? "changed-meanwhile" : "local", failed.Message));
        }
        catch (KeyNotFoundException)
        {
            // The folder that it belongs into could not be made; that failure was told.
            Tell(new SyncProblem(step.Goal.Name, "folder-missing", "Its folder could not be made."));
        }
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

    // A deletion of ours must not look like one of the user's if the run ends before it is written down; nor may what is parked be forgotten.
    Intent? IntentOf(Step step) => step.Kind switch
    {
        StepKind.Park => new Intent(NewIntent(), "park", step.Id, work.PathOf(step.Id), ParkedName(step.Id), Inode(step.Id)),
        StepKind.LocalTrash or StepKind.LocalRemoveFolder or StepKind.LocalEvict => new Intent(NewIntent(), "gone", step.Id, work.PathOf(step.Id), "", Inode(step.Id)),
        _ => null,
    };

    static string NewIntent() => Guid.CreateVersion7().ToString("N");

    static string ParkedName(NodeId id) => $"parked-{id}";

    ulong Inode(NodeId id) => work.State.Known.TryGetValue(id, out var known) ? known.Signature.Inode : 0;

    void Run(Step step)
    {
        switch (step.Kind)
        {
            case StepKind.Park:
                Move(step.Id, () => (work.Folder.Staging, ParkedName(step.Id)));
                work.Parked[step.Id] = ParkedName(step.Id);
                break;
            case StepKind.LocalFolder:
                MakeFolder(step.Goal);
                break;
            case StepKind.LocalMove:
                Move(step.Id, () => (work.FolderOf(step.Goal.Parent), step.Goal.Name));
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
                MoveToTrash(step.Id);
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

    void MoveToTrash(NodeId id)
    {
        RequireSameBytes(id);
        var path = work.PathOf(id);
        var holder = work.HolderOf(id);
        var (into, name) = trash.Take(holder, work.DiskName(id), path);
        if (Stat.Of(into, name, out _) is { } moved && work.Tree[id].Kind == NodeKind.File && !IsUntouched(into, name, moved, id))
        {
            Posix.RenameNew(into, name, holder, work.DiskName(id));
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
    public void Place(Step step, string staged, Digest content)
    {
        var goal = step.Goal;
        if (step.Kind == StepKind.LocalPlace)
        {
            var error = Posix.RenameNew(work.Folder.Staging, staged, work.FolderOf(goal.Parent), goal.Name);
            if (error != 0)
                throw new StepFailed(error, $"{goal.Name} cannot be placed");
            work.Placed(goal, goal.Name, content);
        }
        else
            Replace(goal, staged, content);
        report.Downloaded++;
    }

    void Replace(Entry goal, string staged, Digest content)
    {
        var holder = work.HolderOf(goal.Id);
        var name = work.DiskName(goal.Id);
        try
        {
            RequireSameBytes(goal.Id);
        }
        catch (StepFailed)
        {
            Posix.RemoveFile(work.Folder.Staging, staged);
            throw;
        }
        var ours = Stat.Of(work.Folder.Staging, staged, out _)?.Signature.Inode;
        var error = Posix.RenameSwap(work.Folder.Staging, staged, holder, name);
        if (error != 0)
            throw new StepFailed(error, $"{name} cannot be replaced");
        if (Stat.Of(work.Folder.Staging, staged, out _) is { } displaced && !IsUntouched(work.Folder.Staging, staged, displaced, goal.Id))
        {
            // Somebody wrote to it in the last moment. Back it goes; the next comparison makes it a conflict.
            if (Posix.RenameSwap(work.Folder.Staging, staged, holder, name) == 0 && Stat.Of(work.Folder.Staging, staged, out _)?.Signature.Inode == ours)
                Posix.RemoveFile(work.Folder.Staging, staged);
            else
                trash.Take(work.Folder.Staging, staged, work.PathOf(goal.Id));
            throw new StepFailed(Posix.Exists, $"{name} was changed at the last moment");
        }
        trash.Take(work.Folder.Staging, staged, work.PathOf(goal.Id));
        work.Placed(work.Tree[goal.Id] with { Content = content, Size = goal.Size }, name, content);
    }
}
