using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using FileServer.Access;
using FileServer.Changes;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol.Contracts;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace FileServer.Sync;

/// <summary>
/// Server-sent events of one space: its revision at once and each time that it moves, nothing more. A stream lives no
/// longer than its listener's credentials and sight of the space.
/// </summary>
sealed class Events(ChangeNotifier notifier, Callers callers, Spaces spaces, IHostApplicationLifetime lifetime, TimeProvider clock, IOptions<SyncOptions> options)
{
    int streams;

    public async Task SendAsync(HttpContext context, Caller caller, SpaceRow space, CancellationToken ct)
    {
        if (Interlocked.Increment(ref streams) > options.Value.MaxEventStreams)
        {
            Interlocked.Decrement(ref streams);
            throw Refusal.Unavailable("As many event streams as this server holds are open. Ask for changes from time to time instead.", 60);
        }
        try
        {
            // A stream would hold up the end of the server for as long as it may take.
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(ct, lifetime.ApplicationStopping);
            context.Response.ContentType = "text/event-stream";
            // Proxies that gather answers would hold events back.
            context.Response.Headers["X-Accel-Buffering"] = "no";
            await using var revisions = notifier.Subscribe(space.Id, ending.Token).GetAsyncEnumerator(ending.Token);
            await PumpAsync(context, caller, space, revisions, ending.Token);
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // The listener connects again, to this server or to another one.
        }
        finally
        {
            Interlocked.Decrement(ref streams);
        }
    }

    async Task PumpAsync(HttpContext context, Caller caller, SpaceRow space, IAsyncEnumerator<RevisionEvent> revisions, CancellationToken ct)
    {
        var body = context.Response.BodyWriter;
        var expires = (await context.AuthenticateAsync(AccessTokens.Scheme)).Properties?.ExpiresUtc;
        var heartbeat = TimeSpan.FromSeconds(Math.Min(options.Value.HeartbeatSeconds, options.Value.RecheckSeconds));
        var checkedAt = clock.GetTimestamp();
        var next = revisions.MoveNextAsync().AsTask();
        while (true)
        {
            using (var pause = CancellationTokenSource.CreateLinkedTokenSource(ct))
            {
                var first = await Task.WhenAny(next, Task.Delay(heartbeat, clock, pause.Token));
                await pause.CancelAsync();
                ct.ThrowIfCancellationRequested();
                if (first == next && !await next)
                    return;
            }
            if (clock.GetElapsedTime(checkedAt) >= heartbeat)
            {
                if (expires <= clock.GetUtcNow() || !await StillAllowedAsync(context, caller, space, ct))
                    return;
                checkedAt = clock.GetTimestamp();
            }
            if (next.IsCompleted)
            {
                Append(body, revisions.Current);
                next = revisions.MoveNextAsync().AsTask();
            }
            else
                BuffersExtensions.Write(body, ": alive\n\n"u8);
            var flushed = await body.FlushAsync(ct);
            if (flushed.IsCompleted)
                return;
        }
    }

    async Task<bool> StillAllowedAsync(HttpContext context, Caller caller, SpaceRow space, CancellationToken ct)
    {
        try
        {
            var present = await callers.FindAsync(context, ct);
            await spaces.ResolveAsync(present, space.Id.ToString(), ct);
            return present.UserId == caller.UserId;
        }
        catch (Refusal)
        {
            return false;
        }
    }

    static void Append(PipeWriter body, RevisionEvent revision)
    {
        var json = JsonSerializer.Serialize(revision, WireJson.Default.RevisionEvent);
        BuffersExtensions.Write(body, Encoding.UTF8.GetBytes($"event: revision\nid: {revision.Revision}\ndata: {json}\n\n"));
    }
}
