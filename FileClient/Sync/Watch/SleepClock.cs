using System.Runtime.InteropServices;

namespace FileClient.Sync.Watch;

/// <summary>Finds out whether the machine slept: one of the kernel's clocks goes on meanwhile, the other stands.</summary>
sealed partial class SleepClock(Func<TimeSpan> asleep)
{
    static readonly TimeSpan noticeable = TimeSpan.FromSeconds(2);

    TimeSpan known = asleep();

    public SleepClock()
        : this(OfSystem)
    {
    }

    /// <summary>Whether it slept since the last call.</summary>
    public bool HasSlept()
    {
        var now = asleep();
        var slept = now - known >= noticeable;
        known = now;
        return slept;
    }

    static TimeSpan OfSystem()
    {
        // CLOCK_MONOTONIC stands while the machine sleeps, CLOCK_BOOTTIME does not.
        if (!OperatingSystem.IsLinux() || GetTime(7, out var boot) != 0 || GetTime(1, out var awake) != 0)
            return TimeSpan.Zero;
        return TimeSpan.FromSeconds(boot.Seconds - awake.Seconds) + TimeSpan.FromMicroseconds((boot.Nanoseconds - awake.Nanoseconds) / 1000);
    }

    /// <summary>The C library's <c>timespec</c>.</summary>
    struct Time
    {
        public long Seconds;
        public long Nanoseconds;
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, out Time time);
}
