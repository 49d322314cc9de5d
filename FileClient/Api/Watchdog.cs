namespace FileClient.Api;

/// <summary>Ends a request on which no byte has moved for too long. Every byte sent or received resets it.</summary>
sealed class Watchdog : IDisposable
{
    readonly CancellationTokenSource source;
    readonly TimeSpan patience;
    readonly CancellationToken caller;
    long lastBeat;

    public Watchdog(TimeSpan patience, CancellationToken caller)
    {
        this.patience = patience;
        this.caller = caller;
        source = CancellationTokenSource.CreateLinkedTokenSource(caller);
        Beat();
    }

    public CancellationToken Token => source.Token;

    /// <summary>Whether it was the silence, not the caller, that ended the request.</summary>
    public bool Bit => source.IsCancellationRequested && !caller.IsCancellationRequested;

    public void Beat()
    {
        // Re-arming a timer for each block of a fast transfer would cost more than the block: once a second is enough.
        var now = Environment.TickCount64;
        if (lastBeat != 0 && now - lastBeat < 1000)
            return;
        lastBeat = now;
        source.CancelAfter(patience);
    }

    /// <summary>A stream that cannot go silent: an event stream rests for as long as nothing happens.</summary>
    public void Rest() => source.CancelAfter(Timeout.InfiniteTimeSpan);

    public void Dispose() => source.Dispose();
}
