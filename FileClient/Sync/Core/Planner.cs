namespace FileClient.Sync.Core;

// 1. Equal trees give an empty plan.
// 2. The plan depends on its arguments alone: steps stand in an order that ids decide.
// 3. Carrying the plan out makes local, remote and synced equal, except for what it names as a problem or holds back.
// 4. No content disappears: what one side changed is at its place, in a conflict copy, in a trash or among the server's versions.

/// <summary>Compares the three trees and says what has to be done on each side. A pure function: no disk, no clock, no network.</summary>
static class Planner
{
    public static Plan Reconcile(TreeState synced, TreeState local, TreeState remote, PlanOptions options)
    {
        if (IsQuiet(synced, local, remote))
            return Plan.Nothing;
        var merge = new Merge(synced, local, remote, options, holdLocalDeletes: false, options.HoldDeletes);
        merge.Run();
        var (holdLocal, holdRemote, brakes) = MassDelete.Check(merge, synced, local, options.Brake);
        if (brakes.Count > 0)
        {
            merge = new Merge(synced, local, remote, options, holdLocal, holdRemote || options.HoldDeletes);
            merge.Run();
        }
        return Emit.From(merge) with { Brakes = brakes };
    }

    static bool IsQuiet(TreeState synced, TreeState local, TreeState remote)
    {
        if (synced.Nodes.Count != local.Nodes.Count || synced.Nodes.Count != remote.Nodes.Count)
            return false;
        foreach (var (id, entry) in synced.Nodes)
        {
            if (!(local.Find(id) is { Status: EntryStatus.Known } here && (ReferenceEquals(entry, here) || entry.Agrees(here))))
                return false;
            if (!(remote.Find(id) is { } there && entry.Equals(there)))
                return false;
        }
        return true;
    }
}
