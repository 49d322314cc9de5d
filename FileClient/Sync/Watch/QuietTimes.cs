namespace FileClient.Sync.Watch;

// 1. A file that was closed after writing is taken 300 ms later; one that is large, or that may still be open, 2 s after the last write.
// 2. Names that come and go in a folder (an editor's save is a dance of them) hold the whole folder for 300 ms.
// 3. Nothing holds anything for longer than 10 s, except that a large file is never read while it is written to: that would be read in vain.

/// <summary>
/// Says when what was heard about a folder may be looked at, so that no half-written file is taken and no half-done rename is seen. Knows no disk; a look
/// at the disk decides what happened, this only when to look. Safe to use from several threads.
/// </summary>
/// <typeparam name="TFolder">Names a folder.</typeparam>
sealed class QuietTimes<TFolder>(TimeProvider clock)
    where TFolder : class
{
    /// <summary>After the last sign of life of a complete file, or of names that change.</summary>
    public static readonly TimeSpan Short = TimeSpan.FromMilliseconds(300);

    /// <summary>After the last write to a large file, or to one that nobody has closed.</summary>
    public static readonly TimeSpan Long = TimeSpan.FromSeconds(2);

    /// <summary>The longest wait.</summary>
    public static readonly TimeSpan Cap = TimeSpan.FromSeconds(10);

    /// <summary>From this size on a file is large.</summary>
    public const long LargeFile = 8 * 1024 * 1024;

    readonly Lock gate = new();
    readonly Dictionary<TFolder, Pending> folders = [];
    readonly long start = clock.GetTimestamp();

    TimeSpan Now => clock.GetElapsedTime(start);

    /// <summary>Something was heard that was not looked at yet.</summary>
    public bool IsWaiting
    {
        get
        {
            lock (gate)
                return folders.Values.Any(static pending => pending.First is not null || pending.Names.Count > 0);
        }
    }

    /// <summary>Somebody writes to the file, or may do so: it was made, written to, or found.</summary>
    public void Written(TFolder folder, string name) => Hear(folder, name, open: true);

    /// <summary>The file is complete: it was closed after writing, or renamed to here.</summary>
    public void Closed(TFolder folder, string name) => Hear(folder, name, open: false);

    /// <summary>Time or mode of the file changed; whether it is open this does not say.</summary>
    public void Touched(TFolder folder, string name) => Hear(folder, name, open: null);

    void Hear(TFolder folder, string name, bool? open)
    {
        lock (gate)
        {
            var names = Of(folder).Names;
            var now = Now;
            names[name] = names.TryGetValue(name, out var before)
                ? before with { Last = now, Open = open ?? before.Open }
                : new Waiting(now, now, open ?? false, Large: false);
        }
    }

    /// <summary>Names came or went in the folder.</summary>
    /// <param name="gone">A name that went, about which nothing needs to be known any more.</param>
    public void Changed(TFolder folder, string? gone = null)
    {
        lock (gate)
        {
            var pending = Of(folder);
            if (gone is not null)
                pending.Names.Remove(gone);
            pending.Last = Now;
            pending.First ??= pending.Last;
        }
    }

    /// <summary>The folder is to be looked at again after this time, whatever is heard.</summary>
    public void Again(TFolder folder, TimeSpan after)
    {
        lock (gate)
        {
            var pending = Of(folder);
            var at = Now + after;
            if (pending.Again is null || at < pending.Again)
                pending.Again = at;
        }
    }

    /// <summary>The folder is gone.</summary>
    public void Forget(TFolder folder)
    {
        lock (gate)
            folders.Remove(folder);
    }

    /// <summary>The folders in which there is something to look at by now.</summary>
    public List<TFolder> Due()
    {
        lock (gate)
        {
            var now = Now;
            return [.. folders.Where(folder => folder.Value.RipeAt <= now).Select(static folder => folder.Key)];
        }
    }

    /// <summary>How long until something is due; null: nothing waits.</summary>
    public TimeSpan? NextIn()
    {
        lock (gate)
        {
            if (folders.Count == 0)
                return null;
            var next = folders.Values.Min(static pending => pending.RipeAt) - Now;
            return next > TimeSpan.Zero ? next : TimeSpan.Zero;
        }
    }

    /// <summary>Whether names that changed before this moment have not been looked at yet: what vanished from one folder may stand in another.</summary>
    /// <param name="age">How long ago the moment was.</param>
    public bool HasChangesOlderThan(TimeSpan age)
    {
        lock (gate)
        {
            var moment = Now - age;
            return folders.Values.Any(pending => pending.First <= moment);
        }
    }

    /// <summary>Takes what was heard about a folder, just before it is looked at: what is heard from now on is new.</summary>
    public Look Take(TFolder folder)
    {
        lock (gate)
        {
            if (!folders.Remove(folder, out var pending))
                return new Look(this, folder, []);
            var now = Now;
            if (pending.First is not null && pending.NamesRipeAt > now)
                folders[folder] = new Pending { First = pending.First, Last = pending.Last };
            return new Look(this, folder, pending.Names);
        }
    }

    Pending Of(TFolder folder) => folders.TryGetValue(folder, out var pending) ? pending : folders[folder] = new Pending();

    void PutBack(TFolder folder, string name, Waiting waiting)
    {
        lock (gate)
        {
            var names = Of(folder).Names;
            names[name] = names.TryGetValue(name, out var newer) ? newer with { First = waiting.First, Large = waiting.Large } : waiting;
        }
    }

    /// <summary>What had been heard about the names of a folder when it was looked at.</summary>
    public sealed class Look
    {
        readonly QuietTimes<TFolder> quiet;
        readonly TFolder folder;
        readonly Dictionary<string, Waiting> names;

        internal Look(QuietTimes<TFolder> quiet, TFolder folder, Dictionary<string, Waiting> names) => (this.quiet, this.folder, this.names) = (quiet, folder, names);

        /// <summary>Whether a file that stands in the folder may be taken as it is. If not, it goes on waiting.</summary>
        public bool MayTake(string name, long size)
        {
            if (!names.TryGetValue(name, out var waiting))
                return true;
            waiting = waiting with { Large = size >= LargeFile };
            if (waiting.RipeAt <= quiet.Now)
                return true;
            quiet.PutBack(folder, name, waiting);
            return false;
        }
    }

    /// <summary>What was heard about one name.</summary>
    internal readonly record struct Waiting(TimeSpan First, TimeSpan Last, bool Open, bool Large)
    {
        public TimeSpan RipeAt => Large ? Last + Long : Earlier(Last + (Open ? Long : Short), First + Cap);
    }

    /// <summary>What was heard about one folder.</summary>
    sealed class Pending
    {
        public Dictionary<string, Waiting> Names { get; } = new(StringComparer.Ordinal);

        /// <summary>When names first changed, since the last look.</summary>
        public TimeSpan? First { get; set; }

        public TimeSpan Last { get; set; }

        public TimeSpan? Again { get; set; }

        public TimeSpan NamesRipeAt => First is { } first ? Earlier(Last + Short, first + Cap) : TimeSpan.Zero;

        public TimeSpan RipeAt
        {
            get
            {
                var heard = First is not null ? NamesRipeAt : Names.Count > 0 ? Names.Values.Min(static waiting => waiting.RipeAt) : TimeSpan.MaxValue;
                return Again is { } again ? Earlier(heard, again) : heard;
            }
        }
    }

    static TimeSpan Earlier(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
