using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Tests.Proxies;

namespace Tests.Uploads;

/// <summary>A request written byte by byte, so that a test can stop in the middle of it.</summary>
sealed class RawRequest : IAsyncDisposable
{
    readonly TcpClient client = new();
    Stream? stream;

    public static async Task<RawRequest> OpenAsync(TusClient user, Uri server, string method, string path, params (string Name, string Value)[] headers)
    {
        var request = new RawRequest();
        await request.client.ConnectAsync(server.Host, server.Port, TestContext.Current.CancellationToken);
        request.stream = request.client.GetStream();
        if (server.Scheme == "https")
        {
            var secure = new SslStream(request.stream, leaveInnerStreamOpen: false, (_, certificate, _, _) => certificate?.Subject == RealProxy.Subject);
            await secure.AuthenticateAsClientAsync(server.Host);
            request.stream = secure;
        }
        var text = new StringBuilder($"{method} {path} HTTP/1.1\r\nHost: {server.Authority}\r\nAuthorization: {user.Http.DefaultRequestHeaders.Authorization}\r\n");
        text.Append("Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\n");
        foreach (var (name, value) in headers)
            text.Append($"{name}: {value}\r\n");
        await request.WriteAsync(Encoding.ASCII.GetBytes(text.Append("\r\n").ToString()));
        return request;
    }

    public async Task WriteAsync(ReadOnlyMemory<byte> bytes) => await stream!.WriteAsync(bytes, TestContext.Current.CancellationToken);

    /// <summary>One chunk of a body whose length nobody knows; none ends it, with these trailers.</summary>
    public async Task WriteChunkAsync(ReadOnlyMemory<byte> bytes, string trailers = "")
    {
        await WriteAsync(Encoding.ASCII.GetBytes($"{bytes.Length:x}\r\n"));
        await WriteAsync(bytes);
        await WriteAsync(Encoding.ASCII.GetBytes($"{trailers}\r\n"));
    }

    /// <summary>All that the server answers until it closes the connection, or the head of its answer.</summary>
    public async Task<string> AnswerAsync()
    {
        var answer = new StringBuilder();
        var buffer = new byte[4096];
        try
        {
            int count;
            while (!answer.ToString().Contains("\r\n\r\n", StringComparison.Ordinal) && (count = await stream!.ReadAsync(buffer, TestContext.Current.CancellationToken)) > 0)
                answer.Append(Encoding.ASCII.GetString(buffer, 0, count));
        }
        catch (IOException)
        {
            // Reset: the server wanted no more of it.
        }
        return answer.ToString();
    }

    /// <summary>Sends nothing more, and says so: the client has left in the middle of its body.</summary>
    public void Leave() => client.Client.Shutdown(SocketShutdown.Send);

    /// <summary>Breaks the connection off as a pulled cable would not: with a reset.</summary>
    public ValueTask DisposeAsync()
    {
        if (client.Connected)
            client.LingerState = new LingerOption(true, 0);
        client.Dispose();
        return ValueTask.CompletedTask;
    }
}
