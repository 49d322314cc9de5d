using FileClient.Sync.Core;
using FileClient.Sync.State;
using FileServer.Protocol;

namespace FileClient.Sync;

/// <summary>What an own commit does to the remembered tree of the server, before the feed tells of it.</summary>
static class RemoteTree
{
    /// <summary>What may be done in a folder.</summary>
    public static Permits PermitsOf(SyncState state, NodeId parent) =>
        state.Remote.TryGetValue(parent, out var folder) ? folder.Permits : int.TryParse(state.Meta("rootPermits"), out var permits) ? (Permits)permits : Permits.All;

    /// <summary>A node is gone with all below it.</summary>
    public static List<NodeId> Forget(SyncState state, NodeId top)
    {
        var children = state.Remote.Values.ToLookup(static entry => entry.Parent, static entry => entry.Id);
        List<NodeId> gone = [];
        var queue = new Queue<NodeId>([top]);
        while (queue.TryDequeue(out var id))
        {
            foreach (var child in children[id])
                queue.Enqueue(child);
            gone.Add(id);
            state.ForgetRemote(id);
        }
        return gone;
    }
}
