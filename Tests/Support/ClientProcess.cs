using System.Diagnostics;
using System.Text;

namespace Tests.Support;

/// <summary>The real <c>fileshare</c> as a process of its own: for what only a process can suffer.</summary>
sealed class ClientProcess : IDisposable
{
    readonly Process process;
    readonly Task<string> output;
    readonly Task error;
    readonly StringBuilder said = new();
    readonly TaskCompletionSource spoke = new(TaskCreationOptions.RunContinuationsAsynchronously);

    ClientProcess(Process process)
    {
        this.process = process;
        output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        error = ListenAsync();
    }

    public int Id => process.Id;

    public static ClientProcess Start(Uri server, string configFolder, params string[] args)
    {
        // A shell starts its background jobs with SIGINT ignored, and all their children inherit that: a person's terminal does not.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", typeof(FileClient.Commands.Cli).Assembly.Location, .. args])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["FILESHARE_CONFIG"] = configFolder;
        start.Environment["FILESHARE_URL"] = server.AbsoluteUri;
        start.Environment.Remove("FILESHARE_TOKEN");
        return new ClientProcess(Process.Start(start) ?? throw new InvalidOperationException("The client did not start."));
    }

    public async Task<(int Exit, string Output, string Error)> EndAsync(CancellationToken ct)
    {
        await process.WaitForExitAsync(ct);
        await error;
        return (process.ExitCode, await output, said.ToString());
    }

    /// <summary>Waits for the first line on standard error.</summary>
    public Task SpokeAsync(CancellationToken ct) => spoke.Task.WaitAsync(ct);

    async Task ListenAsync()
    {
        while (await process.StandardError.ReadLineAsync(CancellationToken.None) is { } line)
        {
            said.Append(line).Append('\n');
            spoke.TrySetResult();
        }
        spoke.TrySetResult();
    }

    /// <summary>kill -9 after a while, unless it has ended before.</summary>
    /// <returns>Whether it was killed.</returns>
    public async Task<bool> KillAfterAsync(TimeSpan patience, CancellationToken ct)
    {
        if (await Task.WhenAny(process.WaitForExitAsync(ct), Task.Delay(patience, ct)) is { } first && process.HasExited)
        {
            await first;
            return false;
        }
        process.Kill();
        await process.WaitForExitAsync(ct);
        return true;
    }

    public void Dispose()
    {
        if (!process.HasExited)
            process.Kill();
        process.Dispose();
    }
}
