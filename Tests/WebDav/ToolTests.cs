using System.Diagnostics;
using System.Text;
using Tests.Support;

namespace Tests.WebDav;

/// <summary>Real WebDAV programs against a real server.</summary>
public sealed class ToolTests(World world) : IClassFixture<World>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    string Url(DavClient ann, string path = "/") => new Uri(world.Url, $"{ann.Root}{path}").ToString();

    static async Task<(int Code, string Output)> RunAsync(string program, string[] arguments, string? input = null, string? folder = null, params (string, string)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = folder ?? Path.GetTempPath(),
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = new StringBuilder();
        process.OutputDataReceived += (_, line) => output.AppendLine(line.Data);
        process.ErrorDataReceived += (_, line) => output.AppendLine(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        try
        {
            await process.WaitForExitAsync(Cancelled);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
        return (process.ExitCode, output.ToString());
    }

    static bool Has(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").Any(folder => File.Exists(Path.Combine(folder, program)));

    [Fact]
    public async Task All_suites_of_litmus_pass()
    {
        Tool.Require(Has("litmus"), "litmus");
        using var ann = await DavClient.OpenAsync(world);
        using var folder = new TemporaryFolder();
        var (code, output) = await RunAsync("litmus", ["-k", Url(ann), "ann", ann.Token], folder: folder.Path);
        Assert.True(code == 0 && !output.Contains("FAIL", StringComparison.Ordinal), output);
        Assert.Equal(5, output.Split('\n').Count(line => line.Contains("100.0%", StringComparison.Ordinal)));
    }
}
