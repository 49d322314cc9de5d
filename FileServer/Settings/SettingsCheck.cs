using Microsoft.Extensions.Configuration.CommandLine;
using Microsoft.Extensions.Configuration.Json;

namespace FileServer.Settings;

/// <summary>Stops a start on a setting that nobody reads or that cannot be right: a misspelt limit must not pass for a set one.</summary>
static class SettingsCheck
{
    public const string EnvironmentPrefix = "FILESHARE_";

    /// <summary>What the framework itself reads from the files and the command line.</summary>
    static readonly string[] Framework = ["Logging", "AllowedHosts", "Kestrel", "Urls", "Http_Ports", "Environment", "ContentRoot", "ApplicationName"];

    /// <summary>Variables with our prefix that belong to the command-line client, on a machine that has both.</summary>
    static readonly string[] OfTheClient = ["Url", "Token", "Config", "Failpoint"];

    /// <exception cref="StartRefused">Names every key that is wrong, its value, and what would be valid.</exception>
    public static void Check(IConfigurationRoot configuration, IConfigurationProvider environment)
    {
        var problems = configuration.Providers
            .Where(provider => provider is JsonConfigurationProvider or CommandLineConfigurationProvider || provider == environment)
            .SelectMany(provider => Keys(provider, parent: null), (provider, key) => Problem(provider, key, ofEnvironment: provider == environment))
            .OfType<string>()
            .Distinct(StringComparer.Ordinal)
            .ToList();
        if (problems.Count > 0)
            throw new StartRefused(string.Join(Environment.NewLine, problems));
    }

    /// <summary>The framework's reader of command lines passes over what is not KEY=VALUE.</summary>
    /// <exception cref="StartRefused">Names the words that set nothing.</exception>
    public static void Check(string[] args)
    {
        for (var i = 0; i < args.Length; i++)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal))
                throw new StartRefused($"Word {i + 1} behind the command sets nothing. Settings are written --KEY=VALUE; see 'FileServer --help'.");
            if (args[i].Contains('=', StringComparison.Ordinal))
                continue;
            if (++i == args.Length || args[i].StartsWith("--", StringComparison.Ordinal))
                throw new StartRefused($"The setting {args[i - 1][2..]} has no value on the command line. Settings are written --KEY=VALUE; see 'FileServer --help'.");
        }
    }

    static string? Problem(IConfigurationProvider provider, string key, bool ofEnvironment)
    {
        var top = key.Split(':')[0];
        if ((ofEnvironment ? OfTheClient : Framework).Contains(top, StringComparer.OrdinalIgnoreCase) || !provider.TryGet(key, out var value) || value is null)
            return null;
        var name = ofEnvironment ? $"{EnvironmentPrefix}{key.Replace(":", "__", StringComparison.Ordinal).ToUpperInvariant()}" : key;
        if (!KnownSettings.All.TryGetValue(key, out var known))
            return $"The setting {name} (value {Shown(key, value)}) is not known. {Nearest(key, ofEnvironment)}";
        return known.Accepts(value) ? null : $"The setting {name} is {Shown(key, value)}; valid is {known.Valid}.";
    }

    static string Nearest(string key, bool ofEnvironment)
    {
        var nearest = Neighbours(key).Take(3)
            .Select(known => ofEnvironment ? $"{EnvironmentPrefix}{known.Replace(":", "__", StringComparison.Ordinal).ToUpperInvariant()}" : known);
        return $"Valid are, among others, {string.Join(", ", nearest)}; see 'FileServer --help'.";
    }

    static IOrderedEnumerable<string> Neighbours(string key) => KnownSettings.All.Keys.OrderBy(known => Distance(known.ToUpperInvariant(), key.ToUpperInvariant()));

    /// <summary>A value that may be a secret is not repeated, nor that of a key which is a secret's but for a slip of the hand.</summary>
    static string Shown(string key, string value) => IsSecret(key) || IsSecret(Neighbours(key).First()) ? "(not shown)" : $"'{value}'";

    static bool IsSecret(string key) =>
        key.Equals("Database", StringComparison.OrdinalIgnoreCase) ||
        Array.Exists(["password", "secret", "token", "_key"], word => key.Contains(word, StringComparison.OrdinalIgnoreCase));

    static IEnumerable<string> Keys(IConfigurationProvider provider, string? parent) =>
        provider.GetChildKeys([], parent).Distinct(StringComparer.OrdinalIgnoreCase)
            .Select(child => parent is null ? child : $"{parent}:{child}")
            .SelectMany(path => Keys(provider, path).Prepend(path));

    /// <summary>Levenshtein's distance, for guessing what was meant.</summary>
    static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var above = row[j];
                row[j] = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }
        return row[^1];
    }
}
