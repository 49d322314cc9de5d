using System.Text;

namespace FileClient.Sync.Disk;

/// <summary>Names on a Linux disk are bytes; only those that are UTF-8 can become names of nodes.</summary>
static class Utf8
{
    static readonly UTF8Encoding strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The text of these bytes, or null if they are not UTF-8.</summary>
    public static string? Decode(ReadOnlySpan<byte> bytes)
    {
        if (System.Text.Unicode.Utf8.IsValid(bytes))
            return strict.GetString(bytes);
        return null;
    }

    /// <summary>Something to show for a name that is not UTF-8.</summary>
    public static string Show(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);
}
