using FileServer.Http;
using FileServer.Protocol;

namespace FileServer.Identity;

/// <summary>
/// Names of accounts and groups. Account names are ASCII, so that no two that look alike can be different people; what
/// people want to read stands in the display name. Groups are named as people speak.
/// </summary>
static class AccountNames
{
    const int MaxLength = 64;

    /// <summary>What must be unique: Ann and ANN are one account.</summary>
    public static string Key(string name) => NameRules.FoldKey(name);

    public static string RequireUser(string? name)
    {
        if (!IsUserName(name))
            throw Refusal.InvalidName($"A user name has 1 to {MaxLength} characters: ASCII letters, digits and . _ - + @, a letter or digit first.");
        return RequireNoId(name!);
    }

    public static bool IsUserName(string? name) =>
        name is { Length: > 0 and <= MaxLength } && char.IsAsciiLetterOrDigit(name[0]) && name.All(IsUserCharacter);

    public static string RequireGroup(string? name)
    {
        var trimmed = name?.Trim();
        if (trimmed is not { Length: > 0 and <= MaxLength } || !char.IsLetterOrDigit(trimmed[0]) || !trimmed.All(IsGroupCharacter))
            throw Refusal.InvalidName($"A group name has 1 to {MaxLength} characters: letters, digits, blanks and . _ - + @ & ', a letter or digit first.");
        return RequireNoId(Nfc.Normalize(trimmed));
    }

    // Accounts are addressed by name or id, so a name must never read as an id.
    static string RequireNoId(string name) =>
        Guid.TryParse(name, out _) ? throw Refusal.InvalidName("A name that reads as an id cannot be used.") : name;

    static bool IsUserCharacter(char c) => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or '+' or '@';

    static bool IsGroupCharacter(char c) => char.IsLetterOrDigit(c) || c is ' ' or '.' or '_' or '-' or '+' or '@' or '&' or '\'' || char.GetUnicodeCategory(c) == System.Globalization.UnicodeCategory.NonSpacingMark;
}
