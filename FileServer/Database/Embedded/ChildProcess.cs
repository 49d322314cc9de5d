using System.Diagnostics;
using System.Runtime.Versioning;

namespace FileServer.Database.Embedded;

/// <summary>Starts PostgreSQL's programs: with a plain environment, and as another account when we are root.</summary>
[UnsupportedOSPlatform("windows")]
static class ChildProcess
{
    public static (int ExitCode, string Output) Run(string program, IEnumerable<string> arguments, PostgresUser? user)
    {
        using var process = Start(program, arguments, user);
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }

    public static async Task<(int ExitCode, string Output)> RunAsync(string program, IEnumerable<string> arguments, PostgresUser? user, CancellationToken ct)
    {
        using var process = Start(program, arguments, user);
        // Both at once: a program that fills one pipe waits for its reader.
        var output = process.StandardOutput.ReadToEndAsync(ct);
        var errors = process.StandardError.ReadToEndAsync(ct);
        await process.WaitForExitAsync(ct);
        return (process.ExitCode, await output + await errors);
    }

    static Process Start(string program, IEnumerable<string> arguments, PostgresUser? user)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            // Our own folder may be one that the account cannot enter.
            WorkingDirectory = "/",
        };
        if (user is not null)
            start.UserName = user.Name;
        start.Environment.Clear();
        start.Environment["PATH"] = "/usr/local/bin:/usr/bin:/bin";
        start.Environment["LC_ALL"] = "C";
        start.Environment["TZ"] = "UTC";
        return Process.Start(start) ?? throw new IOException($"'{program}' did not start.");
    }
}
