using System.Text.Json.Serialization;

namespace FileClient.Local;

/// <summary>What the user has set for good: <c>config.json</c>.</summary>
/// <param name="Url">The server that commands speak to.</param>
/// <param name="CaCert">PEM file with the certificates to trust.</param>
sealed record Config(string? Url = null, string? CaCert = null);

/// <summary>One sign-in: the account and the tokens for one server.</summary>
/// <param name="AccessToken">Sent with each request until it expires.</param>
/// <param name="RefreshToken">Traded for the next pair, once.</param>
/// <param name="Token">A personal access token, instead of the pair.</param>
sealed record Credential(string Url, string User, string? AccessToken, DateTimeOffset? ExpiresAt, string? RefreshToken, string? Token);

/// <summary>All sign-ins of this user on this machine: <c>credentials.json</c>, readable by its owner only.</summary>
sealed record Credentials(IReadOnlyList<Credential> Servers)
{
    public Credential? For(string url) => Servers.FirstOrDefault(server => server.Url == url);

    public Credentials With(Credential credential) => new([.. Servers.Where(server => server.Url != credential.Url), credential]);

    public Credentials Without(string url) => new([.. Servers.Where(server => server.Url != url)]);
}

/// <summary>The folder that holds configuration and credentials.</summary>
sealed class ConfigFolder(string path)
{
    public string Path => path;

    public string CredentialsFile => System.IO.Path.Combine(path, "credentials.json");

    public string LockFile => System.IO.Path.Combine(path, "credentials.lock");

    string ConfigFile => System.IO.Path.Combine(path, "config.json");

    /// <summary><c>FILESHARE_CONFIG</c>, else <c>$XDG_CONFIG_HOME/fileshare</c>, else <c>~/.config/fileshare</c>.</summary>
    public static ConfigFolder Find(Func<string, string?> environment)
    {
        if (environment("FILESHARE_CONFIG") is { Length: > 0 } named)
            return new ConfigFolder(System.IO.Path.GetFullPath(named));
        // The XDG specification says to ignore a relative path.
        var home = environment("XDG_CONFIG_HOME") is { Length: > 0 } xdg && System.IO.Path.IsPathRooted(xdg)
            ? xdg
            : OperatingSystem.IsWindows()
                ? Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData)
                : System.IO.Path.Combine(environment("HOME") is { Length: > 0 } user ? user : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config");
        return new ConfigFolder(System.IO.Path.Combine(home, "fileshare"));
    }

    public Config Config => AtomicFile.Read(ConfigFile, LocalJson.Default.Config) ?? new Config();

    public void Save(Config config) => AtomicFile.Write(ConfigFile, config, LocalJson.Default.Config);

    public Credentials Credentials => AtomicFile.Read(CredentialsFile, LocalJson.Default.Credentials) ?? new Credentials([]);

    /// <summary>Changes the credentials under the lock that all our processes take for it.</summary>
    public async Task ChangeAsync(Func<Credentials, Credentials> change, TimeProvider clock, CancellationToken ct)
    {
        using var held = await FileLock.TakeAsync(LockFile, TimeSpan.FromSeconds(30), clock, ct)
            ?? throw new Terminal.Failure(Terminal.ExitCode.Temporary, $"Another fileshare process holds {LockFile}.");
        AtomicFile.Write(CredentialsFile, change(Credentials), LocalJson.Default.Credentials);
    }
}

/// <summary>JSON of the files that this program keeps for itself.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    WriteIndented = true)]
[JsonSerializable(typeof(Config))]
[JsonSerializable(typeof(Credentials))]
sealed partial class LocalJson : JsonSerializerContext;
