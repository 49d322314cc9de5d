using System.Net.Http.Json;
using FileServer.Protocol.Contracts;
using Tests.Uploads;

namespace Tests.Proxies;

/// <summary>What must work through the proxies whose configurations stand in docs/operations.</summary>
public sealed class RealProxyTests(PublicAddressTests.TrustingWorld world) : IClassFixture<PublicAddressTests.TrustingWorld>
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    Task<HttpClient> AnnAsync() => world.Server.SignedInAsync("ann", Ct);

    [Theory]
    [InlineData("nginx")]
    [InlineData("haproxy")]
    [InlineData("caddy")]
    public async Task An_upload_that_is_cut_keeps_what_came(string name)
    {
        await using var proxy = await RealProxy.StartAsync(name, world.Server.Url, below: false, Ct);
        using var ann = proxy.Client(await AnnAsync());
        var tus = new TusClient(ann);
        var part = await tus.PartAsync(1_000_000);
        long offset = 0;
        // The question for the offset ends the request before it, perhaps before its first bytes have passed the proxy: then once more.
        for (var attempt = 0; offset == 0 && attempt < 100; attempt++)
        {
            await using var cut = await RawRequest.OpenAsync(tus, proxy.Url, "PATCH", part, ("Upload-Offset", "0"), ("Content-Length", "1000000"));
            await cut.WriteAsync(new byte[300_000]);
            // A proxy that gathers the body would pass nothing of it on before its end, which never comes.
            offset = await tus.OffsetAsync(part);
        }
        Assert.InRange(offset, 1, 300_000);
    }

    [Theory]
    [InlineData("nginx")]
    [InlineData("haproxy")]
    [InlineData("caddy")]
    public async Task Below_a_path_the_client_is_who_it_is_events_come_at_once_and_addresses_lead_back(string name)
    {
        await using var proxy = await RealProxy.StartAsync(name, world.Server.Url, below: true, Ct);
        var space = await world.Server.SpaceAsync($"below-{name}", "editor", ["ann"], Ct);
        using var ann = proxy.Client(await AnnAsync());
        ann.DefaultRequestHeaders.Add("X-Forwarded-For", "6.6.6.6");
        var api = $"{RealProxy.Prefix}/api/v1/spaces/{space.Name}";
        using var events = new StreamReader(await ann.GetStreamAsync($"{api}/events", Ct));
        await EventAsync(events);

        using var put = await ann.PutAsync($"{api}/files/x/100%25%C3%A4?parents=true", new StringContent("text"), Ct);
        TusClient.Is(201, put);
        await EventAsync(events);
        using var read = await ann.GetAsync($"{put.Headers.Location}/content", Ct);
        Assert.Equal("text", await read.Content.ReadAsStringAsync(Ct));
        var admin = await world.Server.AdminAsync(Ct);
        var log = await admin.GetFromJsonAsync($"/api/v1/audit?space={space.Id}&action=file.read&limit=1", WireJson.Default.PageAuditEvent, Ct);
        Assert.Equal("127.0.0.2", log!.Items[0].ClientIp);

        // WebDAV compares the whole address of the destination with the one that its client used.
        using var move = new HttpRequestMessage(new HttpMethod("MOVE"), $"{RealProxy.Prefix}/dav/{space.Name}/x/100%25%C3%A4");
        move.Headers.Add("Destination", $"{proxy.Url}{RealProxy.Prefix[1..]}/dav/{space.Name}/x/y");
        TusClient.Is(201, await ann.SendAsync(move, Ct));
        Assert.Equal("text", await ann.GetStringAsync($"{RealProxy.Prefix}/dav/{space.Name}/x/y", Ct));
    }

    static async Task EventAsync(StreamReader events)
    {
        while (await events.ReadLineAsync(Ct) is { } line)
        {
            if (line.StartsWith("data:", StringComparison.Ordinal))
                return;
        }
        Assert.Fail("The stream ended.");
    }
}
