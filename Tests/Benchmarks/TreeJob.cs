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

        await workshop.ClientAsync(["verify", b], ct);
        await RenameAsync(workshop, proxy, server, table, ct);
        table.AddRow("server memory, peak", $"{server.PeakMemoryMiB:0} MiB", "< 300 MiB", "");
        await server.StopAsync();
        await server.VerifyAsync(workshop, data, ct);
        table.AddRow("`fileshare verify`, `FileServer verify`", "agree", "agree", "");
    }

    /// <summary>A sync folder keeps the address it was linked by: this pair is linked through the proxy, to see what crosses the wire.</summary>
    static async Task RenameAsync(Workshop workshop, CountingProxy proxy, RunningServer server, Table table, CancellationToken ct)
    {
        await server.LoginAsync(workshop, proxy.Port, ct);
        await workshop.ClientAsync(["spaces", "create", "renamed"], ct);
        var (a, b) = (workshop.NewFolder("rename-a"), workshop.NewFolder("rename-b"));
        TestData.Tree(a, files: 10_000, folders: 500, seed: 2);
        foreach (var folder in new[] { a, b })
        {
            await workshop.ClientAsync(["sync", "init", folder, "renamed"], ct);
            await workshop.ClientAsync(["sync", "run", folder], ct);
        }
        Directory.Move(Path.Combine(a, "half"), Path.Combine(a, "moved"));
        proxy.Take();
        foreach (var (folder, way) in new[] { (a, "up"), (b, "down") })
        {
            var seconds = await workshop.ClientAsync(["sync", "run", folder], ct);
            var wire = proxy.Take();
            table.AddRow($"folder of 5,000 renamed, {way}", $"{seconds:0.000} s", "< 20 KB", $"{wire.Up:#,0} B up, {wire.Down:#,0} B down");
        }
    }
}
