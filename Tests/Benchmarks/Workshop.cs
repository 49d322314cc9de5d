using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Benchmarks;

/// <summary>The published server and client, and a folder for everything that a run makes; gone when disposed.</summary>
sealed class Workshop : IDisposable
{
    Workshop(string folder) => Folder = folder;

    public string Folder { get; }

    public string Server => Path.Combine(Folder, "server", "FileServer.dll");

    public string Client => Path.Combine(Folder, "client", "fileshare");

    public string ConfigFolder => Path.Combine(Folder, "config");

    /// <summary>Publishes server and client the way the README tells, into a new temporary folder.</summary>
    public static async Task<Workshop> BuildAsync(CancellationToken ct)
    {
        var workshop = new Workshop(Directory.CreateTempSubdirectory("fileshare-bench-").FullName);
        // The embedded PostgreSQL drops its rights and must still reach its files.
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(workshop.Folder, (UnixFileMode)0b111_101_101);
        var root = SourceRoot();
        Console.Error.WriteLine("Publishing server and client …");
        await Shell.RunAsync("dotnet", ["publish", Path.Combine(root, "FileServer"), "-c", "Release", "-o", Path.Combine(workshop.Folder, "server"), "-v", "q", "-nologo"], null, ct);
        await Shell.RunAsync("dotnet", ["publish", Path.Combine(root, "FileClient"), "-c", "Release", "-r", RuntimeInformation.RuntimeIdentifier, "-o", Path.Combine(workshop.Folder, "client"), "-v", "q", "-nologo"], null, ct);
        return workshop;
    }

    /// <summary>Runs the published client signed in under this workshop's own configuration.</summary>
    /// <returns>Seconds from start to end of the process.</returns>
    public async Task<double> ClientAsync(string[] arguments, CancellationToken ct, string? input = null)
    {
        var watch = Stopwatch.StartNew();
        await Shell.RunAsync(Client, arguments, new() { ["FILESHARE_CONFIG"] = ConfigFolder, ["NO_COLOR"] = "1" }, ct, input);
        return watch.Elapsed.TotalSeconds;
    }

    public string NewFolder(string name)
    {
        var path = Path.Combine(Folder, name);
        Directory.CreateDirectory(path);
        return path;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    static string SourceRoot([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", ".."));
}
