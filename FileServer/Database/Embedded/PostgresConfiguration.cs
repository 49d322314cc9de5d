using System.Runtime.Versioning;

namespace FileServer.Database.Embedded;

/// <summary>
/// The settings that the server gives its own PostgreSQL. They are written anew at every start; what an operator wants
/// otherwise he sets with ALTER SYSTEM, which stands in postgresql.auto.conf and wins.
/// </summary>
[UnsupportedOSPlatform("windows")]
static class PostgresConfiguration
{
    const string FileName = "fileshare.conf";

    public static void Write(string cluster, bool durable, PostgresUser? user)
    {
        var main = Path.Combine(cluster, "postgresql.conf");
        if (!File.ReadAllText(main).Contains($"include '{FileName}'", StringComparison.Ordinal))
            File.AppendAllText(main, $"\ninclude '{FileName}'\n");
        Put(Path.Combine(cluster, FileName), durable ? Settings : Settings + Reckless, user);
        // Only the account that we run as may come in, known by the socket itself: there is no password to steal.
        Put(Path.Combine(cluster, "pg_hba.conf"), "local all all peer map=fileshare\n", user);
        Put(Path.Combine(cluster, "pg_ident.conf"), $"fileshare \"{Environment.UserName}\" fileshare\nfileshare \"{Environment.UserName}\" fileshare_app\n", user);
    }

    static void Put(string path, string text, PostgresUser? user)
    {
        if (File.Exists(path) && File.ReadAllText(path) == text)
            return;
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        if (user is not null)
            SystemCalls.ChangeOwner(path, user.Id, user.Group);
    }

    const string Settings =
        """
        # Written by FileShare at every start. Use ALTER SYSTEM for settings of your own.
        listen_addresses = ''
        # Relative to the data folder: no limit on its length, and nobody else gets in there.
        unix_socket_directories = '.'
        unix_socket_permissions = 0700
        max_connections = 100
        shared_buffers = 128MB
        maintenance_work_mem = 128MB
        wal_buffers = 16MB
        min_wal_size = 256MB
        max_wal_size = 2GB
        checkpoint_timeout = 10min
        # Short statements on indexes: compiling them costs more than it saves, and the disk is no spindle.
        jit = off
        random_page_cost = 1.1
        autovacuum_vacuum_scale_factor = 0.05
        autovacuum_analyze_scale_factor = 0.05
        timezone = 'UTC'
        log_timezone = 'UTC'
        # One file per weekday. Statements without their values: rows hold names that belong into no log.
        logging_collector = on
        log_directory = 'log'
        log_filename = 'postgresql-%a.log'
        log_truncate_on_rotation = on
        log_rotation_age = 1d
        log_rotation_size = 0
        log_error_verbosity = terse
        log_parameter_max_length = 0
        log_parameter_max_length_on_error = 0
        log_min_duration_statement = 2s
        log_checkpoints = off

        """;

    const string Reckless =
        """
        # For tests only: a crash of the machine loses everything.
        fsync = off
        synchronous_commit = off
        full_page_writes = off
        # Many servers share one cluster.
        max_connections = 300

        """;
}
