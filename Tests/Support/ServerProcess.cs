using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Tests.Support;

/// <summary>The real server as a process of its own, with its embedded PostgreSQL: for what only a process can suffer.</summary>
sealed partial class ServerProcess : IAsyncDisposable
{
    readonly Process process;
    readonly ConcurrentQueue<string> output = new();
    readonly TaskCompletionSource<Uri> ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    ServerProcess(Process process) => this.process = process;

    public Uri Url { get; private set; } = new("http://127.0.0.1");

    public int Id => process.Id;

    public TimeSpan TimeToReady { get; private set; }

    /// <summary>All that it printed so far.</summary>
    public string Output => string.Join('\n', output);

    public HttpClient Client() => new() { BaseAddress = Url };

    /// <summary>Starts the server and waits until it says that it is ready.</summary>
    public static async Task<ServerProcess> StartAsync(string dataFolder, CancellationToken ct, params string[] arguments)
    {
        var server = Launch(dataFolder, ["--urls", "http://127.0.0.1:0", .. arguments]);
        var watch = Stopwatch.StartNew();
        var first = await Task.WhenAny(server.ready.Task, server.process.WaitForExitAsync(ct)).WaitAsync(TimeSpan.FromSeconds(60), ct);
        if (first != server.ready.Task)
        {
            ct.ThrowIfCancellationRequested();
            throw new InvalidOperationException($"The server ended with {server.process.ExitCode} before it was ready:\n{server.Output}");
        }
        server.TimeToReady = watch.Elapsed;
        server.Url = await server.ready.Task;
        return server;
    }

    /// <summary>Runs the program to its end, for sub-commands and refused starts.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(string dataFolder, CancellationToken ct, params string[] arguments)
    {
        await using var server = Launch(dataFolder, arguments);
        await server.process.WaitForExitAsync(ct);
        return (server.process.ExitCode, server.Output);
    }

    /// <summary>Asks it to stop, as a supervisor does.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> TerminateAsync(CancellationToken ct)
    {
        Signal(process.Id, 15);
        await process.WaitForExitAsync(ct);
        return process.ExitCode;
    }

    /// <summary>kill -9: no handler runs, nothing is flushed.</summary>
    public async Task KillAsync(CancellationToken ct)
    {
        process.Kill();
        await process.WaitForExitAsync(ct);
    }

    public static bool Signal(int pid, int signal) => kill(pid, signal) == 0;

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
            await TerminateAsync(CancellationToken.None);
        process.Dispose();
    }

    static ServerProcess Launch(string dataFolder, string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(FileServer.ServerHost).Assembly.Location, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var foreign in start.Environment.Keys.Where(name => name.StartsWith("FILESHARE_", StringComparison.Ordinal)).ToList())
            start.Environment.Remove(foreign);
        start.Environment["FILESHARE_DATA"] = dataFolder;
        start.Environment["FILESHARE_ADMIN_PASSWORD"] = "the-administrator-of-a-test";
        var process = Process.Start(start) ?? throw new InvalidOperationException("The server did not start.");
        var server = new ServerProcess(process);
        process.OutputDataReceived += (_, line) => server.Take(line.Data);
        process.ErrorDataReceived += (_, line) => server.Take(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        process.StandardInput.Close();
        return server;
    }

    void Take(string? line)
    {
        const string Ready = "FileShare is ready at ";
        if (line is null)
            return;
        output.Enqueue(line);
        if (line.StartsWith(Ready, StringComparison.Ordinal))
            ready.TrySetResult(new Uri(line[Ready.Length..]));
    }

    [LibraryImport("libc")]
    private static partial int kill(int pid, int signal);
}
