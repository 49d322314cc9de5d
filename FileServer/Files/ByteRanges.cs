namespace FileServer.Files;

/// <summary>How much of a file a request gets.</summary>
enum RangeOutcome
{
    Whole,
    Partial,
    NotSatisfiable,
}

/// <summary>A run of bytes of a file; never empty.</summary>
readonly record struct ByteRange(long Start, long Length)
{
    public long End => Start + Length;
}

/// <summary>The part of a file that a Range header selects (RFC 9110 §14).</summary>
readonly record struct ByteRanges(RangeOutcome Outcome, IReadOnlyList<ByteRange> Parts)
{
    const int MaxParts = 10;

    static readonly ByteRanges Whole = new(RangeOutcome.Whole, []);

    /// <summary>Ranges count on GET alone (§14.2), only in bytes, only if If-Range lets them; whatever cannot be read is as if not sent.</summary>
    public static ByteRanges Of(HttpRequest request, long size, Validators current)
    {
        var header = request.Headers.Range;
        if (!HttpMethods.IsGet(request.Method) || header.Count != 1 || header[0] is not { } value || !Preconditions.RangeApplies(request, current))
            return Whole;
        // Range units are case-insensitive (§14.1).
        if (!value.StartsWith("bytes=", StringComparison.OrdinalIgnoreCase))
            return Whole;
        return Parse(value.AsSpan("bytes=".Length), size);
    }

    static ByteRanges Parse(ReadOnlySpan<char> set, long size)
    {
        var parts = new List<ByteRange>();
        var asked = 0;
        long total = 0;
        foreach (var range in set.Split(','))
        {
            var spec = set[range].Trim(" \t");
            // Lists may hold empty elements (§5.6.1.2).
            if (spec.IsEmpty)
                continue;
            // More parts than anybody needs are an attempt to make us work: the whole file is cheaper.
            if (++asked > MaxParts || !TryParse(spec, size, out var part))
                return Whole;
            if (part is { } satisfiable)
            {
                parts.Add(satisfiable);
                total += satisfiable.Length;
            }
        }
        if (asked == 0 || total > 2 * size)
            return Whole;
        return parts.Count switch
        {
            // A suffix of an empty file is satisfiable (§14.1.2) but cannot be written as a Content-Range.
            0 when size == 0 && set.Trim(" \t").StartsWith("-") && asked == 1 && set.Trim(" \t").TrimStart("-0").Length > 0 => Whole,
            0 => new ByteRanges(RangeOutcome.NotSatisfiable, []),
            _ => new ByteRanges(RangeOutcome.Partial, parts),
        };
    }

    /// <returns>False if the text is no range at all; the part is null if it is one but lies outside the file.</returns>
    static bool TryParse(ReadOnlySpan<char> spec, long size, out ByteRange? part)
    {
        part = null;
        var dash = spec.IndexOf('-');
        if (dash < 0)
            return false;
        if (dash == 0)
        {
            if (!TryNumber(spec[1..], out var suffix))
                return false;
            var length = Math.Min(suffix, size);
            part = length > 0 ? new ByteRange(size - length, length) : null;
            return true;
        }
        var last = long.MaxValue;
        if (!TryNumber(spec[..dash], out var first) || (dash + 1 < spec.Length && !TryNumber(spec[(dash + 1)..], out last)) || last < first)
            return false;
        if (first < size)
            part = new ByteRange(first, Math.Min(last, size - 1) - first + 1);
        return true;
    }

    /// <summary>Digits only; a number beyond what a file can have is as good as the largest.</summary>
    static bool TryNumber(ReadOnlySpan<char> text, out long number)
    {
        number = 0;
        foreach (var digit in text)
        {
            if (!char.IsAsciiDigit(digit))
                return false;
            number = number > (long.MaxValue - 9) / 10 ? long.MaxValue : (10 * number) + (digit - '0');
        }
        return text.Length > 0;
    }
}
