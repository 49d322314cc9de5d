using System.Diagnostics;
using Spectre.Console;

namespace Benchmarks;

/// <summary>Small files over plain HTTP with 32 connections: each PUT durable, each GET authorised and audited.</summary>
static class HttpJob
{
    const int Connections = 32;
    const int Files = 4096;

    public static async Task RunAsync(Workshop workshop, Table table, CancellationToken ct)
    {
        var data = workshop.NewFolder("http-data");
        await using var server = await RunningServer.StartAsync(workshop, data, ct);
        await server.LoginAsync(workshop, server.Port, ct);
        await workshop.ClientAsync(["spaces", "create", "bench"], ct);
        using var http = await server.SignedInAsync(ct);
        var (rate, p99) = await MeasureAsync(Files, (i, token) => PutAsync(http, i, token), ct);
        table.AddRow("PUT 10 KiB, 32 connections", $"{rate:0} /s", "", $"p99 {p99:0.0} ms, each durable before its answer");
        (rate, p99) = await MeasureAsync(8 * Files, (i, token) => GetAsync(http, i % Files, token), ct);
        table.AddRow("GET 10 KiB, 32 connections", $"{rate:0} /s", "", $"p99 {p99:0.0} ms, each authorised and audited; client on the same cores");
    }

    static async Task PutAsync(HttpClient http, int i, CancellationToken ct)
    {
        var bytes = new byte[10240];
        new Random(i).NextBytes(bytes);
        using var body = new ByteArrayContent(bytes);
        using var answer = await http.PutAsync($"/api/v1/spaces/bench/files/f{i:00000}.bin", body, ct);
        answer.EnsureSuccessStatusCode();
    }

    static async Task GetAsync(HttpClient http, int i, CancellationToken ct)
    {
        var bytes = await http.GetByteArrayAsync($"/api/v1/spaces/bench/files/f{i:00000}.bin", ct);
        if (bytes.Length != 10240)
            throw new InvalidOperationException($"f{i:00000}.bin came back with {bytes.Length} bytes.");
    }

    static async Task<(double PerSecond, double P99Ms)> MeasureAsync(int count, Func<int, CancellationToken, Task> request, CancellationToken ct)
    {
        var times = new double[count];
        var watch = Stopwatch.StartNew();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, count),
            new ParallelOptions { MaxDegreeOfParallelism = Connections, CancellationToken = ct },
            async (i, token) =>
            {
                var before = watch.Elapsed;
                await request(i, token);
                times[i] = (watch.Elapsed - before).TotalMilliseconds;
            });
        Array.Sort(times);
        return (count / watch.Elapsed.TotalSeconds, times[count * 99 / 100]);
    }
}
