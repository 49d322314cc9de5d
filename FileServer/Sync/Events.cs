using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
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
            // One item is enough: a newer revision makes an older one pointless.
            var news = Channel.CreateBounded<RevisionEvent>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest });
            var listening = ListenAsync(space, news.Writer, ending.Token);
            try
            {
                await PumpAsync(context, caller, space, news.Reader, ending.Token);
            }
            finally
            {
                await ending.CancelAsync();
                await listening.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
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

    async Task ListenAsync(SpaceRow space, ChannelWriter<RevisionEvent> news, CancellationToken ct)
    {
        try
        {
            await foreach (var revision in notifier.Subscribe(space.Id, ct))
                news.TryWrite(revision);
        }
        finally
        {
            news.TryComplete();
        }
    }

    async Task PumpAsync(HttpContext context, Caller caller, SpaceRow space, ChannelReader<RevisionEvent> news, CancellationToken ct)
    {
        var body = context.Response.BodyWriter;
        var expires = (await context.AuthenticateAsync(AccessTokens.Scheme)).Properties?.ExpiresUtc;
        var heartbeat = TimeSpan.FromSeconds(Math.Min(options.Value.HeartbeatSeconds, options.Value.RecheckSeconds));
        var checkedAt = clock.GetTimestamp();
        while (await WaitAsync(news, heartbeat, ct))
        {
            if (clock.GetElapsedTime(checkedAt) >= heartbeat)
            {
                if (expires <= clock.GetUtcNow() || !await StillAllowedAsync(context, caller, space, ct))
                    return;
                checkedAt = clock.GetTimestamp();
            }
            if (news.TryRead(out var revision))
                Append(body, revision);
            else
                BuffersExtensions.Write(body, ": alive\n\n"u8);
            if ((await body.FlushAsync(ct)).IsCompleted)
                return;
        }
    }

    /// <summary>Until there is news, or it is time to say that the stream is alive.</summary>
    /// <returns>False when there will be no more news.</returns>
    async Task<bool> WaitAsync(ChannelReader<RevisionEvent> news, TimeSpan heartbeat, CancellationToken ct)
    {
        using var pause = new CancellationTokenSource(heartbeat, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(pause.Token, ct);
        try
        {
            return await news.WaitToReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (pause.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            return true;
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
