using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using FileServer.Protocol.Contracts;
using Tests.Protocol;
using Tests.Support;

namespace Tests.Uploads;

/// <summary>The client that browsers use, from npm and pinned, against the real server.</summary>
public sealed class TusJsClientTests(World world) : IClassFixture<World>
{
    static readonly SemaphoreSlim Gate = new(1);
    static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Uploads", "node");
    static string? missing;

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("pieces", 5_000_000)]
    [InlineData("whole", 5_000_000)]
    [InlineData("whole", 1000)]
    [InlineData("empty", 0)]
    [InlineData("parallel", 5_000_000)]
    [InlineData("parallel", 2)]
    [InlineData("deferred", 3_500_000)]
    [InlineData("overridden", 3_500_000)]
    [InlineData("resumed", 5_000_000)]
    public async Task Uploads_of_tus_js_client_arrive(string scenario, int size)
    {
        var (ann, space, bytes, _) = await RunAsync(scenario, size);
        var stored = await ann.GetByteArrayAsync($"/api/v1/spaces/{space.Id}/files/{scenario}.bin", Ct);
        Assert.Equal(Convert.ToHexString(SHA256.HashData(bytes)), Convert.ToHexString(SHA256.HashData(stored)));
    }

    [Fact]
    public async Task An_upload_that_tus_js_client_terminates_is_gone()
    {
        var (_, _, _, answer) = await RunAsync("terminated", 5_000_000);
        Assert.Equal(410, answer.GetProperty("status").GetInt32());
    }

    async Task<(HttpClient Ann, Space Space, byte[] Bytes, JsonElement Answer)> RunAsync(string scenario, int size)
    {
        await InstallAsync();
        var space = await world.SpaceAsync($"space-{scenario}-{size}", "editor", ["ann"], Ct);
        var ann = await world.SignedInAsync("ann", Ct);
        var bytes = FastCdcTests.SplitMix((ulong)size + 5, size);
        using var folder = new TemporaryFolder();
        await File.WriteAllBytesAsync(folder["upload"], bytes, Ct);
        var (exit, output, errors) = await NodeAsync(
            "node", "tus-client.mjs", $"{world.Url}api/v1/uploads", ann.DefaultRequestHeaders.Authorization!.Parameter!, space.Name, scenario, folder["upload"]);
        Assert.True(exit == 0, errors);
        return (ann, space, bytes, JsonDocument.Parse(output).RootElement);
    }

    /// <summary>Once a run: what package-lock.json names, no other bytes.</summary>
    static async Task InstallAsync()
    {
        await Gate.WaitAsync(Ct);
        try
        {
            if (!Directory.Exists(Path.Combine(Folder, "node_modules", "tus-js-client")) && missing is null)
            {
                var (exit, _, errors) = await NodeAsync("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts");
                missing = exit == 0 ? "" : errors;
            }
        }
        finally
        {
            Gate.Release();
        }
        Tool.Require(string.IsNullOrEmpty(missing), $"Node.js with npm and its registry: {missing}");
    }

    static async Task<(int Exit, string Output, string Errors)> NodeAsync(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = Folder, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(Ct), process.StandardError.ReadToEndAsync(Ct));
            await process.WaitForExitAsync(Ct);
            return (process.ExitCode, await output, await errors);
        }
        catch (System.ComponentModel.Win32Exception absent)
        {
            return (127, "", absent.Message);
        }
    }
}
