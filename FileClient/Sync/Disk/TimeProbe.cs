using Microsoft.Win32.SafeHandles;

namespace FileClient.Sync.Disk;

/// <summary>Finds out how finely the folder's file system tells times, by its own clock: the machine's clock may differ from it.</summary>
static class TimeProbe
{
    const long Coarse = 2_000_000_000, Tick = 50_000_000;

    /// <summary>An entry that changed at or after this time (nanoseconds) may change again without showing it.</summary>
    public static long RacyFrom(SafeFileHandle state)
    {
        using var file = Posix.OpenForWriting(state, "probe", out _) ?? Posix.CreateFile(state, "probe", out var error) ?? throw new IOException($"The folder cannot be written to (error {error}).");
        Span<long> times = stackalloc long[6];
        var distinct = 0;
        for (var i = 0; i < times.Length; i++)
        {
            RandomAccess.Write(file, [(byte)i], 0);
            times[i] = Stat.Of(file).Signature.Modified;
            distinct += i > 0 && times[i] != times[i - 1] ? 1 : 0;
        }
        // Since Linux 6.13 a time that was looked at is never given again.
        if (distinct == times.Length - 1)
            return long.MaxValue;
        return times[^1] - (times[^1] % 1_000_000_000 == 0 ? Coarse : Tick);
    }
}
