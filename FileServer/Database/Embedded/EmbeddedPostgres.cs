using System.Runtime.Versioning;
using FileServer.Settings;
using Microsoft.Win32.SafeHandles;
using Npgsql;

namespace FileServer.Database.Embedded;

/// <summary>
/// A private PostgreSQL below the data folder: made at the first start, reachable only through a Unix socket in its own
/// folder, and only for the account that we run as.
/// </summary>
/// <remarks>
/// As root, PostgreSQL runs as another account, and a data folder below a private home is closed to it. Therefore it gets
/// an open descriptor of its folder and knows it as /proc/self/fd/N: nobody has to loosen the rights of a home folder.
/// We reach the socket in the same manner, so the length of the path does not matter (a socket's may have 107 bytes).
/// </remarks>
[UnsupportedOSPlatform("windows")]
sealed partial class EmbeddedPostgres : IAsyncDisposable
{
    public const string Owner = "fileshare";
    public const string AppRole = "fileshare_app";

    readonly DataFolder folder;
    readonly PostgresBinaries binaries;
    readonly PostgresUser? user = PostgresUser.Find();
    readonly string cluster;
    readonly string socketFolder;
    readonly bool durable;
    readonly SafeFileHandle? anchor;
    readonly ILogger logger;
    Postmaster? postmaster;

    /// <param name="durable">False only in tests: nothing is synced then.</param>
    public EmbeddedPostgres(DataFolder folder, string? configuredBinaries, bool durable, ILogger logger)
    {
        this.folder = folder;
        this.durable = durable;
        this.logger = logger;
        binaries = PostgresBinaries.Find(configuredBinaries, ExistingMajor(folder.Path));
        cluster = Path.Combine(folder.Path, $"postgres-{binaries.Major}");
        if (OperatingSystem.IsLinux())
        {
            anchor = SystemCalls.OpenFolder(folder.Path, inheritable: false);
            var place = $"/proc/self/fd/{anchor.DangerousGetHandle()}";
            socketFolder = Path.Combine(place, $"postgres-{binaries.Major}");
            // Without symbolic links, as the kernel names it for the postmaster too.
            cluster = Path.Combine(new FileInfo(place).LinkTarget ?? folder.Path, $"postgres-{binaries.Major}");
        }
        else
        {
            socketFolder = cluster;
            if (cluster.Length > 80)
                throw new StartRefused($"The path '{cluster}' is too long for a Unix socket in it. Set FILESHARE_DATA to a folder with a shorter path.");
        }
    }

    public string Version => binaries.Version;

    public int? ProcessId => postmaster?.ProcessId;

    /// <summary>Known before the start, so that everything that needs it can be put together meanwhile.</summary>
    public string ConnectionString(string role, string database) => new NpgsqlConnectionStringBuilder
    {
        Host = socketFolder,
        Username = role,
        Database = database,
    }.ConnectionString;

    /// <summary>Ready when this returns: started, taken over from a server that was killed, or made anew.</summary>
    public async Task StartAsync(CancellationToken ct)
    {
        var running = Postmaster.Read(cluster);
        if (!folder.IsOwned)
        {
            postmaster = running is { IsReady: true } && running.Runs(cluster) ? running : throw new StartRefused($"The server that owns '{folder.Path}' has no database running. Stop it, or wait until it is ready.");
            return;
        }
        if (running is not null && running.Runs(cluster) && await AdoptAsync(ct))
            return;
        var isNew = !Directory.Exists(cluster);
        if (isNew)
            await InitialiseAsync(ct);
        PostgresConfiguration.Write(cluster, durable, user);
        await LaunchAsync(ct);
        // The marker is written last: a first start that broke off in between is finished by the next.
        var marker = Path.Combine(cluster, "fileshare.ready");
        if (!File.Exists(marker))
        {
            await CreateDatabaseAsync(ct);
            await File.WriteAllTextAsync(marker, "", ct);
        }
    }

    /// <summary>Starts it again if it has died, by whatever hand.</summary>
    /// <returns>Whether it had to.</returns>
    public async Task<bool> ReviveAsync(CancellationToken ct)
    {
        if (postmaster is null || postmaster.Runs(cluster))
            return false;
        Log.Died(logger, postmaster.ProcessId);
        await LaunchAsync(ct);
        return true;
    }

