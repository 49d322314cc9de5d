using FileClient.Terminal;

namespace FileClient.Api;

/// <summary>A place on the server, written <c>SPACE:/folder/file</c>. The space is its name or id.</summary>
sealed record RemotePath(string Space, IReadOnlyList<string> Names)
{
    public bool IsRoot => Names.Count == 0;

    /// <summary>The last name; for the root the space's.</summary>
    public string Name => IsRoot ? Space : Names[^1];

    /// <summary>The folder that holds this; the root's is the root.</summary>
    public RemotePath Parent => IsRoot ? this : this with { Names = [.. Names.Take(Names.Count - 1)] };

    /// <summary>Whether it was written with a slash at its end, meaning a folder.</summary>
    public bool MeansFolder { get; init; }

    /// <summary>The names percent-encoded and joined by slashes, as they stand in an address.</summary>
    public string Encoded => string.Join('/', Names.Select(Uri.EscapeDataString));

    /// <summary>The path within the space, from <c>/</c>.</summary>
    public string Path => "/" + string.Join('/', Names);

    public RemotePath Child(string name) => this with { Names = [.. Names, name], MeansFolder = false };

    public override string ToString() => $"{Space}:{Path}";

    public bool Equals(RemotePath? other) => other is not null && Space == other.Space && Names.SequenceEqual(other.Names);

    public override int GetHashCode() => HashCode.Combine(Space, Path);

    /// <summary>Whether a text can only be meant as a remote path: a space's name and <c>:/</c>, or a colon at its end.</summary>
    public static bool Looks(string text) => TryParse(text, out _, out _);

    /// <exception cref="Failure">The text is something else; the message says what is wrong with it.</exception>
    public static RemotePath Parse(string text) => TryParse(text, out var path, out var error) ? path! : throw Failure.Usage(error!);

    /// <summary>Reads <c>SPACE</c>, <c>SPACE:</c>, <c>SPACE:/</c> or <c>SPACE:/path</c>, where a bare space name means its root.</summary>
    public static RemotePath ParseFolder(string text) => text.Contains(':') || text.Contains('/') ? Parse(text) : Parse(text + ":/");

    public static bool TryParse(string text, out RemotePath? path, out string? error)
    {
        path = null;
        var colon = text.IndexOf(':');
        error = colon switch
        {
            _ when text.Contains('\0') => "A path cannot hold a NUL character.",
            < 0 => $"'{text}' is no remote path: write SPACE:/path.",
            0 => $"'{text}' names no space: write SPACE:/path.",
            1 when OperatingSystem.IsWindows() => $"'{text}' is a local path: write SPACE:/path.",
            _ when text.AsSpan(0, colon).Contains('/') => $"'{text}' is no remote path: write SPACE:/path.",
            _ when colon + 1 < text.Length && text[colon + 1] != '/' => $"'{text}' lacks the slash after the colon: write {text[..colon]}:/{text[(colon + 1)..]}.",
            _ => null,
        };
        if (error is not null)
            return false;
        var names = text[(colon + 1)..].Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (names.FirstOrDefault(name => name is "." or "..") is { } dots)
        {
            error = $"'{text}' holds '{dots}': remote paths are absolute and have no dot segments.";
            return false;
        }
        path = new RemotePath(text[..colon], names) { MeansFolder = text.EndsWith('/') && names.Length > 0 };
        return true;
    }
}
