using Benchmarks;
using Spectre.Console;

// Measures the server and the published client as their users run them, and prints one table. Nothing here asserts:
// a timing is a fact about one machine on one day. Usage:
//   dotnet run -c Release --project Tests/Benchmarks [-- JOB…]     jobs: start tree large http dav (default: all)
var jobs = args.Length > 0 ? args : ["start", "tree", "large", "http", "dav"];
var unknown = jobs.Except(["start", "tree", "large", "http", "dav"]).ToArray();
if (unknown.Length > 0)
{
    Console.Error.WriteLine($"Unknown job '{unknown[0]}': choose from start, tree, large, http, dav.");
    return 2;
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};

var table = new Table().Title("FileShare benchmarks").AddColumns("job", "measured", "aim", "notes");
using var workshop = await Workshop.BuildAsync(stop.Token);
if (jobs.Contains("start"))
    await StartJob.RunAsync(workshop, table, stop.Token);
if (jobs.Contains("tree"))
    await TreeJob.RunAsync(workshop, table, stop.Token);
if (jobs.Contains("large"))
    await LargeFileJob.RunAsync(workshop, table, stop.Token);
if (jobs.Contains("http"))
    await HttpJob.RunAsync(workshop, table, stop.Token);
if (jobs.Contains("dav"))
    await DavJob.RunAsync(workshop, table, stop.Token);
AnsiConsole.Write(table);
return 0;
