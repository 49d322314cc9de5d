using System.Collections.Concurrent;
using FileServer.Access;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;

namespace FileServer.Files;

/// <summary>A changeset that waits for its space's turn, and what becomes of it.</summary>
sealed class PendingCommit(Caller caller, ChangesetRequest request)
{
    public Caller Caller => caller;

    public ChangesetRequest Request => request;

    public TaskCompletionSource<Committed> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>
/// The line of changesets before a space's turn. While one transaction runs, the next gather; those that cannot be in each
/// other's way are then committed by one transaction, each as a revision of its own. Many clients that each put one file so
/// share the statements and the one sync of a commit.
/// </summary>
sealed class CommitQueue(SpaceTurns turns, TimeProvider clock)
{
    const int MostTogether = 64;

    // One small object for each space that was ever changed since the start.
    readonly ConcurrentDictionary<SpaceId, Line> lines = new();

    /// <summary>Stands in line, and returns when the changeset has been carried out.</summary>
    /// <param name="carryOut">Settles all that it is given. The first came first; the others share nothing with it or each other.</param>
    /// <exception cref="Refusal">Others took too long; or what the changeset itself met.</exception>
    public async Task<Committed> RunAsync(SpaceId space, PendingCommit pending, Func<IReadOnlyList<PendingCommit>, Task> carryOut, int waitSeconds, CancellationToken ct)
    {
        var line = lines.GetOrAdd(space, _ => new Line());
        if (line.Enter(pending))
            _ = Task.Run(() => ServeAsync(space, line, carryOut, waitSeconds), CancellationToken.None);
        try
        {
            return await pending.Done.Task.WaitAsync(TimeSpan.FromSeconds(waitSeconds), clock, ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // What is being carried out already is carried out: nobody is left to hear of it.
            line.Leave(pending);
            throw;
        }
        catch (TimeoutException late)
        {
            if (line.Leave(pending))
                throw Refusal.Unavailable("Others are changing this space; nothing was changed. Send the same request again.", 1, late);
            return await pending.Done.Task.WaitAsync(ct);
        }
    }

    /// <summary>Takes turns until nobody is in line.</summary>
    async Task ServeAsync(SpaceId space, Line line, Func<IReadOnlyList<PendingCommit>, Task> carryOut, int waitSeconds)
    {
        while (line.IsBusy())
        {
            try
            {
                await turns.RunAsync(
                    space,
                    waitSeconds,
                    async () =>
                    {
                        if (line.Take(MostTogether) is { Count: > 0 } together)
                            await carryOut(together);
                        return 0;
                    },
                    CancellationToken.None);
            }
            catch (Refusal busy)
            {
                // No turn came in all this time: whoever is first has waited as long. The others are told when their time is up.
                foreach (var pending in line.Take(1))
                    pending.Done.TrySetException(busy);
            }
        }
    }

    sealed class Line
    {
        readonly Lock gate = new();
        readonly LinkedList<PendingCommit> waiting = [];
        bool served;

        /// <returns>Whether somebody has to begin to serve the line.</returns>
        public bool Enter(PendingCommit pending)
        {
            lock (gate)
            {
                waiting.AddLast(pending);
                var first = !served;
                served = true;
                return first;
            }
        }

        /// <returns>Whether it was still in line.</returns>
        public bool Leave(PendingCommit pending)
        {
            lock (gate)
                return waiting.Remove(pending);
        }

        public bool IsBusy()
        {
            lock (gate)
                return served = waiting.Count > 0;
        }

        /// <summary>The first in line, and all behind it that can go along.</summary>
        public List<PendingCommit> Take(int most)
        {
            lock (gate)
            {
                var together = new List<PendingCommit>();
                var taken = new HashSet<object>();
                for (var at = waiting.First; at is not null && together.Count < most;)
                {
                    var next = at.Next;
                    var touched = at.Value.Request.Touched;
                    if (together.Count == 0 || (touched is not null && !taken.Overlaps(touched)))
                    {
                        together.Add(at.Value);
                        waiting.Remove(at);
                        if (touched is null)
                            break;
                        taken.UnionWith(touched);
                    }
                    at = next;
                }
                return together;
            }
        }
    }
}
