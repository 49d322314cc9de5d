using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Tests.Support;

namespace Tests.Faults;

/// <summary>
/// The server is killed at random moments while many clients write. Whatever it had acknowledged must be there afterwards,
/// byte for byte, and the store must verify clean. CI runs a few rounds; set KILLS for more.
/// </summary>
public sealed class KilledServerTests(ITestOutputHelper report)
{
    const int Writers = 6;
    const string Password = "the-administrator-of-a-test";

    static int Rounds => int.TryParse(Environment.GetEnvironmentVariable("KILLS"), out var rounds) ? rounds : 4;

    [Fact]
    public async Task Every_acknowledged_write_survives_kill_9_at_random_moments()
    {
        var ct = TestContext.Current.CancellationToken;
        var seed = Environment.TickCount;
        report.WriteLine($"seed {seed}, {Rounds} kills");
        var random = new Random(seed);
        using var data = new TemporaryFolder();
        var acknowledged = new ConcurrentDictionary<string, byte[]>(StringComparer.Ordinal);

        for (var round = 0; round < Rounds; round++)
        {
            await using var server = await ServerProcess.StartAsync(data.Path, ct);
            using var http = await SignedInAsync(server, ct);
            var space = await SpaceAsync(http, round, ct);
            await CheckAsync(http, acknowledged, ct);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
            var writers = Enumerable.Range(0, Writers).Select(writer => WriteUntilKilledAsync(http, space, new Random(random.Next()), $"{round}-{writer}", acknowledged, stop.Token)).ToArray();
            await Task.Delay(random.Next(100, 1500), ct);
            await server.KillAsync(ct);
            await stop.CancelAsync();
            await Task.WhenAll(writers);
        }

        await using (var server = await ServerProcess.StartAsync(data.Path, ct))
        {
            using var http = await SignedInAsync(server, ct);
            await CheckAsync(http, acknowledged, ct);
        }
        Assert.NotEmpty(acknowledged);
        report.WriteLine($"{acknowledged.Count} acknowledged files, all there");
        var (exitCode, output) = await ServerProcess.RunAsync(data.Path, ct, "verify");
        Assert.True(exitCode == 0, output);
    }

    static async Task<HttpClient> SignedInAsync(ServerProcess server, CancellationToken ct)
    {
        var http = server.Client();
        var answer = await http.PostAsJsonAsync("/api/v1/auth/login", new LoginRequest("admin", Password), WireJson.Default.LoginRequest, ct);
        answer.EnsureSuccessStatusCode();
        var tokens = await answer.Content.ReadFromJsonAsync(WireJson.Default.SessionTokens, ct);
        http.DefaultRequestHeaders.Authorization = new("Bearer", tokens!.AccessToken);
        return http;
    }

    static async Task<Space> SpaceAsync(HttpClient http, int round, CancellationToken ct)
    {
        if (round == 0)
            (await http.PostAsJsonAsync("/api/v1/spaces", new SpaceRequest("kept", null), WireJson.Default.SpaceRequest, ct)).EnsureSuccessStatusCode();
        return (await http.GetFromJsonAsync("/api/v1/spaces/kept", WireJson.Default.Space, ct))!;
    }

    /// <summary>Writes one thing after another by every door; what was answered with success goes into the book.</summary>
    static async Task WriteUntilKilledAsync(
        HttpClient http, Space space, Random random, string name, ConcurrentDictionary<string, byte[]> acknowledged, CancellationToken ct)
    {
        for (var i = 0; !ct.IsCancellationRequested; i++)
        {
            var file = $"{name}-{i}.bin";
            // Small ones share the open pack, large ones become packs of their own.
            var bytes = new byte[random.Next(4) == 0 ? random.Next(1 << 20, 5 << 20) : random.Next(0, 60_000)];
            random.NextBytes(bytes);
            try
            {
                using var answer = random.Next(3) switch
                {
                    0 => await TusAsync(http, file, bytes, ct),
                    1 => await http.PutAsync($"/api/v1/spaces/kept/files/{file}", new ByteArrayContent(bytes), ct),
                    _ => await ChangesetAsync(http, space, file, bytes, ct),
                };
                if (answer.IsSuccessStatusCode)
                    acknowledged[file] = SHA256.HashData(bytes);
                else
                    Assert.Fail($"{file}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(ct)}");
            }
            catch (Exception cut) when (cut is HttpRequestException or OperationCanceledException or IOException)
            {
                // The server was killed under this request: nothing was acknowledged.
                return;
            }
        }
    }

    static async Task<HttpResponseMessage> TusAsync(HttpClient http, string file, byte[] bytes, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/uploads") { Content = new ByteArrayContent(bytes) };
        request.Content.Headers.ContentType = new("application/offset+octet-stream");
        request.Headers.Add("Tus-Resumable", "1.0.0");
        request.Headers.Add("Upload-Length", bytes.Length.ToString());
        request.Headers.Add("Upload-Metadata", $"space {Base64("kept")},filename {Base64(file)}");
        return await http.SendAsync(request, ct);
    }

    /// <summary>A file and a copy of it in one changeset, after a first version by PUT: both or neither must be there.</summary>
    static async Task<HttpResponseMessage> ChangesetAsync(HttpClient http, Space space, string file, byte[] bytes, CancellationToken ct)
    {
        var source = $"{file}.source";
        using var put = await http.PutAsync($"/api/v1/spaces/kept/files/{source}", new ByteArrayContent(bytes), ct);
        put.EnsureSuccessStatusCode();
        var node = (await put.Content.ReadFromJsonAsync(WireJson.Default.Node, ct))!;
        var changeset = new Changeset(ChangesetId.New(),
        [
            new Operation { Op = OperationKind.Move, NodeId = node.Id, ParentId = space.Id.Root, Name = $"{source}.moved" },
            new Operation { Op = OperationKind.Copy, NodeId = NodeId.New(), SourceId = node.Id, ParentId = space.Id.Root, Name = file },
        ]);
        return await http.PostAsJsonAsync("/api/v1/spaces/kept/changesets", changeset, WireJson.Default.Changeset, ct);
    }

    static async Task CheckAsync(HttpClient http, ConcurrentDictionary<string, byte[]> acknowledged, CancellationToken ct) =>
        await Parallel.ForEachAsync(acknowledged, new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = ct }, async (entry, token) =>
        {
            using var answer = await http.GetAsync($"/api/v1/spaces/kept/files/{entry.Key}", token);
            Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{entry.Key} was acknowledged and is answered with {(int)answer.StatusCode}");
            Assert.Equal(entry.Value, SHA256.HashData(await answer.Content.ReadAsByteArrayAsync(token)));
        });

    static string Base64(string text) => Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(text));
}
