using System.Runtime.Versioning;

namespace FileServer.Database.Embedded;

/// <summary>The main process of a PostgreSQL, as it describes itself in postmaster.pid.</summary>
[UnsupportedOSPlatform("windows")]
sealed record Postmaster(int ProcessId, string Status)
{
    public const string FileName = "postmaster.pid";

    public bool IsReady => Status == "ready";

    /// <summary>Whether the process still runs and is a PostgreSQL on this folder, not a stranger that was given the same number.</summary>
    public bool Runs(string cluster)
    {
        if (!SystemCalls.IsRunning(ProcessId))
            return false;
        if (!OperatingSystem.IsLinux())
            return true;
        try
        {
            // It stands in its data folder; only the owner and root may see that, and we are one of them.
            return new FileInfo($"/proc/{ProcessId}/cwd").LinkTarget is { } place && (place == cluster || place == $"{cluster} (deleted)");
        }
        catch (Exception denied) when (denied is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Removes what a dead one left: both files name its process, and PostgreSQL would believe either.</summary>
    public static void Forget(string cluster)
    {
        File.Delete(Path.Combine(cluster, ".s.PGSQL.5432.lock"));
        File.Delete(Path.Combine(cluster, FileName));
    }

    /// <returns>Null when there is none, or when it is being written at this moment.</returns>
    public static Postmaster? Read(string cluster)
    {
        try
        {
            // pid, data folder, start time, port, socket folder, listen address, shared memory, status
            var lines = File.ReadAllLines(Path.Combine(cluster, FileName));
            return lines.Length > 0 && int.TryParse(lines[0], out var pid) && pid > 0 ? new Postmaster(pid, lines.ElementAtOrDefault(7)?.Trim() ?? "starting") : null;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
