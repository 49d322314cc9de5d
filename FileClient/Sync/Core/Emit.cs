namespace FileClient.Sync.Core;

/// <summary>Reads the steps off the merged tree: what differs from the local tree, and what differs from the server's.</summary>
static class Emit
{
    public static Plan From(Merge merge)
    {
        var remote = new RemoteOrder(merge);
        var local = new LocalOrder(merge);
        List<Rebinding> rebindings = [];
        List<Entry> adopt = [];
        foreach (var item in merge.Items)
        {
            if (item.L is { } here && here.Id != item.Id)
                rebindings.Add(new Rebinding(here.Id, item.Id, item.TakesSynced));
            remote.Add(item);
            local.Add(item);
            if (item is { Alive: true, Held: false, HoldLocal: false, HoldRemote: false, L: { } now, R: { } there } && !there.Equals(item.S) && IsSettled(merge, item, now, there))
                adopt.Add(there);
        }
        var localSteps = local.Steps();
        return new Plan
        {
            Rebindings = rebindings,
            Adopt = adopt,
            Forget = [.. merge.Forget.OrderBy(static id => id.Value)],
            Local = localSteps,
            Remote = remote.Steps(),
            Conflicts = merge.Conflicts,
            Problems = merge.Problems,
            Notes = merge.Notes,
        };
    }

    static bool IsSettled(Merge merge, Item item, Entry here, Entry there)
    {
        var goal = Goal(item, merge.Root);
        return goal.Agrees(there) && here.SameContent(there) && here.SameMetadata(there) && here.Name == item.Name && merge.LocalParent(item) == item.Parent;
    }

    /// <summary>The node as it is to be on both sides.</summary>
    public static Entry Goal(Item item, Item root)
    {
        var there = item.RemoteBase;
        var bytes = item.FromLocal ? item.L! : there ?? item.L ?? item.S!;
        return bytes with
        {
            Id = item.Id,
            Parent = (item.Parent ?? root).Id,
            Name = item.Name,
            Executable = Executable(item, there),
            Modified = Modified(item, there),
            Version = there?.Version ?? 0,
            Revision = there?.Revision ?? 0,
            Permits = there?.Permits ?? Permits.All,
            Status = EntryStatus.Known,
            Reason = null,
            HasLeftovers = false,
        };
    }

    static bool Executable(Item item, Entry? there)
    {
        if (item.L is not { } here)
            return (there ?? item.S)!.Executable;
        return there is null || (item.S is { } then && there.Executable == then.Executable) ? here.Executable : there.Executable;
    }

    static long Modified(Item item, Entry? there)
    {
        if (item.L is not { } here)
            return (there ?? item.S)!.Modified;
        if (there is null)
            return here.Modified;
        if (!here.SameContent(there))
            return item.FromLocal ? here.Modified : there.Modified;
        return item.S is { } then && there.Modified == then.Modified ? here.Modified : there.Modified;
    }
}
