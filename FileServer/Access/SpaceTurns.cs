using System.Collections.Concurrent;
using FileServer.Http;
using FileServer.Protocol;

namespace FileServer.Access;

/// <summary>
/// The queue before a space's lock, in this process: who waits for a turn holds no database connection, so that a busy space
/// cannot use up those that all others need. Between processes the lock alone decides.
/// </summary>
sealed class SpaceTurns(TimeProvider clock)
{
    // One small object for each space that was ever changed since the start.
    readonly ConcurrentDictionary<SpaceId, SemaphoreSlim> turns = new();

    /// <summary>Runs work when it is this caller's turn.</summary>
    /// <exception cref="Refusal">Others took too long.</exception>
    public async Task<T> RunAsync<T>(SpaceId space, int waitSeconds, Func<Task<T>> work, CancellationToken ct)
    {
        var turn = turns.GetOrAdd(space, _ => new SemaphoreSlim(1));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(waitSeconds), clock);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(ct, patience.Token);
        try
        {
            await turn.WaitAsync(linked.Token);
        }
        catch (OperationCanceledException late) when (!ct.IsCancellationRequested)
        {
            throw Refusal.Unavailable("Others are changing this space; nothing was changed. Send the same request again.", 1, late);
        }
        try
        {
            return await SpaceLock.RefuseWhenBusyAsync(work);
        }
        finally
        {
            turn.Release();
        }
    }
}
