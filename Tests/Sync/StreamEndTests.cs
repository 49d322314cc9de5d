using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using FileServer.Protocol.Contracts;
using Tests.Support;

namespace Tests.Sync;

/// <summary>Answers that last: they end when their listener may no longer listen, or does not.</summary>
public sealed class StreamEndTests(TestCluster cluster) : IAsyncLifetime
{
    readonly World world = new(cluster) { Settings = ["--Sync:RecheckSeconds=1", "--Files:StallSeconds=5"] };

    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => world.InitializeAsync();

    public ValueTask DisposeAsync() => world.DisposeAsync();

    [Fact]
    public async Task Events_end_when_access_is_lost()
    {
        var space = await world.SpaceAsync("events", "manager", ["ann", "bob"], Cancelled);
        var ann = await world.SignedInAsync("ann", Cancelled);
        var bob = await world.SignedInAsync("bob", Cancelled);
        var ended = await ListenAsync(bob, space);
        var grants = (await ann.GetFromJsonAsync($"/api/v1/spaces/{space.Id}/nodes/{space.Id}/grants", WireJson.Default.GrantList, Cancelled))!;
        using var revoked = await ann.DeleteAsync($"/api/v1/spaces/{space.Id}/nodes/{space.Id}/grants/{grants.Items.Single(grant => grant.Principal == "user:bob").Id}", Cancelled);
        Assert.True(revoked.IsSuccessStatusCode);
        await ended.WaitAsync(TimeSpan.FromSeconds(30), Cancelled);
    }

    [Fact]
    public async Task Events_end_when_the_account_is_disabled()
    {
        var space = await world.SpaceAsync("events", "viewer", ["carl"], Cancelled);
        var ended = await ListenAsync(await world.SignedInAsync("carl", Cancelled), space);
        using var disabled = await (await world.AdminAsync(Cancelled)).PatchAsJsonAsync(
            "/api/v1/admin/users/carl", new Dictionary<string, bool>(StringComparer.Ordinal) { ["disabled"] = true }, Cancelled);
        Assert.True(disabled.IsSuccessStatusCode, await disabled.Content.ReadAsStringAsync(Cancelled));
        await ended.WaitAsync(TimeSpan.FromSeconds(30), Cancelled);
    }

    [Fact]
    public async Task A_reader_who_takes_nothing_is_let_go_and_one_who_pauses_is_not()
    {
        var space = await world.SpaceAsync("stalls", "editor", ["ann"], Cancelled);
        var ann = await world.SignedInAsync("ann", Cancelled);
        var url = $"/api/v1/spaces/{space.Id}/files/a.bin";
        const int length = 24 * 1024 * 1024;
        using var put = await ann.PutAsync(url, new ByteArrayContent(RandomNumberGenerator.GetBytes(length)), Cancelled);
        Assert.True(put.IsSuccessStatusCode, await put.Content.ReadAsStringAsync(Cancelled));

        using var pausing = await OpenAsync(url, ann);
        await Task.Delay(TimeSpan.FromSeconds(2), Cancelled);
        Assert.True(await DrainAsync(pausing) > length);

        using var stalling = await OpenAsync(url, ann);
        await Task.Delay(TimeSpan.FromSeconds(8), Cancelled);
        Assert.True(await DrainAsync(stalling) < length);
    }

    /// <returns>When the stream has begun: a task that is done when the server has ended it.</returns>
    static async Task<Task> ListenAsync(HttpClient client, Space space)
    {
        var answer = await client.GetAsync($"/api/v1/spaces/{space.Id}/events", HttpCompletionOption.ResponseHeadersRead, Cancelled);
        Assert.True(answer.IsSuccessStatusCode);
        return EndAsync(answer);

        static async Task EndAsync(HttpResponseMessage answer)
        {
            using (answer)
                await answer.Content.CopyToAsync(Stream.Null, Cancelled);
        }
    }

    async Task<TcpClient> OpenAsync(string url, HttpClient client)
    {
        // A small window, so that what the kernel holds for a reader is little.
        var connection = new TcpClient { ReceiveBufferSize = 64 * 1024 };
        await connection.ConnectAsync(world.Url.Host, world.Url.Port, Cancelled);
        await connection.GetStream().WriteAsync(
            Encoding.ASCII.GetBytes($"GET {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {client.DefaultRequestHeaders.Authorization}\r\n\r\n"), Cancelled);
        return connection;
    }

    static async Task<long> DrainAsync(TcpClient connection)
    {
        var buffer = new byte[64 * 1024];
        long total = 0;
        try
        {
            for (int read; (read = await connection.GetStream().ReadAsync(buffer, Cancelled)) > 0;)
                total += read;
        }
        catch (IOException)
        {
            // A connection that was cut off ends with a reset.
        }
        return total;
    }
}
