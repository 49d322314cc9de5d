using System.Diagnostics;
using Spectre.Console;

namespace Benchmarks;

/// <summary>How long until a new, and an initialised, server is ready; and until the client has started.</summary>
static class StartJob
{
    public static async Task RunAsync(Workshop workshop, Table table, CancellationToken ct)
    {
        var data = workshop.NewFolder("start-data");
        await using (var first = await RunningServer.StartAsync(workshop, data, ct))
            table.AddRow("server, first start (makes its database)", $"{first.SecondsToReady:0.00} s", "", "");
        await using (var second = await RunningServer.StartAsync(workshop, data, ct))
            table.AddRow("server, initialised, until ready", $"{second.SecondsToReady:0.00} s", "≤ 3 s", "");
        var times = new List<double>();
        for (var i = 0; i < 20; i++)
        {
            var watch = Stopwatch.StartNew();
            await workshop.ClientAsync(["version"], ct);
            times.Add(watch.Elapsed.TotalMilliseconds);
        }
        table.AddRow("client, `fileshare version`", $"{times.Order().ElementAt(times.Count / 2):0} ms", "≤ 15 ms", "median of 20, as seen by the process that starts it");
    }
}
