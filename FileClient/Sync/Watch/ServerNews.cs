using System.Security.Cryptography;
using FileClient.Api;
using FileClient.Terminal;

namespace FileClient.Sync.Watch;

/// <summary>Listens to the server's events of a space. A stream that breaks is opened again after a random while, so that the clients of a server that was away do not all come at once.</summary>
/// <param name="api">The connection, which changes when somebody signs in anew.</param>
sealed class ServerNews(Func<ApiClient> api, string space, TimeProvider clock, Action woken)
{
    const int JitterMs = 5000;

    /// <summary>How often the feed is asked while no stream is open.</summary>
    public static readonly TimeSpan PollEvery = TimeSpan.FromSeconds(60);

    static readonly TimeSpan refusedPause = TimeSpan.FromSeconds(30);

    readonly Lock gate = new();
    long revision = -1;
    bool fresh;

    /// <summary>A stream is open.</summary>
    public bool IsConnected { get; private set; }

    /// <summary>The server has told something that was not taken yet.</summary>
    public bool HasNews
    {
        get
        {
            lock (gate)
                return fresh;
        }
    }

    /// <summary>Whether the server has told since the last call of a revision that is not the known one.</summary>
    public bool Take(long known)
    {
        lock (gate)
        {
            var news = fresh && revision != known;
            fresh = false;
            return news;
        }
    }

    public async Task RunAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            var pause = TimeSpan.FromMilliseconds(RandomNumberGenerator.GetInt32(JitterMs));
            try
            {
                await foreach (var told in api().EventsAsync(space, ct))
                {
                    lock (gate)
                        (revision, fresh) = (told.Revision, true);
                    IsConnected = true;
                    woken();
                }
            }
            catch (Failure refused) when (!ct.IsCancellationRequested)
            {
                // Whether that matters the next exchange of the run itself will tell.
                if (refused is ApiException { RetryAfter: { } asked })
                    pause += asked;
                else if (refused.Exit != ExitCode.Temporary)
                    pause += refusedPause;
            }
            catch (OperationCanceledException)
            {
                return;
            }
            IsConnected = false;
            await Task.Delay(pause, clock, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
