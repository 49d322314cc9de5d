using System.Globalization;

namespace FileClient.Terminal;

/// <summary>Reads sizes as people write them: <c>500M</c>, <c>10GiB</c>, <c>1048576</c>. Units are powers of 1024.</summary>
static class Sizes
{
    public static long Parse(string text)
    {
        var digits = text.AsSpan().TrimEnd("iBb");
        var shift = digits.IsEmpty ? 0 : char.ToUpperInvariant(digits[^1]) switch { 'K' => 10, 'M' => 20, 'G' => 30, 'T' => 40, 'P' => 50, _ => 0 };
        if (shift > 0)
            digits = digits[..^1];
        if (!decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) || number * (1L << shift) > long.MaxValue)
            throw Failure.Usage($"'{text}' is no size: write 500M, 10G or a number of bytes.");
        return (long)(number * (1L << shift));
    }
}