    /// <summary>Ends sessions, writes a checkpoint and stops. A server that only looks in leaves it running.</summary>
    public async Task StopAsync(CancellationToken ct)
    {
        if (postmaster is null || !folder.IsOwned)
            return;
        var pid = postmaster.ProcessId;
        if (postmaster.Runs(cluster))
            SystemCalls.Signal(pid, SystemCalls.Interrupt);
        if (!await EndsWithinAsync(TimeSpan.FromSeconds(20), ct))
        {
            // Its crash recovery at the next start loses nothing.
            SystemCalls.Signal(pid, SystemCalls.Quit);
            await EndsWithinAsync(TimeSpan.FromSeconds(10), ct);
        }
        postmaster = null;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None);
        anchor?.Dispose();
    }

    static int? ExistingMajor(string folder) => Directory.EnumerateDirectories(folder, "postgres-*")
        .Select(path => int.TryParse(Path.GetFileName(path).AsSpan("postgres-".Length), out var major) ? major : (int?)null)
        .Where(major => major is not null)
        .Max();

    /// <summary>A postmaster that outlived a killed server goes on; one that is on its way out is waited for.</summary>
    async Task<bool> AdoptAsync(CancellationToken ct)
    {
        for (; Postmaster.Read(cluster) is { } survivor && survivor.Runs(cluster); await Task.Delay(10, ct))
        {
            if (!survivor.IsReady)
                continue;
            postmaster = survivor;
            Log.Adopted(logger, survivor.ProcessId);
            return true;
        }
        return false;
    }

    async Task InitialiseAsync(CancellationToken ct)
    {
        Log.Initialising(logger, binaries.Version);
        // Under another name until it is whole: a start that is killed here begins anew.
        var half = Path.Combine(folder.Path, "new-postgres");
        if (Directory.Exists(half))
            Directory.Delete(half, recursive: true);
        Directory.CreateDirectory(half, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        user?.TakeOver(half);
        string[] locale = binaries.Major >= 17
            ? ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
            : ["--locale=C.UTF-8"];
        string[] sync = durable ? [] : ["--no-sync"];
        var (exit, output) = await InFolderAsync(half, place => ChildProcess.RunAsync(
            Path.Combine(Readable.Bin, "initdb"),
            ["-D", place, "-U", Owner, "--auth=peer", "-E", "UTF8", "--data-checksums", .. locale, .. sync],
            user,
            ct));
        if (exit != 0)
            throw new StartRefused($"PostgreSQL could not make its files in '{folder.Path}': {Tail(output)}");
        Directory.Move(half, cluster);
    }

    PostgresBinaries Readable => binaries.ReadableBy(user);

    async Task LaunchAsync(CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            // After a kill -9 its number may name a zombie or a stranger, which PostgreSQL would take for itself.
            if (Postmaster.Read(cluster) is { } stale && !stale.Runs(cluster))
                Postmaster.Forget(cluster);
            var startLog = Path.Combine(cluster, "start.log");
            File.Delete(startLog);
            // pg_ctl gives it a session of its own, so that Ctrl+C reaches us and not PostgreSQL under our feet.
            var launch = InFolderAsync(cluster, place => ChildProcess.RunAsync(
                Path.Combine(Readable.Bin, "pg_ctl"), ["start", "-w", "-t", "3600", "-D", place, "-l", $"{place}/start.log"], user, ct));
            // pg_ctl looks ten times a second; we need not wait for that.
            while (!launch.IsCompleted)
            {
                if (Postmaster.Read(cluster) is { IsReady: true } ready && ready.Runs(cluster))
                {
                    postmaster = ready;
                    return;
                }
                await Task.Delay(3, ct);
            }
            if ((await launch).ExitCode == 0)
                continue;
            var why = await ReasonAsync(startLog, ct) ?? (await launch).Output;
            // Sessions of a killed postmaster hold its shared memory until they notice.
            if (attempt >= 100 || !why.Contains("is still in use", StringComparison.Ordinal))
                throw new StartRefused($"PostgreSQL {binaries.Version} did not start on '{cluster}': {why}");
            await Task.Delay(100, ct);
        }
    }

    /// <summary>What PostgreSQL said last: first in the file that pg_ctl gives it, then in its own log.</summary>
    async Task<string?> ReasonAsync(string startLog, CancellationToken ct)
    {
        var logs = Path.Combine(cluster, "log");
        var newest = Directory.Exists(logs) ? new DirectoryInfo(logs).EnumerateFiles().MaxBy(file => file.LastWriteTimeUtc)?.FullName : null;
        var lines = new List<string>();
        foreach (var path in new[] { startLog, newest }.OfType<string>().Where(File.Exists))
            lines.Add(Tail(await File.ReadAllTextAsync(path, ct)));
        return lines.Count == 0 ? null : string.Join(" · ", lines);
    }

    /// <summary>Runs a program that is told the folder's place in words that the program's account can follow.</summary>
    async Task<(int ExitCode, string Output)> InFolderAsync(string path, Func<string, Task<(int, string)>> run)
    {
        if (user is null || !OperatingSystem.IsLinux())
            return await run(path);
        using var descriptor = SystemCalls.OpenFolder(path, inheritable: true);
        return await run($"/proc/self/fd/{descriptor.DangerousGetHandle()}");
    }

    async Task CreateDatabaseAsync(CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(ConnectionString(Owner, "postgres") + ";Pooling=false");
        await connection.OpenAsync(ct);
        await connection.ExecuteAsync(
            """
            do $$
            begin
                if not exists (select from pg_roles where rolname = 'fileshare_app') then
                    create role fileshare_app login;
                end if;
            end $$
            """, null, ct);
        if (!await connection.QuerySingleAsync<bool>("select exists (select from pg_database where datname = 'fileshare')", null, ct))
            await connection.ExecuteAsync("create database fileshare", null, ct);
    }

    async Task<bool> EndsWithinAsync(TimeSpan patience, CancellationToken ct)
    {
        for (var waited = TimeSpan.Zero; waited < patience; waited += TimeSpan.FromMilliseconds(5))
        {
            if (postmaster is null || !postmaster.Runs(cluster))
                return true;
            await Task.Delay(5, ct);
        }
        return false;
    }

    static string Tail(string text) => string.Join(" · ", text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).TakeLast(4));

    static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Making the database with PostgreSQL {Version}")]
        public static partial void Initialising(ILogger logger, string version);

        [LoggerMessage(LogLevel.Information, "Took over the running PostgreSQL, process {ProcessId}")]
        public static partial void Adopted(ILogger logger, int processId);

        [LoggerMessage(LogLevel.Error, "PostgreSQL, process {ProcessId}, has died; starting it again")]
        public static partial void Died(ILogger logger, int processId);
    }
}
