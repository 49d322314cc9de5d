using FileServer.Protocol.Contracts;

namespace FileClient.Sync.Core;

/// <summary>
/// What the local folder has to change, in an order in which each step finds its folder there and its name free:
/// new folders and moves (parking what stands in the way), then files, then deletions, then emptied folders.
/// </summary>
sealed class LocalOrder(Merge merge)
{
    readonly List<Item> structure = [];
    readonly List<(Item Item, Step Step)> places = [];
    readonly List<Step> replaces = [], metadata = [], steps = [];
    readonly List<Item> doomed = [];
    readonly HashSet<Item> gone = [], parked = [];
    readonly Dictionary<Item, (Item Parent, string Name)> now = [];
    readonly Dictionary<(Item Parent, string Name), Item> occupied = [];

    public void Add(Item item)
    {
        if (item.L is { } current)
        {
            var place = (merge.LocalParent(item)!, current.Name);
            now[item] = place;
            occupied[place] = item;
        }
        if (item.HoldLocal)
            return;
        if (!item.Alive)
        {
            if (item.L is not null)
                doomed.Add(item);
            return;
        }
        if (item.L is { } here)
            Change(item, here);
        else if (item.Kind == NodeKind.Folder)
            structure.Add(item);
        else
            places.Add((item, new Step(item.Kind == NodeKind.Symlink ? StepKind.LocalLink : StepKind.LocalPlace, Emit.Goal(item, merge.Root))));
    }

    void Change(Item item, Entry here)
    {
        if (merge.LocalParent(item) != item.Parent || here.Name != item.Name)
            structure.Add(item);
        if (item.Kind != NodeKind.File)
            return;
        var goal = Emit.Goal(item, merge.Root);
        if (!item.FromLocal && !goal.SameContent(here))
            replaces.Add(new Step(StepKind.LocalReplace, goal, here));
        else if (!goal.SameMetadata(here))
            metadata.Add(new Step(StepKind.LocalMetadata, goal, here));
    }

    public IReadOnlyList<Step> Steps()
    {
        ArrangeStructure();
        foreach (var (item, _) in places)
            Vacate((item.Parent!, item.Name));
        steps.AddRange(places.Where(place => place.Item.Parent == merge.Root || now.ContainsKey(place.Item.Parent!)).Select(static place => place.Step));
        steps.AddRange(replaces);
        steps.AddRange(metadata);
        foreach (var item in doomed)
            if (item.Kind != NodeKind.Folder)
                Trash(item);
        foreach (var item in doomed.Where(static item => item.Kind == NodeKind.Folder).OrderByDescending(Depth).ThenBy(static item => item.Id.Value))
            steps.Add(new Step(StepKind.LocalRemoveFolder, item.L! with { Id = item.Id }, item.L));
        return steps;
    }

    void ArrangeStructure()
    {
        var pending = structure.OrderBy(static item => item.L is null ? 0 : 1).ThenBy(GoalDepth).ThenBy(static item => item.Id.Value).ToList();
        while (pending.Count > 0)
        {
            var before = pending.Count;
            pending.RemoveAll(TryArrange);
            if (pending.Count == before && !Unblock(pending))
            {
                // Cannot be reached: names were settled before. What is left waits for the next plan.
                foreach (var item in pending)
                    merge.Report(item, "name-busy", "Its place is still taken.");
                return;
            }
        }
    }

    bool TryArrange(Item item)
    {
        var target = (item.Parent!, item.Name);
        if (!IsThere(item.Parent!) || IsBelow(item.Parent!, item) || (occupied.TryGetValue(target, out var other) && other != item))
            return false;
        if (item.L is null)
            steps.Add(new Step(StepKind.LocalFolder, Emit.Goal(item, merge.Root)));
        else
            steps.Add(new Step(StepKind.LocalMove, Emit.Goal(item, merge.Root), item.L));
        Leave(item);
        now[item] = target;
        occupied[target] = item;
        return true;
    }

    // Something stands in the way of the first one that waits: into the trash with it, or aside.
    bool Unblock(List<Item> pending)
    {
        foreach (var item in pending)
            if (Vacate((item.Parent!, item.Name)))
                return true;
        foreach (var item in pending)
            if (item.L is not null && Park(item))
                return true;
        return false;
    }

    bool Vacate((Item Parent, string Name) place)
    {
        if (!occupied.TryGetValue(place, out var other) || other.HoldLocal)
            return false;
        if (!other.Alive)
            return other.Kind == NodeKind.Folder ? Park(other) : Trash(other);
        return (merge.LocalParent(other) != other.Parent || other.L?.Name != other.Name) && !(other.Parent == place.Parent && other.Name == place.Name) && Park(other);
    }

    bool Park(Item item)
    {
        if (!parked.Add(item))
            return false;
        steps.Add(new Step(StepKind.Park, item.L! with { Id = item.Id }, item.L));
        Leave(item);
        now[item] = (item, "");
        return true;
    }

    bool Trash(Item item)
    {
        if (!gone.Add(item))
            return false;
        steps.Add(new Step(item.Evict ? StepKind.LocalEvict : StepKind.LocalTrash, item.L! with { Id = item.Id }, item.L));
        Leave(item);
        return true;
    }

    void Leave(Item item)
    {
        if (now.Remove(item, out var place) && occupied.TryGetValue(place, out var there) && there == item)
            occupied.Remove(place);
    }

    bool IsThere(Item folder) => folder == merge.Root || now.ContainsKey(folder);

    bool IsBelow(Item folder, Item above)
    {
        for (var next = folder; next != merge.Root; next = now[next].Parent)
        {
            if (next == above)
                return true;
            if (!now.TryGetValue(next, out var place) || place.Parent == next)
                return false;
        }
        return false;
    }

    int Depth(Item item)
    {
        var depth = 0;
        for (var next = merge.LocalParent(item); next is not null && next != merge.Root; next = merge.LocalParent(next))
            depth++;
        return depth;
    }

    int GoalDepth(Item item)
    {
        var depth = 0;
        for (var next = item.Parent; next is not null && next != merge.Root; next = next.Parent)
            depth++;
        return depth;
    }
}
