using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using FileServer.Protocol.Contracts;

namespace Benchmarks;

/// <summary>The published server as a process of its own, with its embedded database, on a free loopback port.</summary>
sealed class RunningServer : IAsyncDisposable
{
    const string Password = "benchmark-administrator-password";
    readonly Process process;

    RunningServer(Process process, int port, double secondsToReady)
    {
        this.process = process;
        Port = port;
        SecondsToReady = secondsToReady;
    }

    public int Port { get; }

    public double SecondsToReady { get; }

    public Uri Url => new($"http://127.0.0.1:{Port}");

    /// <summary>The largest resident size so far, in MiB; read from the kernel, so on Linux only.</summary>
    public double PeakMemoryMiB =>
        File.ReadLines($"/proc/{process.Id}/status").Where(line => line.StartsWith("VmHWM:", StringComparison.Ordinal))
            .Select(line => long.Parse(line.AsSpan()[6..^2].Trim()) / 1024.0).Single();

    public static async Task<RunningServer> StartAsync(Workshop workshop, string dataFolder, CancellationToken ct)
    {
        var port = FreePort();
        var start = new ProcessStartInfo("dotnet", [workshop.Server, "--urls", $"http://127.0.0.1:{port}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["FILESHARE_DATA"] = dataFolder;
        start.Environment["FILESHARE_ADMIN_PASSWORD"] = Password;
        var watch = Stopwatch.StartNew();
        var started = Process.Start(start) ?? throw new InvalidOperationException("The server did not start.");
        started.OutputDataReceived += (_, _) => { };
        started.ErrorDataReceived += (_, line) => Console.Error.WriteLine(line.Data);
        started.BeginOutputReadLine();
        started.BeginErrorReadLine();
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        while (!await IsReadyAsync(http, ct))
        {
            if (started.HasExited)
                throw new InvalidOperationException($"The server ended with {started.ExitCode} before it was ready.");
            await Task.Delay(10, ct);
        }
        return new RunningServer(started, port, watch.Elapsed.TotalSeconds);
    }

    /// <summary>Signs the workshop's client in as the administrator, over the given port (the server's or a proxy's).</summary>
    public Task LoginAsync(Workshop workshop, int port, CancellationToken ct) =>
        workshop.ClientAsync(["login", $"http://127.0.0.1:{port}", "--user", "admin", "--password-stdin"], ct, Password);

    /// <summary>An HTTP client that is signed in as the administrator.</summary>
    public async Task<HttpClient> SignedInAsync(CancellationToken ct)
    {
        var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 64 }) { BaseAddress = Url, Timeout = TimeSpan.FromMinutes(10) };
        var answer = await http.PostAsJsonAsync("/api/v1/auth/login", new LoginRequest("admin", Password), WireJson.Default.LoginRequest, ct);
        answer.EnsureSuccessStatusCode();
        var tokens = await answer.Content.ReadFromJsonAsync(WireJson.Default.SessionTokens, ct);
        http.DefaultRequestHeaders.Authorization = new("Bearer", tokens!.AccessToken);
        return http;
    }

    public Task<string> VerifyAsync(Workshop workshop, string dataFolder, CancellationToken ct) =>
        Shell.RunAsync("dotnet", [workshop.Server, "verify"], new() { ["FILESHARE_DATA"] = dataFolder }, ct);

    /// <summary>Asks the server to stop, and waits until it has.</summary>
    public async Task StopAsync()
    {
        if (process.HasExited)
            return;
        await Shell.RunAsync("kill", ["-TERM", process.Id.ToString()], null, CancellationToken.None);
        await process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        process.Dispose();
    }

    static async Task<bool> IsReadyAsync(HttpClient http, CancellationToken ct)
    {
        try
        {
            return (await http.GetAsync("/readyz", ct)).StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
