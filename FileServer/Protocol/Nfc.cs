using System.IO.Compression;
using System.Text;

namespace FileServer.Protocol;

/// <summary>
/// Unicode Normalization Form C (UAX #15). .NET's <c>string.Normalize</c> returns its input when InvariantGlobalization is on, and with ICU its answer
/// would depend on the machine's ICU version; names must come out alike on every client and server.
/// </summary>
public static class Nfc
{
    const int HangulBase = 0xac00, LeadBase = 0x1100, VowelBase = 0x1161, TailBase = 0x11a7;
    const int LeadCount = 19, VowelCount = 21, TailCount = 28;

    // Below it nothing decomposes into something else than what composes back, and nothing combines.
    const char FirstCombining = '\u0300';

    static readonly Lazy<Tables> Data = new(Tables.Read);

    /// <summary>The normalized text; the same instance if it was normal already. A lone surrogate stays as it is.</summary>
    public static string Normalize(string text)
    {
        if (text.AsSpan().IndexOfAnyExceptInRange('\0', (char)(FirstCombining - 1)) < 0)
            return text;
        var points = Decompose(text);
        Sort(points);
        var composed = Compose(points);
        return composed == text ? text : composed;
    }

    static List<int> Decompose(string text)
    {
        var points = new List<int>(text.Length + 8);
        for (var i = 0; i < text.Length; i++)
        {
            var point = char.IsSurrogatePair(text, i) ? char.ConvertToUtf32(text[i], text[++i]) : text[i];
            Decompose(point, points);
        }
        return points;
    }

    static void Decompose(int point, List<int> points)
    {
        var syllable = point - HangulBase;
        if (syllable is >= 0 and < LeadCount * VowelCount * TailCount)
        {
            points.Add(LeadBase + syllable / (VowelCount * TailCount));
            points.Add(VowelBase + syllable / TailCount % VowelCount);
            if (syllable % TailCount > 0)
                points.Add(TailBase + syllable % TailCount);
        }
        else if (point >= 0xc0 && Data.Value.Decompositions.TryGetValue(point, out var parts))
        {
            foreach (var part in parts)
                Decompose(part, points);
        }
        else
        {
            points.Add(point);
        }
    }

    // Canonical ordering: marks between two starters are sorted by class, stably (UAX #15, D109).
    static void Sort(List<int> points)
    {
        for (var i = 1; i < points.Count; i++)
        {
            var point = points[i];
            var rank = RankOf(point);
            var at = i;
            for (; rank > 0 && at > 0 && RankOf(points[at - 1]) > rank; at--)
                points[at] = points[at - 1];
            points[at] = point;
        }
    }

    static string Compose(List<int> points)
    {
        var kept = new List<int>(points.Count);
        var starter = -1;
        foreach (var point in points)
        {
            var rank = RankOf(point);
            // Blocked by a mark of the same or a higher class in between, or by another starter (D115).
            var blocked = starter < 0 || (kept.Count - 1 > starter && (rank == 0 || RankOf(kept[^1]) >= rank));
            if (!blocked && Pair(kept[starter], point) is { } composite)
            {
                kept[starter] = composite;
                continue;
            }
            if (rank == 0)
                starter = kept.Count;
            kept.Add(point);
        }
        var text = new StringBuilder(kept.Count);
        foreach (var point in kept)
        {
            if (point < 0x10000)
                text.Append((char)point);
            else
                text.Append(char.ConvertFromUtf32(point));
        }
        return text.ToString();
    }

    static int? Pair(int first, int second)
    {
        if (first is >= LeadBase and < LeadBase + LeadCount && second is >= VowelBase and < VowelBase + VowelCount)
            return HangulBase + ((first - LeadBase) * VowelCount + second - VowelBase) * TailCount;
        if (first is >= HangulBase and < HangulBase + LeadCount * VowelCount * TailCount && (first - HangulBase) % TailCount == 0
            && second is > TailBase and < TailBase + TailCount)
            return first + second - TailBase;
        return Data.Value.Compositions.TryGetValue(((long)first << 32) | (uint)second, out var composite) ? composite : null;
    }

    static int RankOf(int point) => point < FirstCombining ? 0 : Data.Value.Ranks.GetValueOrDefault(point);

    /// <summary>The unpacked <see cref="NfcTable"/>, read when the first name needs it.</summary>
    sealed record Tables(Dictionary<int, int[]> Decompositions, Dictionary<long, int> Compositions, Dictionary<int, int> Ranks)
    {
        public static Tables Read()
        {
            using var bytes = new DeflateStream(new MemoryStream(Convert.FromBase64String(NfcTable.Packed)), CompressionMode.Decompress);
            using var reader = new BinaryReader(bytes);
            var decompositions = new Dictionary<int, int[]>();
            var compositions = new Dictionary<long, int>();
            var ranks = new Dictionary<int, int>();
            var point = 0;
            for (var left = reader.Read7BitEncodedInt(); left > 0; left--)
            {
                var step = reader.Read7BitEncodedInt();
                point += step >> 1;
                var composes = (step & 1) != 0;
                var parts = new int[composes ? 2 : reader.Read7BitEncodedInt()];
                for (var i = 0; i < parts.Length; i++)
                    parts[i] = reader.Read7BitEncodedInt();
                decompositions.Add(point, parts);
                if (composes)
                    compositions.Add(((long)parts[0] << 32) | (uint)parts[1], point);
            }
            point = 0;
            for (var left = reader.Read7BitEncodedInt(); left > 0; left--)
            {
                point += reader.Read7BitEncodedInt();
                var count = reader.Read7BitEncodedInt();
                var rank = reader.Read7BitEncodedInt();
                for (var i = 0; i < count; i++)
                    ranks.Add(point + i, rank);
            }
            return new Tables(decompositions, compositions, ranks);
        }
    }
}
