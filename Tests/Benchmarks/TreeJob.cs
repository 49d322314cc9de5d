using Spectre.Console;

namespace Benchmarks;

/// <summary>The sync folder with 10,000 files in 500 folders: up, down, nothing to do, a renamed folder.</summary>
static class TreeJob
{
    public static async Task RunAsync(Workshop workshop, Table table, CancellationToken ct)
    {
        var data = workshop.NewFolder("tree-data");
        await using var server = await RunningServer.StartAsync(workshop, data, ct);
        await using var proxy = new CountingProxy(server.Port);
        await server.LoginAsync(workshop, server.Port, ct);
        await workshop.ClientAsync(["spaces", "create", "bench"], ct);
        var (a, b) = (workshop.NewFolder("tree-a"), workshop.NewFolder("tree-b"));
        var bytes = TestData.Tree(a, files: 10_000, folders: 500);
        await workshop.ClientAsync(["sync", "init", a, "bench"], ct);
        await workshop.ClientAsync(["sync", "init", b, "bench"], ct);

        table.AddRow("10,000 files up", $"{await workshop.ClientAsync(["sync", "run", a], ct):0.00} s", "≤ 4 s", $"{bytes / 1048576.0:0} MiB");
        table.AddRow("10,000 files down", $"{await workshop.ClientAsync(["sync", "run", b], ct):0.00} s", "≤ 4 s", TestData.HashOf(a) == TestData.HashOf(b) ? "trees identical" : "TREES DIFFER");
        table.AddRow("nothing changed", $"{await workshop.ClientAsync(["sync", "run", a], ct):0.000} s", "≤ 0.3 s", "");

        // From here on through the proxy, to see what crosses the wire.
        await server.LoginAsync(workshop, proxy.Port, ct);
        Directory.Move(Path.Combine(a, "half"), Path.Combine(a, "moved"));
        proxy.Take();
        var seconds = await workshop.ClientAsync(["sync", "run", a], ct);
        var wire = proxy.Take();
        table.AddRow("folder of 5,000 renamed, up", $"{seconds:0.000} s", "", $"{wire.Up:#,0} B up, {wire.Down:#,0} B down (aim < 20 KB)");
        seconds = await workshop.ClientAsync(["sync", "run", b], ct);
        wire = proxy.Take();
        table.AddRow("folder of 5,000 renamed, down", $"{seconds:0.000} s", "", $"{wire.Up:#,0} B up, {wire.Down:#,0} B down");
        await workshop.ClientAsync(["verify", b], ct);
        table.AddRow("server memory, peak", $"{server.PeakMemoryMiB:0} MiB", "< 300 MiB", "");
        await server.StopAsync();
        await server.VerifyAsync(workshop, data, ct);
        table.AddRow("`fileshare verify`, `FileServer verify`", "agree", "agree", "");
    }
}
