using FileClient.Sync.Core;
using FileClient.Sync.State;
using FileServer.Protocol;

namespace FileClient.Sync;

/// <summary>One thing that a run did, for people and programs that look on.</summary>
/// <param name="Event">sent, fetched, made, moved, deleted, restored or updated (time and mode).</param>
/// <param name="On">Where it was done: <c>server</c> or <c>device</c>.</param>
/// <param name="From">Where a moved node stood before.</param>
sealed record SyncDone(string Event, string On, string Path, string? From = null, long? Bytes = null);

/// <summary>Tells after a round which steps of its plan were carried out. What failed is told among the problems.</summary>
sealed class Deeds(Plan plan, SyncState state, Dictionary<NodeId, Entry> tree, Action<SyncDone> tell)
{
    readonly Dictionary<NodeId, string> before = Before(plan, state, tree);

    // Where something stood can only be said before it has gone.
    static Dictionary<NodeId, string> Before(Plan plan, SyncState state, Dictionary<NodeId, Entry> tree)
    {
        Dictionary<NodeId, string> paths = [];
        foreach (var step in plan.Local)
            if (step.Kind is StepKind.LocalMove or StepKind.LocalTrash or StepKind.LocalRemoveFolder or StepKind.LocalEvict)
                paths[step.Id] = Paths.Of(step.Id, step.Goal.Name, tree);
        foreach (var step in plan.Remote)
            if (step.Kind is StepKind.RemoteMove or StepKind.RemoteDelete)
                paths[step.Id] = Paths.Of(step.Id, step.Goal.Name, state.Remote);
        return paths;
    }

    public void Tell()
    {
        foreach (var step in plan.Remote)
            if (IsDone(step, state.Remote))
                tell(Done(step, "server", state.Remote));
        foreach (var step in plan.Local)
            if (step.Kind != StepKind.Park && IsDone(step, tree))
                tell(Done(step, "device", tree));
    }

    static bool IsDone(Step step, IReadOnlyDictionary<NodeId, Entry> side) => step.Kind switch
    {
        StepKind.LocalTrash or StepKind.LocalRemoveFolder or StepKind.LocalEvict or StepKind.RemoteDelete => !side.ContainsKey(step.Id),
        StepKind.LocalMetadata or StepKind.RemoteMetadata => side.TryGetValue(step.Id, out var now) && now.SameMetadata(step.Goal),
        StepKind.LocalMove or StepKind.RemoteMove or StepKind.RemoteRestore => side.TryGetValue(step.Id, out var now) && now.SamePlace(step.Goal),
        _ => side.TryGetValue(step.Id, out var now) && now.SameContent(step.Goal),
    };

    SyncDone Done(Step step, string on, IReadOnlyDictionary<NodeId, Entry> side) => step.Kind switch
    {
        StepKind.LocalTrash or StepKind.LocalRemoveFolder or StepKind.LocalEvict or StepKind.RemoteDelete => new SyncDone("deleted", on, before[step.Id]),
        StepKind.LocalMove or StepKind.RemoteMove => new SyncDone("moved", on, PathOf(step, side), before[step.Id]),
        StepKind.RemoteRestore => new SyncDone("restored", on, PathOf(step, side)),
        StepKind.LocalMetadata or StepKind.RemoteMetadata => new SyncDone("updated", on, PathOf(step, side)),
        StepKind.LocalFolder or StepKind.RemoteFolder => new SyncDone("made", on, PathOf(step, side)),
        StepKind.RemotePut or StepKind.RemoteLink => new SyncDone("sent", on, PathOf(step, side), Bytes: step.Goal.Size),
        _ => new SyncDone("fetched", on, PathOf(step, side), Bytes: step.Goal.Size),
    };

    static string PathOf(Step step, IReadOnlyDictionary<NodeId, Entry> side) => Paths.Of(step.Id, step.Goal.Name, side);
}
