using System.Diagnostics;

namespace Benchmarks;

/// <summary>Apache with mod_dav on a free port, over a folder of its own, as it comes from Debian.</summary>
sealed class Apache : IDisposable
{
    const string Program = "/usr/sbin/apache2";
    const string Modules = "/usr/lib/apache2/modules";

    readonly Process process;

    Apache(Process process, int port)
    {
        this.process = process;
        Url = new Uri($"http://127.0.0.1:{port}/");
    }

    public Uri Url { get; }

    /// <returns>Null where it is not installed.</returns>
    public static async Task<Apache?> StartAsync(Workshop workshop, CancellationToken ct)
    {
        if (!File.Exists(Program))
            return null;
        var folder = workshop.NewFolder("apache");
        Directory.CreateDirectory(Path.Combine(folder, "docs"));
        foreach (var path in new[] { folder, Path.Combine(folder, "docs") })
            File.SetUnixFileMode(path, (UnixFileMode)0b111_111_111);
        var port = RunningServer.FreePort();
        var configuration = Path.Combine(folder, "httpd.conf");
        await File.WriteAllTextAsync(
            configuration,
            $"""
            ServerRoot {folder}
            PidFile {folder}/pid
            Listen 127.0.0.1:{port}
            ServerName localhost
            LoadModule mpm_event_module {Modules}/mod_mpm_event.so
            LoadModule authz_core_module {Modules}/mod_authz_core.so
            LoadModule mime_module {Modules}/mod_mime.so
            LoadModule dav_module {Modules}/mod_dav.so
            LoadModule dav_fs_module {Modules}/mod_dav_fs.so
            TypesConfig /etc/mime.types
            User nobody
            Group nogroup
            ErrorLog {folder}/error.log
            DocumentRoot {folder}/docs
            DavLockDB {folder}/locks
            <Directory {folder}/docs>
                Dav On
                Require all granted
            </Directory>

            """,
            ct);
        var start = new ProcessStartInfo(Program, ["-f", configuration, "-DFOREGROUND"]) { UseShellExecute = false };
        var apache = new Apache(Process.Start(start)!, port);
        await apache.AwaitAsync(ct);
        return apache;
    }

    public void Dispose()
    {
        process.Kill(entireProcessTree: true);
        process.WaitForExit();
        process.Dispose();
    }

    async Task AwaitAsync(CancellationToken ct)
    {
        using var client = new System.Net.Sockets.TcpClient();
        for (var attempt = 0; attempt < 100; attempt++)
        {
            try
            {
                await client.ConnectAsync("127.0.0.1", Url.Port, ct);
                return;
            }
            catch (System.Net.Sockets.SocketException)
            {
                await Task.Delay(50, ct);
            }
        }
        throw new InvalidOperationException("Apache did not start.");
    }
}
