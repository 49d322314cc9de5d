using System.Net.Http.Headers;
using System.Net.Http.Json;
using FileServer.Protocol.Contracts;
using Tests.Protocol;
using Tests.Support;

namespace Tests.Uploads;

/// <summary>kill -9 in the middle of an upload: what was acknowledged is there, and the upload goes on from it.</summary>
public sealed class TusCrashTests
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_killed_server_goes_on_at_an_offset_that_is_not_before_the_acknowledged_one()
    {
        var bytes = FastCdcTests.SplitMix(31, 40_000_000);
        using var folder = new TemporaryFolder();
        string url;
        await using (var first = await ServerProcess.StartAsync(folder.Path, Ct))
        {
            using var http = await AdminAsync(first);
            var ann = new TusClient(http);
            (await http.PostAsJsonAsync("/api/v1/spaces", new SpaceRequest("s", null), WireJson.Default.SpaceRequest, Ct)).EnsureSuccessStatusCode();
            url = TusClient.Url(await ann.PostAsync(null, ("Upload-Length", bytes.Length.ToString()), ("Upload-Metadata", TusClient.Metadata(("space", "s"), ("filename", "f")))));
            TusClient.Is(204, await ann.PatchAsync(url, 0, bytes[..5_000_000]));
            await using var request = await RawRequest.OpenAsync(ann, first.Url, "PATCH", url, ("Upload-Offset", "5000000"), ("Content-Length", "35000000"));
            await request.WriteAsync(bytes.AsMemory(5_000_000, 25_000_000));
            await first.KillAsync(Ct);
        }
        await using var second = await ServerProcess.StartAsync(folder.Path, Ct);
        using var again = await AdminAsync(second);
        var tus = new TusClient(again);
        var offset = await tus.OffsetAsync(url);
        Assert.InRange(offset, 5_000_000, 30_000_000);
        var last = await tus.PatchAsync(url, offset, bytes[(int)offset..]);
        TusClient.Is(204, last);
        Assert.Equal(bytes, await again.GetByteArrayAsync(TusClient.Value(last, "Content-Location"), Ct));
    }

    static async Task<HttpClient> AdminAsync(ServerProcess server)
    {
        var http = server.Client();
        var answer = await http.PostAsJsonAsync("/api/v1/auth/login", new LoginRequest("admin", "the-administrator-of-a-test"), WireJson.Default.LoginRequest, Ct);
        var tokens = (await answer.Content.ReadFromJsonAsync(WireJson.Default.SessionTokens, Ct))!;
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", tokens.AccessToken);
        return http;
    }
}
