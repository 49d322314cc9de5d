using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Reflection;

namespace FileServer.Settings;

/// <summary>One setting that this program understands, and what may be written there.</summary>
/// <param name="Key">As in appsettings.json, `A:B`.</param>
sealed record KnownSetting(string Key, Type Type, IReadOnlyList<ValidationAttribute> Rules, string Valid)
{
    /// <returns>Whether the value can be taken.</returns>
    public bool Accepts(string value)
    {
        if (Type == typeof(string))
            return Rules.All(rule => rule.IsValid(value));
        try
        {
            var typed = TypeDescriptor.GetConverter(Type).ConvertFromInvariantString(value);
            return Rules.All(rule => rule.IsValid(typed));
        }
        catch (Exception unreadable) when (unreadable is FormatException or ArgumentException or NotSupportedException or OverflowException)
        {
            return false;
        }
    }
}

/// <summary>
/// Everything that can be set: the few names of the contract, and each property of each options class, whose section is
/// the folder it stands in. A setting is known because an options class has it; there is no second list.
/// </summary>
static class KnownSettings
{
    public static readonly IReadOnlyDictionary<string, KnownSetting> All = Named().Concat(FromOptions())
        .ToDictionary(setting => setting.Key, StringComparer.OrdinalIgnoreCase);

    static IEnumerable<KnownSetting> Named() =>
    [
        new("Data", typeof(string), [], "a folder that the server may write"),
        new("Database", typeof(string), [], "an Npgsql connection string"),
        new("Store", typeof(string), [new AllowedValuesAttribute("disk")], "'disk'"),
        new("Admin_Password", typeof(string), [], "a password for the first administrator"),
        new("Public_Url", typeof(string), [new RegularExpressionAttribute("https?://[^/?#]+(/[^?#]*)?") { MatchTimeoutInMilliseconds = 1000 }], "an http or https address"),
    ];

    static IEnumerable<KnownSetting> FromOptions() =>
        from type in typeof(KnownSettings).Assembly.GetTypes()
        where type.Name.EndsWith("Options", StringComparison.Ordinal) && type is { IsAbstract: false, Namespace: not null }
        let folder = type.Namespace!.Split('.')
        where folder is ["FileServer", _, ..]
        from property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
        where property.SetMethod is not null
        let bare = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType
        select new KnownSetting(
            $"{folder[1]}:{property.Name}", bare, [.. property.GetCustomAttributes<ValidationAttribute>()],
            property.GetCustomAttribute<DescribedRule>()?.Valid ?? Describe(bare, property.GetCustomAttribute<RangeAttribute>()));

    static string Describe(Type type, RangeAttribute? range) => (type, range) switch
    {
        (_, not null) when type == typeof(int) || type == typeof(long) => $"a whole number from {range.Minimum:F0} to {range.Maximum:F0}",
        (_, not null) => $"a number from {range.Minimum} to {range.Maximum}",
        _ when type == typeof(bool) => "true or false",
        _ when type == typeof(int) || type == typeof(long) => "a whole number",
        _ when type.IsEnum => string.Join(", ", Enum.GetNames(type)),
        _ when type == typeof(TimeSpan) => "a time span like 00:01:30",
        _ => "a text that is not empty",
    };
}
