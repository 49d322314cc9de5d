using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text.Json;
using FileServer.Settings;

namespace FileServer.Database.Embedded;

/// <summary>A PostgreSQL that can be started: the one that the build brought by npm, else one that is installed.</summary>
[UnsupportedOSPlatform("windows")]
sealed record PostgresBinaries(string Bin, int Major, string Version)
{
    const int OldestMajor = 15;
    const UnixFileMode Executable = (UnixFileMode)0b111_101_101;

    /// <param name="configured">A bin folder that the operator names; then no other is looked at.</param>
    /// <param name="major">The major version of the existing cluster, which no other can read; null for a new one.</param>
    /// <exception cref="StartRefused">There is none that fits.</exception>
    public static PostgresBinaries Find(string? configured, int? major)
    {
        if (configured is not null)
            return AsInstalled(configured, major) ?? throw new StartRefused($"Database:PostgresBinaries is '{configured}'; valid is a folder with the programs postgres, initdb and pg_ctl of PostgreSQL {major?.ToString() ?? "15 or newer"}.");
        return FromPackage(major) ?? Installed(major) ?? throw new StartRefused(Missing(major));
    }

    static string Missing(int? major) => major is null
        ? "There is no PostgreSQL to start. Install Node.js and build again (the build then brings PostgreSQL 18), or install PostgreSQL 15 or newer " +
          "(Debian, Ubuntu: apt-get install postgresql), or name a running one in FILESHARE_DATABASE."
        : $"The data folder's database was made by PostgreSQL {major}, and no other version can read it. Install PostgreSQL {major}, " +
          (major == 18 ? "or Node.js and build again (the build then brings it), " : "") +
          "or move the database (pg_dump) to another one and name that in FILESHARE_DATABASE.";

    static PostgresBinaries? FromPackage(int? major)
    {
        var system = OperatingSystem.IsMacOS() ? "darwin" : "linux";
        var architecture = RuntimeInformation.ProcessArchitecture switch { Architecture.X64 => "x64", Architecture.Arm64 => "arm64", _ => "none" };
        var name = Path.Combine("@embedded-postgres", $"{system}-{architecture}");
        var package = Candidates(name).FirstOrDefault(Directory.Exists);
        if (package is null)
            return null;
        using var description = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(package, "package.json")));
        var version = description.RootElement.GetProperty("version").GetString()!;
        var packageMajor = int.Parse(version.AsSpan(0, version.IndexOf('.')));
        if (major is not null && major != packageMajor)
            return null;
        Complete(package);
        return new PostgresBinaries(Path.Combine(package, "native", "bin"), packageMajor, version);
    }

    /// <summary>Beside a published program, or in the source tree above the folder that the program was built into.</summary>
    static IEnumerable<string> Candidates(string name)
    {
        yield return Path.Combine(AppContext.BaseDirectory, "postgres", name);
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            yield return Path.Combine(folder.FullName, "FileServer", "Database", "Embedded", "node_modules", name);
    }

    /// <summary>npm packages carry no symbolic links, and unpacking may lose the executable bit: both are put right here.</summary>
    static void Complete(string package)
    {
        using var links = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(package, "native", "pg-symlinks.json")));
        foreach (var link in links.RootElement.EnumerateArray())
        {
            var source = Path.Combine(package, link.GetProperty("source").GetString()!);
            var target = Path.Combine(package, link.GetProperty("target").GetString()!);
            if (File.Exists(target))
                continue;
            try
            {
                File.CreateSymbolicLink(target, Path.GetRelativePath(Path.GetDirectoryName(target)!, source));
            }
            catch (IOException) when (File.Exists(target))
            {
                // Another server that starts at the same moment was faster.
            }
        }
        foreach (var program in Directory.EnumerateFiles(Path.Combine(package, "native", "bin")))
        {
            if ((File.GetUnixFileMode(program) & UnixFileMode.OtherExecute) == UnixFileMode.None)
                File.SetUnixFileMode(program, Executable);
        }
    }

    static PostgresBinaries? Installed(int? major)
    {
        var onPath = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        var debian = Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql").OrderByDescending(folder => int.TryParse(Path.GetFileName(folder), out var number) ? number : 0).Select(folder => Path.Combine(folder, "bin"))
            : [];
        return onPath.Concat(debian).Select(bin => AsInstalled(bin, major)).FirstOrDefault(found => found is not null);
    }

    static PostgresBinaries? AsInstalled(string bin, int? major)
    {
        if (!Array.TrueForAll(["postgres", "initdb", "pg_ctl"], program => File.Exists(Path.Combine(bin, program))))
            return null;
        // postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
        var words = ChildProcess.Run(Path.Combine(bin, "postgres"), ["--version"], user: null).Output.Split(' ');
        if (words.Length < 3 || !int.TryParse(words[2].Split('.')[0], out var number) || number < OldestMajor || (major is not null && major != number))
            return null;
        return new PostgresBinaries(bin, number, words[2].Trim());
    }

    /// <summary>
    /// These binaries at a place where the account can read them. A check-out below a private home folder is not: the
    /// programs, which are public, are then copied to where such things belong.
    /// </summary>
    public PostgresBinaries ReadableBy(PostgresUser? user)
    {
        if (user is null || IsOpenToAll(Bin))
            return this;
        var copy = Path.Combine("/var/cache/fileshare", $"postgres-{Version}");
        var bin = Path.Combine(copy, "bin");
        if (!Directory.Exists(copy))
        {
            var half = $"{copy}.{Environment.ProcessId}";
            Directory.CreateDirectory("/var/cache/fileshare", Executable);
            Copy(new DirectoryInfo(Path.GetDirectoryName(Bin)!), half);
            try
            {
                Directory.Move(half, copy);
            }
            catch (IOException) when (Directory.Exists(copy))
            {
                Directory.Delete(half, recursive: true);
            }
        }
        return this with { Bin = bin };
    }

    static bool IsOpenToAll(string folder)
    {
        for (var place = new DirectoryInfo(folder); place is not null; place = place.Parent)
        {
            if ((place.UnixFileMode & UnixFileMode.OtherExecute) == UnixFileMode.None)
                return false;
        }
        return true;
    }

    static void Copy(DirectoryInfo from, string to)
    {
        Directory.CreateDirectory(to, Executable);
        foreach (var entry in from.EnumerateFileSystemInfos())
        {
            var target = Path.Combine(to, entry.Name);
            if (entry.LinkTarget is { } link)
                File.CreateSymbolicLink(target, link);
            else if (entry is DirectoryInfo folder)
                Copy(folder, target);
            else
                ((FileInfo)entry).CopyTo(target);
        }
    }
}
