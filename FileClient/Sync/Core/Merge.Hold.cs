namespace FileClient.Sync.Core;

/// <content>Rows 15, 29, 49, P2: what cannot be done now is left alone and named; a bad node never stops the rest.</content>
sealed partial class Merge
{
    /// <summary>Row 29: a folder stays as long as it holds something that is not ours to remove.</summary>
    void HoldDoomedAncestors()
    {
        foreach (var item in all.ToList())
        {
            if (item is { Alive: false, L.HasLeftovers: true, Held: false })
            {
                item.Hold();
                Report(item, "not-empty", "The folder was deleted elsewhere, but holds entries that are not synced.");
            }
            if (!item.Held)
                continue;
            if (item.L is { } here)
                HoldUpwards(LocalParent, LocalParent(item), moved: here.Status == EntryStatus.Unreadable);
            if (item.R is not null)
                HoldUpwards(RemoteParent, RemoteParent(item), moved: false);
        }
    }

    void HoldUpwards(Func<Item, Item?> parentOf, Item? from, bool moved)
    {
        for (var folder = from; folder is not null && folder != Root; folder = parentOf(folder))
        {
            if (folder.Held)
                continue;
            if (!folder.Alive)
            {
                folder.Hold();
                Report(folder, "not-empty", "The folder was deleted elsewhere, but something in it has to wait.");
            }
            else if (moved && folder.L is { } here && (folder.Parent != LocalParent(folder) || folder.Name != here.Name))
            {
                folder.HoldLocal = true;
                Report(folder, "unreadable-below", "The folder was moved elsewhere, but something in it cannot be read.");
            }
        }
    }

    /// <summary>Rights, names and parents that a step would need and does not have.</summary>
    bool HoldWhatCannotBeCarried()
    {
        var before = all.Count(static item => item.HoldLocal) + all.Count(static item => item.HoldRemote);
        var seen = new HashSet<Item>();
        foreach (var item in all)
            CheckCarried(item, seen);
        return before != all.Count(static item => item.HoldLocal) + all.Count(static item => item.HoldRemote);
    }

    void CheckCarried(Item item, HashSet<Item> seen)
    {
        if (item == Root || !seen.Add(item) || !item.Alive)
            return;
        if (item.Parent is { } parent)
        {
            CheckCarried(parent, seen);
            if (!item.HoldRemote)
                CheckRemote(item, parent);
            if (!item.HoldLocal)
                CheckLocal(item, parent);
        }
    }

    void CheckRemote(Item item, Item parent)
    {
        var arrives = item.R is null || RemoteParent(item) != parent;
        if (!arrives && item.R!.Name == item.Name)
            return;
        if (arrives && parent != Root && parent.HoldRemote && parent.R is null)
        {
            item.HoldRemote = true;
            return;
        }
        if (item.R is not null && ClosesCircle(item, static next => next.HoldRemote, RemoteParent))
        {
            HoldRemote(item, "waiting", "It was moved into a folder that has to wait.");
            return;
        }
        var permits = parent == Root ? RootPermits : parent.R?.Permits ?? Permits.All;
        if (arrives && !permits.HasFlag(Permits.Create))
            HoldRemote(item, "forbidden", "Nothing may be added to this folder; it stays on this device only.");
        else if (options.RemoteNameProblem(item.Name) is { } reason)
            HoldRemote(item, "invalid-name", reason);
    }

    // What is held stands where it stood, so a move into it may go round in a circle.
    bool ClosesCircle(Item item, Func<Item, bool> held, Func<Item, Item?> standing)
    {
        var steps = 0;
        for (var next = item.Parent; next is not null && next != Root && steps++ <= all.Count; next = held(next) ? standing(next) : next.Parent)
            if (next == item)
                return true;
        return false;
    }

    void HoldRemote(Item item, string code, string reason)
    {
        item.HoldRemote = true;
        Report(item, code, reason);
    }

    void CheckLocal(Item item, Item parent)
    {
        var arrives = item.L is null || LocalParent(item) != parent;
        if (!arrives && item.L!.Name == item.Name)
            return;
        if ((arrives && parent != Root && parent.HoldLocal && parent.L is null) || (item.L is not null && ClosesCircle(item, static next => next.HoldLocal, LocalParent)))
            item.HoldLocal = true;
        else if (item.R is not null && options.LocalNameProblem(item.Name) is { } reason)
        {
            item.HoldLocal = true;
            Report(item, "invalid-name", reason);
        }
    }
}
