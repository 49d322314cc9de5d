using System.Security.Cryptography.X509Certificates;
using FileClient.Terminal;

namespace FileClient.Local;

/// <summary>What holds for this run: flag before environment before file before default.</summary>
/// <param name="Url">The server; null when nobody named one.</param>
/// <param name="Token">A bearer token from the environment, which comes before any stored sign-in.</param>
sealed record Settings(ConfigFolder Folder, Uri? Url, string? CaCert, string? Token)
{
    public static Settings Resolve(string? urlFlag, string? caCertFlag, Func<string, string?> environment)
    {
        var folder = ConfigFolder.Find(environment);
        var config = folder.Config;
        var url = urlFlag ?? Given(environment("FILESHARE_URL")) ?? config.Url;
        return new Settings(
            folder,
            url is null ? null : ParseUrl(url),
            caCertFlag ?? Given(environment("FILESHARE_CA_CERT")) ?? config.CaCert,
            Given(environment("FILESHARE_TOKEN")));
    }

    static string? Given(string? value) => string.IsNullOrWhiteSpace(value) ? null : value.Trim();

    /// <summary>The server, or a failure that says how to name one.</summary>
    public Uri RequireUrl() => Url ?? throw new Failure(ExitCode.NotSignedIn, "No server is known yet.")
    {
        Hint = "Sign in with: fileshare login URL   (or set FILESHARE_URL and FILESHARE_TOKEN)",
    };

    /// <summary>The token from the environment, or the stored sign-in, or none.</summary>
    public ITokens Tokens(TimeProvider clock)
    {
        if (Token is not null)
            return new FixedToken(Token);
        return Folder.Credentials.For(Text(RequireUrl())) is { } stored ? new StoredSession(Folder, stored, clock) : new FixedToken(null);
    }

    public X509Certificate2Collection? TrustedRoots()
    {
        if (CaCert is null)
            return null;
        var roots = new X509Certificate2Collection();
        try
        {
            roots.ImportFromPemFile(CaCert);
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException or System.Security.Cryptography.CryptographicException)
        {
            throw Failure.Usage($"The certificate file {CaCert} cannot be used: {unusable.Message}");
        }
        return roots.Count > 0 ? roots : throw Failure.Usage($"The file {CaCert} holds no PEM certificate.");
    }

    /// <summary>How a server's address is written in our files.</summary>
    public static string Text(Uri url) => url.AbsoluteUri.TrimEnd('/');

    /// <exception cref="Failure">The text is no address of a server.</exception>
    public static Uri ParseUrl(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.Host.Length == 0)
            throw Failure.Usage($"'{text}' is no address of a server: write http://… or https://….");
        if (url.UserInfo.Length > 0)
            throw Failure.Usage("The address must not hold a user name or password: use --user, and type the password when asked.");
        if (url.Query.Length > 0 || url.Fragment.Length > 0)
            throw Failure.Usage($"'{text}' holds a query or fragment, which no server's address does.");
        return new Uri(Text(url));
    }
}
