using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using FileServer.Settings;
using Tests.Architecture;

namespace Tests.Startup;

public sealed class OperationsPageTests
{
    static readonly string[] Units = ["PiB", "TiB", "GiB", "MiB", "KiB"];

    [Fact]
    public void The_page_names_every_setting_with_its_default_and_what_is_valid()
    {
        var page = Sources.Read("docs/operations.md").Split('\n').Where(line => line.Contains(':')).ToList();
        var expected = typeof(KnownSettings).Assembly.GetTypes()
            .Where(type => type.Name.EndsWith("Options", StringComparison.Ordinal) && type.GetConstructor(Type.EmptyTypes) is not null)
            .SelectMany(type => type.GetProperties(), (type, property) => Row(Activator.CreateInstance(type)!, property))
            .ToList();
        Assert.Equal(KnownSettings.All.Keys.Count(key => key.Contains(':', StringComparison.Ordinal)), expected.Count);
        Offences.None(expected.Where(row => !page.Exists(line => line.StartsWith(row, StringComparison.Ordinal))));
        Assert.Equal(expected.Count, page.Count(line => line.StartsWith("| `", StringComparison.Ordinal) && line.IndexOf(':', StringComparison.Ordinal) is var colon && colon > 0 && colon < line.IndexOf('`', 3)));
    }

    /// <summary>How the row of a setting begins. The defaults of texts depend on the machine, so that only their names are compared.</summary>
    static string Row(object options, PropertyInfo property)
    {
        var start = $"| `{property.DeclaringType!.Namespace!.Split('.')[1]}:{property.Name}` | ";
        if (property.GetCustomAttribute<RangeAttribute>() is not { } range)
            return property.PropertyType == typeof(bool) ? $"{start}{((bool)property.GetValue(options)! ? "true" : "false")} | true, false | " : start;
        var (least, most) = (Long(range.Minimum), Long(range.Maximum));
        var valid = most == long.MaxValue ? $"{Number(property, least)} or more" : $"{Number(property, least)} to {Number(property, most)}";
        return $"{start}{Number(property, Long(property.GetValue(options)!))} | {valid} | ";
    }

    // [Range] keeps long bounds as double: the largest one does not come back as it was.
    static long Long(object bound) => bound is double d && d >= long.MaxValue ? long.MaxValue : Convert.ToInt64(bound, CultureInfo.InvariantCulture);

    static string Number(PropertyInfo property, long value)
    {
        if (value > 0 && property.Name.Contains("Bytes", StringComparison.Ordinal))
        {
            for (var unit = 0; unit < Units.Length; unit++)
            {
                var size = 1L << (10 * (Units.Length - unit));
                if (value % size == 0)
                    return $"{value / size} {Units[unit]}";
            }
        }
        return value.ToString("N0", CultureInfo.InvariantCulture);
    }
}
