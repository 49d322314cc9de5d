using System.Buffers;
using System.Globalization;

namespace FileClient.Terminal;

/// <summary>How sizes, times and names are written for people.</summary>
static class Wording
{
    static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    static readonly SearchValues<char> Controls = SearchValues.Create([.. Enumerable.Range(0, 0x20).Select(static c => (char)c), '\x7f', .. Enumerable.Range(0x80, 0x20).Select(static c => (char)c)]);

    public static string Size(long bytes)
    {
        var unit = 0;
        double value = bytes;
        while (value >= 1024 && unit < Units.Length - 1)
        {
            value /= 1024;
            unit++;
        }
        return unit == 0 ? $"{bytes} B" : string.Create(CultureInfo.InvariantCulture, $"{value:0.0} {Units[unit]}");
    }

    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    public static string Time(DateTimeOffset? time) => time is { } known ? Time(known) : "-";

    /// <summary>A name as it may be shown on a terminal: what could steer the terminal becomes a question mark.</summary>
    public static string Printable(string name) =>
        name.AsSpan().IndexOfAny(Controls) < 0 ? name : string.Create(name.Length, name, static (span, text) =>
        {
            for (var i = 0; i < span.Length; i++)
                span[i] = Controls.Contains(text[i]) ? '?' : text[i];
        });
}
