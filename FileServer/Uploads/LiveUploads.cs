using FileServer.Http;
using Microsoft.Extensions.Options;

namespace FileServer.Uploads;

/// <summary>
/// One request at a time for each upload, and the files of uploads that stay open between their requests. Whoever holds an upload, perhaps for a client
/// that is long gone, is asked to let go as soon as somebody else wants it, or somebody newer has had it.
/// </summary>
sealed class LiveUploads(IOptions<UploadsOptions> options, TimeProvider clock) : IAsyncDisposable
{
    readonly Lock gate = new();
    readonly Dictionary<Guid, LiveUpload> uploads = [];

    /// <summary>Waits for the upload's turn.</summary>
    /// <exception cref="Refusal">The holder did not let go in time.</exception>
    public async Task<UploadTurn> TakeAsync(Guid id, CancellationToken ct)
    {
        var (upload, ticket) = Enter(id);
        if (await WaitAsync(upload, ct))
            return new UploadTurn(this, upload, ticket);
        upload.GiveUp();
        Leave(upload);
        throw new Refusal(RefusalKind.Locked, "Another request works on this upload. Try again in a moment.") { RetryAfterSeconds = 1 };
    }

    /// <summary>Keeps the files of a new upload open for its next request.</summary>
    public async Task KeepAsync(Guid id, UploadSink sink)
    {
        await using var turn = await TakeAsync(id, CancellationToken.None);
        turn.Sink = sink;
    }

    /// <summary>Whether some request works on the upload now.</summary>
    public bool IsHeld(Guid id)
    {
        lock (gate)
            return uploads.TryGetValue(id, out var upload) && upload.Turn.CurrentCount == 0;
    }

    /// <summary>Closes files that nobody used for so long; and the oldest when there are too many.</summary>
    public async Task CloseIdleAsync()
    {
        List<LiveUpload> idle;
        lock (gate)
        {
            var kept = uploads.Values.Where(upload => upload is { Users: 0, Sink: not null }).OrderBy(upload => upload.LastUsed).ToList();
            var oldest = clock.GetUtcNow().AddSeconds(-options.Value.KeepOpenSeconds);
            var surplus = Math.Max(0, kept.Count - options.Value.MaxKeptOpen);
            idle = [.. kept.Where((upload, place) => place < surplus || upload.LastUsed < oldest)];
            idle.ForEach(upload => uploads.Remove(upload.Id));
        }
        foreach (var upload in idle)
            await upload.CloseAsync();
    }

    public async ValueTask DisposeAsync()
    {
        List<LiveUpload> rest;
        lock (gate)
        {
            rest = [.. uploads.Values];
            uploads.Clear();
        }
        foreach (var upload in rest)
            await upload.CloseAsync();
    }

    (LiveUpload Upload, long Ticket) Enter(Guid id)
    {
        lock (gate)
        {
            if (!uploads.TryGetValue(id, out var upload))
                uploads.Add(id, upload = new LiveUpload(id));
            upload.Users++;
            return (upload, upload.Enter());
        }
    }

    async Task<bool> WaitAsync(LiveUpload upload, CancellationToken ct)
    {
        try
        {
            return await upload.Turn.WaitAsync(options.Value.LockWaitMilliseconds, ct);
        }
        catch
        {
            upload.GiveUp();
            Leave(upload);
            throw;
        }
    }

    internal void Leave(LiveUpload upload)
    {
        lock (gate)
        {
            upload.LastUsed = clock.GetUtcNow();
            upload.Users--;
            if (upload is { Users: 0, Sink: null })
                uploads.Remove(upload.Id);
        }
    }
}

/// <summary>An upload that some request works on, or whose files are open.</summary>
sealed class LiveUpload(Guid id)
{
    readonly Lock gate = new();
    CancellationTokenSource? holder;
    long newest;
    int waiting;

    public Guid Id => id;

    public SemaphoreSlim Turn { get; } = new(1);

    /// <summary>Requests that hold the upload or wait for it; guarded by the lock of <see cref="LiveUploads"/>.</summary>
    public int Users { get; set; }

    public DateTimeOffset LastUsed { get; set; }

    public UploadSink? Sink { get; set; }

    /// <summary>A newcomer: whoever holds the upload is asked to let go.</summary>
    /// <returns>Its place in the order of coming.</returns>
    public long Enter()
    {
        CancellationTokenSource? before;
        long ticket;
        lock (gate)
        {
            (before, ticket) = (holder, ++newest);
            waiting++;
        }
        before?.Cancel();
        return ticket;
    }

    /// <summary>A request that has waited in vain.</summary>
    public void GiveUp()
    {
        lock (gate)
            waiting--;
    }

    /// <summary>Interrupted from the start when others wait, too, or somebody newer has come while this request waited.</summary>
    public CancellationToken Hold(long ticket)
    {
        // Never disposed: it owns no timer, and a newcomer may be about to cancel it.
        var source = new CancellationTokenSource();
        bool late;
        lock (gate)
            (holder, late) = (source, --waiting > 0 || ticket < newest);
        if (late)
            source.Cancel();
        return source.Token;
    }

    public void LetGo()
    {
        lock (gate)
            holder = null;
    }

    public async Task CloseAsync()
    {
        if (Sink is { } sink)
            await sink.DisposeAsync();
        Sink = null;
    }
}

/// <summary>A request's hold on an upload; ends when it is disposed.</summary>
sealed class UploadTurn(LiveUploads owner, LiveUpload upload, long ticket) : IAsyncDisposable
{
    /// <summary>A newer request wants the upload.</summary>
    public CancellationToken Interrupted { get; } = upload.Hold(ticket);

    public UploadSink? Sink
    {
        get => upload.Sink;
        set => upload.Sink = value;
    }

    /// <summary>Closes the files; what is not durable is lost.</summary>
    public Task CloseAsync() => upload.CloseAsync();

    public ValueTask DisposeAsync()
    {
        upload.LetGo();
        upload.Turn.Release();
        owner.Leave(upload);
        return ValueTask.CompletedTask;
    }
}
