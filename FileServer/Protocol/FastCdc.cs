using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace FileServer.Protocol;

/// <summary>
/// Cuts bytes into chunks at places that their content decides (FastCDC, USENIX ATC 2016 and its 2020 revision; normalization
/// level 2), so that equal runs of bytes become equal chunks wherever they stand. Client and server cut alike; nothing here may
/// change without a new chunker id.
/// </summary>
public static class FastCdc
{
    /// <summary>No chunk but the last of a file is shorter.</summary>
    public const int MinSize = 256 * 1024;

    /// <summary>Up to here the stricter mask decides, after it the looser one; most chunks end near it.</summary>
    public const int AverageSize = 1024 * 1024;

    /// <summary>No chunk is longer.</summary>
    public const int MaxSize = 4 * 1024 * 1024;

    // 22 and 18 bits, spread over the 48 bytes that the hash remembers at these positions.
    const ulong StrictMask = 0x0000_d937_6753_7000;
    const ulong LooseMask = 0x0000_d907_0753_7000;

    // Two bytes a step: the value of the first of them is needed shifted by one.
    static readonly ulong[] Gear = GearTable.Values.ToArray();
    static readonly ulong[] ShiftedGear = [.. Gear.Select(value => value << 1)];

    /// <summary>The length of the first chunk of these bytes, which are <see cref="MaxSize"/> of a file or its whole rest.</summary>
    public static int FindCut(ReadOnlySpan<byte> data)
    {
        ulong hash = 0;
        return Scan(data, 0, ref hash) is { } cut ? cut : Math.Min(data.Length, MaxSize);
    }

    /// <summary>
    /// Looks for the end of a chunk whose first <paramref name="position"/> bytes came before <paramref name="data"/>: how many of these
    /// bytes still belong to it, or null if it does not end here. The byte that raises the cut is the next chunk's first.
    /// </summary>
    internal static int? Scan(ReadOnlySpan<byte> data, int position, ref ulong hash)
    {
        var end = Math.Min(data.Length, MaxSize - position);
        var at = Math.Max(MinSize - position, 0);
        var middle = Math.Min(AverageSize - position, end);
        if (at < middle)
        {
            var cut = Scan(data[..middle], at, StrictMask, ref hash);
            if (cut < middle)
                return cut;
            at = middle;
        }
        if (at < end)
        {
            var cut = Scan(data[..end], at, LooseMask, ref hash);
            if (cut < end)
                return cut;
        }
        return end == MaxSize - position ? end : null;
    }

    // Where a byte, looked at from `at` on, clears all bits of the mask; the data's length if none does.
    static int Scan(ReadOnlySpan<byte> data, int at, ulong mask, ref ulong hash)
    {
        ref var bytes = ref MemoryMarshal.GetReference(data);
        ref var gear = ref MemoryMarshal.GetArrayDataReference(Gear);
        ref var shifted = ref MemoryMarshal.GetArrayDataReference(ShiftedGear);
        var value = hash;
        var shiftedMask = mask << 1;
        nint index = at;
        // Every read is below data.Length, since index + 1 < last; a byte cannot leave a table of 256.
        for (nint last = data.Length - 1; index < last; index += 2)
        {
            var first = Unsafe.Add(ref shifted, (nint)Unsafe.Add(ref bytes, index));
            var second = Unsafe.Add(ref gear, (nint)Unsafe.Add(ref bytes, index + 1));
            var moved = value << 2;
            if (((moved + first) & shiftedMask) == 0)
                return (int)index;
            value = moved + (first + second);
            if ((value & mask) == 0)
                return (int)index + 1;
        }
        if (index < data.Length)
        {
            value = (value << 1) + Unsafe.Add(ref gear, (nint)Unsafe.Add(ref bytes, index));
            if ((value & mask) == 0)
                return (int)index;
        }
        hash = value;
        return data.Length;
    }
}
