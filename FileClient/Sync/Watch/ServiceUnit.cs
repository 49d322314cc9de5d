using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace FileClient.Sync.Watch;

/// <summary>The systemd user unit that watches one folder.</summary>
sealed record ServiceUnit(string Name, string Path, string Text)
{
    public static bool IsInstalled(Func<string, string?> environment, string folder) => File.Exists(For(environment, folder).Path);

    public static ServiceUnit For(Func<string, string?> environment, string folder)
    {
        var config = environment("XDG_CONFIG_HOME") is { Length: > 0 } given ? given : System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config");
        var name = $"fileshare-sync-{Slug(folder)}.service";
        return new ServiceUnit(name, System.IO.Path.Combine(config, "systemd", "user", name), TextOf(environment, folder));
    }

    // Two folders of one name are two services.
    static string Slug(string folder)
    {
        var last = new string([.. System.IO.Path.GetFileName(folder).ToLowerInvariant().Select(static c => char.IsAsciiLetterOrDigit(c) ? c : '-').Take(32)]).Trim('-');
        var mark = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(folder)))[..8];
        return last.Length == 0 ? mark : $"{last}-{mark}";
    }

    static string TextOf(Func<string, string?> environment, string folder)
    {
        var program = Environment.ProcessPath ?? "fileshare";
        // Run by `dotnet fileshare.dll`, the program is the runtime.
        var command = System.IO.Path.GetFileNameWithoutExtension(program) == "dotnet" ? $"{Quoted(program)} {Quoted(System.IO.Path.Combine(AppContext.BaseDirectory, "fileshare.dll"))}" : Quoted(program);
        var config = environment("FILESHARE_CONFIG") is { Length: > 0 } given ? $"Environment={Quoted("FILESHARE_CONFIG=" + System.IO.Path.GetFullPath(given))}\n" : "";
        return $"""
            [Unit]
            Description=FileShare keeps {Plain(folder)} in sync

            [Service]
            ExecStart={command} sync run {Quoted(folder)} --watch
            {config}Restart=on-failure
            RestartSec=10
            # A wrong command line, a folder that is not there, a safety brake: starting again would not help.
            RestartPreventExitStatus=2 3 10
            SuccessExitStatus=130 143
            NoNewPrivileges=true

            [Install]
            WantedBy=default.target

            """.ReplaceLineEndings("\n");
    }

    // systemd.service(5): quotes and backslashes are escaped; % begins a specifier and $ a variable.
    static string Quoted(string text)
    {
        if (text.AsSpan().ContainsAny('\n', '\r', '\0'))
            throw Terminal.Failure.Usage("A path with a line break cannot stand in a unit.");
        var escaped = text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("%", "%%", StringComparison.Ordinal).Replace("$", "$$", StringComparison.Ordinal);
        return $"\"{escaped}\"";
    }

    static string Plain(string text) => text.Replace("%", "%%", StringComparison.Ordinal);

    /// <returns>Why it could not be started; null when it was.</returns>
    public async Task<string?> InstallAsync(CancellationToken ct)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        await File.WriteAllTextAsync(Path, Text, ct);
        return await SystemctlAsync(["daemon-reload"], ct) ?? await SystemctlAsync(["enable", "--now", Name], ct);
    }

    public async Task UninstallAsync(CancellationToken ct)
    {
        // Where systemd does not run there is nothing to stop.
        await SystemctlAsync(["disable", "--now", Name], ct);
        File.Delete(Path);
        await SystemctlAsync(["daemon-reload"], ct);
    }

    static async Task<string?> SystemctlAsync(string[] arguments, CancellationToken ct)
    {
        var start = new ProcessStartInfo("systemctl", ["--user", .. arguments]) { RedirectStandardError = true, RedirectStandardOutput = true, UseShellExecute = false };
        try
        {
            using var process = Process.Start(start);
            if (process is null)
                return "systemctl did not start";
            var output = process.StandardOutput.ReadToEndAsync(ct);
            var error = await process.StandardError.ReadToEndAsync(ct);
            await output;
            await process.WaitForExitAsync(ct);
            return process.ExitCode == 0 ? null : error.Trim().ReplaceLineEndings(" ");
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "this system has no systemctl";
        }
    }
}
