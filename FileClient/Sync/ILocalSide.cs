using FileClient.Sync.Core;
using FileClient.Sync.Disk;
using FileClient.Sync.State;

namespace FileClient.Sync;

/// <summary>How a run sees this device's side: by looking at the whole folder, or by following it.</summary>
interface ILocalSide
{
    /// <summary>Brings the local tree up to date with the disk.</summary>
    Task<LocalView> ReadAsync(CancellationToken ct);

    /// <summary>The three trees to compare: whole, or the part of them in which there is anything to compare.</summary>
    (TreeState Synced, TreeState Local, TreeState Remote) Trees(LocalView local);

    /// <summary>Throws away what is remembered of files that are gone.</summary>
    void Sweep();
}

/// <summary>Looks at everything, each time.</summary>
sealed class WholeFolder(SyncFolder folder, SyncState state, SyncLink link) : ILocalSide
{
    public Task<LocalView> ReadAsync(CancellationToken ct) => LocalTree.ReadAsync(folder, state, link.Root, ct);

    public (TreeState Synced, TreeState Local, TreeState Remote) Trees(LocalView local) =>
        (new TreeState(link.Root, state.Synced), new TreeState(link.Root, local.Tree), Fetch.View(state, link));

    public void Sweep() => state.SweepChunks();
}
