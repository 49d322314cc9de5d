using System.Net.Sockets;
using System.Text;

namespace Tests.WebDav;

/// <summary>A request written byte by byte: what an HTTP client would put right before it sends it.</summary>
sealed record RawDav(int Status, string Text)
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public static async Task<RawDav> SendAsync(DavClient user, Uri server, string method, string target, string body, params (string Name, string Value)[] headers)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(server.Host, server.Port, Cancelled);
        var stream = client.GetStream();
        var text = new StringBuilder($"{method} {target} HTTP/1.1\r\nHost: {server.Authority}\r\nConnection: close\r\nAuthorization: {user.Http.DefaultRequestHeaders.Authorization}\r\n");
        foreach (var (name, value) in headers)
            text.Append($"{name}: {value}\r\n");
        if (!headers.Any(header => header.Name is "Transfer-Encoding" or "Content-Length"))
            text.Append($"Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n");
        await stream.WriteAsync(Encoding.UTF8.GetBytes(text.Append("\r\n").Append(body).ToString()), Cancelled);
        var answer = new StringBuilder();
        var buffer = new byte[4096];
        try
        {
            // A refusal is heard before the body that it does not want.
            for (int count; (count = await stream.ReadAsync(buffer, Cancelled)) > 0;)
            {
                answer.Append(Encoding.UTF8.GetString(buffer, 0, count));
                if (headers.Contains(("Expect", "100-continue")) && answer.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
                    break;
            }
        }
        catch (IOException)
        {
            // Reset: the server wanted no more of it.
        }
        return new RawDav(answer.Length > 12 ? int.Parse(answer.ToString(9, 3)) : 0, answer.ToString());
    }
}
