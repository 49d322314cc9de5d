using Spectre.Console;

namespace Benchmarks;

/// <summary>One file of 1 GiB: whole up and down, one byte changed, a KiB inserted.</summary>
static class LargeFileJob
{
    const int MiB = 1024;

    public static async Task RunAsync(Workshop workshop, Table table, CancellationToken ct)
    {
        var data = workshop.NewFolder("large-data");
        await using var server = await RunningServer.StartAsync(workshop, data, ct);
        await using var proxy = new CountingProxy(server.Port);
        await server.LoginAsync(workshop, server.Port, ct);
        await workshop.ClientAsync(["spaces", "create", "bench"], ct);
        var file = Path.Combine(workshop.NewFolder("large"), "large.bin");
        TestData.Large(file, MiB);

        var seconds = await workshop.ClientAsync(["put", file, "bench:/large.bin"], ct);
        table.AddRow("put 1 GiB", $"{seconds:0.00} s", "", $"{MiB / seconds:0} MiB/s");
        seconds = await workshop.ClientAsync(["get", "bench:/large.bin", Path.Combine(workshop.Folder, "back.bin")], ct);
        table.AddRow("get 1 GiB", $"{seconds:0.00} s", "", $"{MiB / seconds:0} MiB/s");
        table.AddRow("server memory, peak", $"{server.PeakMemoryMiB:0} MiB", "< 300 MiB", "");

        // A sync folder keeps the address it was linked by: this pair is linked through the proxy, to see what crosses the wire.
        await server.LoginAsync(workshop, proxy.Port, ct);
        await workshop.ClientAsync(["spaces", "create", "delta"], ct);
        var (a, b) = (workshop.NewFolder("large-a"), workshop.NewFolder("large-b"));
        File.Move(file, Path.Combine(a, "large.bin"));
        await workshop.ClientAsync(["sync", "init", a, "delta"], ct);
        await workshop.ClientAsync(["sync", "init", b, "delta"], ct);
        seconds = await workshop.ClientAsync(["sync", "run", a], ct);
        table.AddRow("sync 1 GiB up", $"{seconds:0.00} s", "", $"{MiB / seconds:0} MiB/s");
        seconds = await workshop.ClientAsync(["sync", "run", b], ct);
        table.AddRow("sync 1 GiB down", $"{seconds:0.00} s", "", $"{MiB / seconds:0} MiB/s");

        proxy.Take();
        TestData.FlipMiddle(Path.Combine(a, "large.bin"));
        await DeltaAsync("one byte changed", workshop, proxy, table, (a, b), ct);
    }

    static async Task DeltaAsync(string what, Workshop workshop, CountingProxy proxy, Table table, (string A, string B) folders, CancellationToken ct)
    {
        var seconds = await workshop.ClientAsync(["sync", "run", folders.A], ct);
        var wire = proxy.Take();
        table.AddRow($"{what}, up", $"{seconds:0.00} s", "≤ 5 MiB", $"{(wire.Up + wire.Down) / 1048576.0:0.00} MiB on the wire");
        seconds = await workshop.ClientAsync(["sync", "run", folders.B], ct);
        wire = proxy.Take();
        var same = TestData.HashOf(folders.A) == TestData.HashOf(folders.B);
        table.AddRow($"{what}, down", $"{seconds:0.00} s", "≤ 5 MiB", $"{(wire.Up + wire.Down) / 1048576.0:0.00} MiB on the wire, {(same ? "identical" : "DIFFERENT")}");
    }
}
