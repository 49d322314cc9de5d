using System.Text;
using FileServer.Http;
using Microsoft.Extensions.Options;

namespace FileServer.Identity;

/// <summary>What a password must be: long, and not one that everybody tries first. No rules about kinds of characters.</summary>
sealed class PasswordPolicy(IOptions<IdentityOptions> options)
{
    public const int MaxBytes = 1024;

    const int MinRestLength = 6;
    const int MinDistinctCharacters = 5;

    // Only those that are long enough to pass the length rule matter here.
    static readonly string[] Everybodys =
    [
        "password1234", "password12345", "password123456", "passwordpassword", "password1password", "passw0rd1234", "p@ssw0rd1234",
        "1234567890ab", "123456789012", "1234567890123", "12345678901234", "123456789012345", "1234567890123456", "0123456789abcdef",
        "qwertyuiop12", "qwertyuiop123", "qwertyuiopas", "qwertyuiop[]", "qwertyuiopasdf", "qwertyuiopasdfghjkl", "qwerty123456", "qwertz123456",
        "qwertzuiopas", "asdfghjkl123", "1q2w3e4r5t6y", "1qaz2wsx3edc", "1qaz2wsx3edc4rfv", "q1w2e3r4t5y6", "zaq12wsxcde3", "abcdefghijkl",
        "abcdefghijklm", "abcd1234abcd", "abc123abc123", "abcdef123456", "abc123456789", "letmein12345", "welcome12345", "welcome123456",
        "iloveyou1234", "iloveyou12345", "administrator", "administrator1", "admin1234567", "admin12345678", "adminadminadmin", "changeme1234",
        "changemechangeme", "trustno1trustno1", "correcthorsebatterystaple", "thisisapassword", "mysecretpassword", "supersecretpassword",
        "football1234", "baseball1234", "princess1234", "sunshine1234", "superman1234", "starwars1234", "dragon123456", "monkey123456",
        "master123456", "shadow123456", "michael12345", "jennifer1234", "computer1234", "internet1234", "samsung12345", "whatever1234",
        "summer202420", "winter202420", "passwort1234", "passwort12345", "hallohallo12", "schatzschatz", "motdepasse12", "contrasena12",
    ];

    static readonly HashSet<string> Blocked = new(Everybodys, StringComparer.OrdinalIgnoreCase);

    /// <summary>Refuses what is too large to be hashed, before anything is spent on it.</summary>
    public static void RequireHashable(string password)
    {
        if (password.Length > MaxBytes || Encoding.UTF8.GetByteCount(password) > MaxBytes)
            throw new Refusal(RefusalKind.Invalid, $"A password has at most {MaxBytes} bytes.") { Limit = MaxBytes };
    }

    public void Require(string? password, string userName)
    {
        if (Fault(password, userName) is { } fault)
            throw Refusal.Invalid(fault);
    }

    /// <summary>What is wrong with the password, or null.</summary>
    public string? Fault(string? password, string userName)
    {
        var min = options.Value.MinPasswordLength;
        if (password is null || password.EnumerateRunes().Count() < min)
            return $"A password needs at least {min} characters.";
        if (Encoding.UTF8.GetByteCount(password) > MaxBytes)
            return $"A password has at most {MaxBytes} bytes.";
        if (Blocked.Contains(password) || password.Distinct().Count() < MinDistinctCharacters)
            return "This password is among those that everybody tries first. Take another one.";
        var rest = password
            .Replace(userName, "", StringComparison.OrdinalIgnoreCase)
            .Replace("fileshare", "", StringComparison.OrdinalIgnoreCase);
        return rest.Length < MinRestLength ? "The password is little more than the user's name. Take another one." : null;
    }
}
