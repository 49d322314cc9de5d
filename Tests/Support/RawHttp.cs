using System.Net.Sockets;
using System.Text;

namespace Tests.Support;

/// <summary>HTTP written by hand: for what no client library would send.</summary>
static class RawHttp
{
    /// <summary>Sends the text as it is, and reads until the server closes the connection.</summary>
    public static async Task<string> SendAsync(Uri server, string text, CancellationToken ct)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(server.Host, server.Port, ct);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(text), ct);
        using var reader = new StreamReader(stream, Encoding.Latin1);
        try
        {
            return await reader.ReadToEndAsync(ct);
        }
        catch (IOException)
        {
            return "";
        }
    }
}
