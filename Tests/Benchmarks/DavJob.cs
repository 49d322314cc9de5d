using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using FileServer.Protocol.Contracts;
using Spectre.Console;

namespace Benchmarks;

/// <summary>
/// WebDAV: listings of a folder of 1,000 files, and one file of 1 GiB up and down. With Apache's mod_dav beside it, asked by the same client in the same
/// minute, where it is installed.
/// </summary>
static class DavJob
{
    const int Entries = 1000;
    const int Connections = 4;
    const int Listings = 600;
    const int Rounds = 3;
    const long Bytes = 1L << 30;

    public static async Task RunAsync(Workshop workshop, Table table, CancellationToken ct)
    {
        await using var server = await RunningServer.StartAsync(workshop, workshop.NewFolder("dav-data"), ct);
        await server.LoginAsync(workshop, server.Port, ct);
        await workshop.ClientAsync(["spaces", "create", "bench"], ct);
        using var api = await server.SignedInAsync(ct);
        using var ours = await DriveAsync(api, server.Url, ct);
        using var apache = await Apache.StartAsync(workshop, ct);
        using var theirs = apache is null ? null : new HttpClient { BaseAddress = apache.Url, Timeout = TimeSpan.FromMinutes(10) };
        HttpClient[] both = theirs is null ? [ours] : [theirs, ours];
        foreach (var client in both)
            await FillAsync(client, ct);
        // In turns: what else the machine does at a time hits both.
        var rates = new double[both.Length];
        var seconds = new (double Put, double Get)[both.Length];
        for (var round = 0; round <= Rounds; round++)
        {
            for (var i = 0; i < both.Length; i++)
            {
                var rate = await ListAsync(both[i], ct);
                rates[i] = round == 0 ? 0 : Math.Max(rates[i], rate);
            }
        }
        for (var i = 0; i < both.Length; i++)
            seconds[i] = await CarryAsync(both[i], ct);
        var other = theirs is null ? "apache2 is not installed" : $"Apache mod_dav {rates[0]:0} /s: {rates[^1] / rates[0]:0.0} ×";
        table.AddRow("PROPFIND depth 1, 1,000 entries", $"{rates[^1]:0} /s", "≥ 3 × Apache", other);
        other = theirs is null ? "" : $"Apache {seconds[0].Put:0.00} s without a sync";
        table.AddRow("WebDAV PUT 1 GiB", $"{seconds[^1].Put:0.00} s", "≥ 0.95 × Apache", other);
        other = theirs is null ? "" : $"Apache {seconds[0].Get:0.00} s";
        table.AddRow("WebDAV GET 1 GiB", $"{seconds[^1].Get:0.00} s", "", other);
    }

    static async Task<HttpClient> DriveAsync(HttpClient api, Uri server, CancellationToken ct)
    {
        using var made = await api.PostAsJsonAsync("/api/v1/tokens", new TokenRequest("bench"), WireJson.Default.TokenRequest, ct);
        var token = (await made.Content.ReadFromJsonAsync(WireJson.Default.CreatedToken, ct))!.Token;
        var drive = new HttpClient { BaseAddress = new Uri(server, "/dav/bench/"), Timeout = TimeSpan.FromMinutes(10) };
        drive.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"bench:{token}")));
        return drive;
    }

    static async Task FillAsync(HttpClient drive, CancellationToken ct)
    {
        using var folder = await drive.SendAsync(new HttpRequestMessage(new HttpMethod("MKCOL"), "many"), ct);
        folder.EnsureSuccessStatusCode();
        await Parallel.ForEachAsync(Enumerable.Range(0, Entries), ct, async (i, token) =>
        {
            using var body = new StringContent($"file {i}");
            using var put = await drive.PutAsync(new Uri($"many/file-{i:0000}.txt", UriKind.Relative), body, token);
            put.EnsureSuccessStatusCode();
        });
    }

    static async Task<double> ListAsync(HttpClient drive, CancellationToken ct)
    {
        var watch = Stopwatch.StartNew();
        await Parallel.ForEachAsync(Enumerable.Range(0, Listings), new ParallelOptions { MaxDegreeOfParallelism = Connections, CancellationToken = ct }, async (_, token) =>
        {
            using var request = new HttpRequestMessage(new HttpMethod("PROPFIND"), "many/");
            request.Headers.Add("Depth", "1");
            using var answer = await drive.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, token);
            await using var body = await answer.Content.ReadAsStreamAsync(token);
            await body.CopyToAsync(Stream.Null, token);
            if ((int)answer.StatusCode != 207)
                throw new InvalidOperationException($"PROPFIND answered {(int)answer.StatusCode}.");
        });
        return Listings / watch.Elapsed.TotalSeconds;
    }

    static async Task<(double Put, double Get)> CarryAsync(HttpClient drive, CancellationToken ct)
    {
        var watch = Stopwatch.StartNew();
        using (var body = new StreamContent(new RandomStream(Bytes), 1 << 20))
        {
            body.Headers.ContentLength = Bytes;
            using var put = await drive.PutAsync(new Uri("large.bin", UriKind.Relative), body, ct);
            put.EnsureSuccessStatusCode();
        }
        var up = watch.Elapsed.TotalSeconds;
        watch.Restart();
        await using var down = await drive.GetStreamAsync(new Uri("large.bin", UriKind.Relative), ct);
        await down.CopyToAsync(Stream.Null, 1 << 20, ct);
        return (up, watch.Elapsed.TotalSeconds);
    }

    /// <summary>Bytes that no two runs and no two blocks share, cheaper than the server can take them.</summary>
    sealed class RandomStream(long length) : Stream
    {
        readonly byte[] block = MadeBlock();
        long position;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => length;

        public override long Position { get => position; set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            var start = (int)(position % block.Length);
            var taken = (int)Math.Min(Math.Min(count, block.Length - start), length - position);
            // Each time round every page of the block is another one.
            for (var at = 0; start == 0 && at < block.Length; at += 4096)
                BitConverter.TryWriteBytes(block.AsSpan(at, 8), position + at);
            block.AsSpan(start, taken).CopyTo(buffer.AsSpan(offset));
            position += taken;
            return taken;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        static byte[] MadeBlock()
        {
            var bytes = new byte[16 << 20];
            Random.Shared.NextBytes(bytes);
            return bytes;
        }
    }
}
