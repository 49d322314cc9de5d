using System.Net;
using System.Net.Sockets;

namespace Benchmarks;

/// <summary>A TCP relay before the server that counts what crosses the wire, both directions apart.</summary>
sealed class CountingProxy : IAsyncDisposable
{
    readonly TcpListener listener = new(IPAddress.Loopback, 0);
    readonly CancellationTokenSource stop = new();
    readonly int serverPort;
    readonly Task accepting;
    long up;
    long down;

    public CountingProxy(int serverPort)
    {
        this.serverPort = serverPort;
        listener.Start();
        accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Bytes since the last call: to the server, and from it.</summary>
    public (long Up, long Down) Take() => (Interlocked.Exchange(ref up, 0), Interlocked.Exchange(ref down, 0));

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Stop();
        await accepting;
        stop.Dispose();
    }

    async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = RelayAsync(await listener.AcceptTcpClientAsync(stop.Token));
        }
        catch (OperationCanceledException)
        {
            // The proxy is being closed.
        }
    }

    async Task RelayAsync(TcpClient near)
    {
        using var client = near;
        using var far = new TcpClient();
        await far.ConnectAsync(IPAddress.Loopback, serverPort, stop.Token);
        await Task.WhenAny(
            PumpAsync(client.GetStream(), far.GetStream(), count => Interlocked.Add(ref up, count)),
            PumpAsync(far.GetStream(), client.GetStream(), count => Interlocked.Add(ref down, count)));
    }

    async Task PumpAsync(NetworkStream from, NetworkStream to, Action<int> count)
    {
        var buffer = new byte[256 * 1024];
        try
        {
            for (int read; (read = await from.ReadAsync(buffer, stop.Token)) > 0;)
            {
                count(read);
                await to.WriteAsync(buffer.AsMemory(0, read), stop.Token);
            }
        }
        catch (Exception closed) when (closed is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // One side has closed: the relay of this connection ends.
        }
    }
}
