using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Tests.Architecture;
using Tests.Support;

namespace Tests.Proxies;

/// <summary>A real proxy with a configuration of docs/operations, changed in nothing but addresses and files, and TLS before a real server.</summary>
sealed class RealProxy : IAsyncDisposable
{
    public const string Prefix = "/team/files";

    /// <summary>Whose certificate a proxy of the tests shows.</summary>
    public const string Subject = "CN=files.example";

    readonly TemporaryFolder folder = new();
    readonly Process? process;

    RealProxy(string name, Uri server, bool below)
    {
        Url = new Uri($"https://127.0.0.1:{FreePort()}");
        Certify();
        process = name switch
        {
            "nginx" => Nginx(server, below),
            "haproxy" => Haproxy(server, below),
            _ => Caddy(server, below),
        };
        Tool.Require(process is not null, name);
    }

    public Uri Url { get; }

    /// <summary>Starts it and waits until it takes connections.</summary>
    /// <param name="below">Below a path prefix.</param>
    public static async Task<RealProxy> StartAsync(string name, Uri server, bool below, CancellationToken ct)
    {
        var proxy = new RealProxy(name, server, below);
        using var client = proxy.Client();
        for (var attempt = 0; ; attempt++)
        {
            Assert.False(proxy.process!.HasExited || attempt == 500, $"The proxy does not answer: {File.ReadAllText(proxy.folder["errors"])}");
            try
            {
                using var answer = await client.GetAsync(below ? $"{Prefix}/healthz" : "/healthz", ct);
                if (answer.StatusCode == HttpStatusCode.OK)
                    return proxy;
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }
            await Task.Delay(20, ct);
        }
    }

    /// <summary>A client on another address of this machine, one that the server does not trust.</summary>
    public HttpClient Client(HttpClient? user = null)
    {
        var handler = new SocketsHttpHandler { ConnectCallback = ConnectAsync };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == Subject;
        var client = new HttpClient(handler) { BaseAddress = Url };
        client.DefaultRequestHeaders.Authorization = user?.DefaultRequestHeaders.Authorization;
        return client;
    }

    public async ValueTask DisposeAsync()
    {
        if (process is not null)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
        }
        folder.Dispose();
    }

    static async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken ct)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0));
        await socket.ConnectAsync(context.DnsEndPoint, ct);
        return new NetworkStream(socket, ownsSocket: true);
    }

    void Certify()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(Subject, key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(120));
        File.WriteAllText(folder["crt"], certificate.ExportCertificatePem());
        File.WriteAllText(folder["key"], key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(folder["pem"], $"{certificate.ExportCertificatePem()}\n{key.ExportPkcs8PrivateKeyPem()}\n");
    }

    Process? Nginx(Uri server, bool below)
    {
        var site = Read("nginx.conf", server, "443 ssl", $"{Url.Authority} ssl", "/etc/ssl/files.example.crt", folder["crt"], "/etc/ssl/files.example.key", folder["key"]);
        if (below)
            site = Replace(site, "location / {", $"location {Prefix}/ {{", "# proxy_set_header X-Forwarded-Prefix", "proxy_set_header X-Forwarded-Prefix");
        var temporary = string.Join('\n', new[] { "client_body", "proxy", "fastcgi", "uwsgi", "scgi" }.Select(kind => $"{kind}_temp_path {folder[kind]};"));
        File.WriteAllText(folder["nginx.conf"], $"daemon off;\npid {folder["pid"]};\nerror_log {folder["log"]};\nevents {{ }}\nhttp {{ access_log off;\n{temporary}\n{site}\n}}\n");
        return Run("nginx", "-p", folder.Path, "-e", folder["log"], "-c", folder["nginx.conf"]);
    }

    Process? Haproxy(Uri server, bool below)
    {
        var text = Read("haproxy.cfg", server, ":443 ssl", $"{Url.Authority} ssl", "/etc/ssl/files.example.pem", folder["pem"]);
        File.WriteAllText(folder["haproxy.cfg"], below ? text.Replace("# http-request", "http-request", StringComparison.Ordinal) : text);
        return Run("haproxy", "-db", "-f", folder["haproxy.cfg"]);
    }

    Process? Caddy(Uri server, bool below)
    {
        var text = Read("Caddyfile", server, "files.example {", $"https://{Url.Authority} {{\n    tls {folder["crt"]} {folder["key"]}\n");
        if (below)
            text = Replace(text, $"reverse_proxy {server.Authority} {{", $"reverse_proxy {Prefix}/* {server.Authority} {{\n        header_up X-Forwarded-Prefix {Prefix}");
        File.WriteAllText(folder["Caddyfile"], $"{{\n    admin off\n    auto_https off\n    storage file_system {folder["caddy"]}\n}}\n{text}");
        return Run("caddy", "run", "--adapter", "caddyfile", "--config", folder["Caddyfile"]);
    }

    static string Read(string file, Uri server, params ReadOnlySpan<string> changes) =>
        Replace(Sources.Read($"docs/operations/{file}"), ["127.0.0.1:8080", server.Authority, .. changes]);

    static string Replace(string text, params ReadOnlySpan<string> changes)
    {
        for (var i = 0; i < changes.Length; i += 2)
        {
            Assert.Contains(changes[i], text, StringComparison.Ordinal);
            text = text.Replace(changes[i], changes[i + 1], StringComparison.Ordinal);
        }
        return text;
    }

    Process? Run(string program, params string[] arguments)
    {
        // Debian keeps servers where not everybody's path leads.
        var path = new[] { $"/usr/sbin/{program}", $"/usr/bin/{program}" }.FirstOrDefault(File.Exists) ?? program;
        var start = new ProcessStartInfo(path, arguments) { UseShellExecute = false, RedirectStandardError = true };
        start.Environment["HOME"] = folder.Path;
        try
        {
            var started = Process.Start(start);
            File.WriteAllText(folder["errors"], "");
            started?.ErrorDataReceived += (_, line) => File.AppendAllText(folder["errors"], $"{line.Data}\n");
            started?.BeginErrorReadLine();
            return started;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
