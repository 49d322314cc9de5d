using FileServer.Settings;

namespace FileServer.Cors;

/// <summary>Whose pages may call this server from elsewhere, section <c>Cors</c>.</summary>
sealed class CorsOptions
{
    /// <summary>Origins, separated by spaces, whose web pages may use the API and uploads from elsewhere; or '*'. Usually none.</summary>
    [Origins]
    public string Origins { get; set; } = "";
}

/// <summary>A list of origins, separated by spaces or commas.</summary>
sealed class OriginsAttribute() : DescribedRule("a list of origins like 'https://app.example https://localhost:3000', or '*'")
{
    static readonly char[] Between = [' ', ','];

    public override bool IsValid(object? value) => value is string text && Array.TrueForAll(Split(text), IsOrigin);

    public static string[] Split(string text) => text.Split(Between, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    // The origin 'null' is any sandboxed page's.
    static bool IsOrigin(string text) =>
        text == "*" || (Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.GetLeftPart(UriPartial.Authority) == text);
}
