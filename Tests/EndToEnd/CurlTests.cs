using System.Diagnostics;
using System.Security.Cryptography;
using Tests.Support;

namespace Tests.EndToEnd;

/// <summary>The commands of docs/http.md, as they stand there.</summary>
public sealed class CurlTests(World world) : IClassFixture<World>
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Files_are_put_got_resumed_and_compared_by_curl()
    {
        using var folder = new TemporaryFolder();
        var space = await world.SpaceAsync("curl", "editor", ["ann"], Ct);
        var ann = await world.SignedInAsync("ann", Ct);
        var files = $"{world.Url}api/v1/spaces/{space.Name}/files";
        await File.WriteAllTextAsync(folder["auth"], $"Authorization: {ann.DefaultRequestHeaders.Authorization}", Ct);
        var bytes = RandomNumberGenerator.GetBytes(300_000);
        await File.WriteAllBytesAsync(folder["report.bin"], bytes, Ct);

        await CurlAsync(folder.Path, "-fsS", "-H", "@auth", "-T", "report.bin", $"{files}/letters/report.bin?parents=true");
        await File.WriteAllBytesAsync(folder["half.bin"], bytes[..100_000], Ct);
        await CurlAsync(folder.Path, "-fsS", "-H", "@auth", "-C", "-", "-o", "half.bin", $"{files}/letters/report.bin");
        Assert.Equal(bytes, await File.ReadAllBytesAsync(folder["half.bin"], Ct));

        await CurlAsync(folder.Path, "-fsS", "-H", "@auth", "--etag-save", "tag", "-o", "whole.bin", $"{files}/letters/report.bin");
        var status = await CurlAsync(folder.Path, "-fsS", "-H", "@auth", "--etag-compare", "tag", "-o", "again.bin", "-w", "%{http_code}", $"{files}/letters/report.bin");
        Assert.Equal("304", status);
        var refused = await CurlAsync(folder.Path, "-sS", "-H", "@auth", "-H", "If-None-Match: *", "-o", "/dev/null", "-w", "%{http_code}", "-T", "report.bin", $"{files}/letters/report.bin");
        Assert.Equal("412", refused);
    }

    [Fact]
    public async Task Many_files_are_put_at_once_by_curl()
    {
        const int count = 100;
        using var folder = new TemporaryFolder();
        var space = await world.SpaceAsync("curl-many", "editor", ["ann"], Ct);
        var ann = await world.SignedInAsync("ann", Ct);
        var files = $"{world.Url}api/v1/spaces/{space.Name}/files";
        await File.WriteAllTextAsync(folder["auth"], $"Authorization: {ann.DefaultRequestHeaders.Authorization}", Ct);
        await File.WriteAllLinesAsync(folder["list"], Enumerable.Range(0, count).SelectMany(i => new[] { $"upload-file = \"{i}.txt\"", $"url = \"{files}/{i}.txt\"", "output = \"/dev/null\"" }), Ct);
        for (var i = 0; i < count; i++)
            await File.WriteAllTextAsync(folder[$"{i}.txt"], $"file {i}", Ct);
        await CurlAsync(folder.Path, "-fsS", "-H", "@auth", "--parallel", "--parallel-max", "16", "--config", "list");
        for (var i = 0; i < count; i += 33)
            Assert.Equal($"file {i}", await ann.GetStringAsync($"{files}/{i}.txt", Ct));
    }

    static async Task<string> CurlAsync(string folder, params string[] arguments)
    {
        using var process = Start(folder, arguments);
        Tool.Require(process is not null, "curl");
        var (output, errors) = (process!.StandardOutput.ReadToEndAsync(Ct), process.StandardError.ReadToEndAsync(Ct));
        await process.WaitForExitAsync(Ct);
        Assert.True(process.ExitCode == 0, await errors);
        return await output;
    }

    static Process? Start(string folder, string[] arguments)
    {
        try
        {
            return Process.Start(new ProcessStartInfo("curl", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false });
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
