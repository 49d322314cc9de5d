using FileClient.Terminal;
using FileClient.Transfer;

namespace FileClient.Commands;

/// <summary>Shows on a terminal how transfers get on: one line that is written over four times a second.</summary>
sealed class Progress : ITransferWatch, IDisposable
{
    const int EveryMs = 250;

    readonly Lock gate = new();
    readonly Shell shell;
    readonly ITimer? timer;
    readonly long start;
    long moved;
    long expected;
    string current = "";
    bool shown;

    Progress(Shell shell, bool shows)
    {
        this.shell = shell;
        start = shell.Clock.GetTimestamp();
        if (shows)
            timer = shell.Clock.CreateTimer(_ => Show(), null, TimeSpan.FromMilliseconds(2 * EveryMs), TimeSpan.FromMilliseconds(EveryMs));
    }

    public static Progress For(Output output, Shell shell) => new(shell, output.ShowsProgress);

    public IFileWatch Begin(string name, long size)
    {
        lock (gate)
        {
            current = name;
            expected += size;
        }
        return new FileProgress(this);
    }

    void Show()
    {
        lock (gate)
        {
            var seconds = shell.Clock.GetElapsedTime(start).TotalSeconds;
            var rate = moved / Math.Max(seconds, 0.001);
            var percent = expected > 0 ? (int)(100 * Math.Min(moved, expected) / expected) : 100;
            var rest = rate > 1 ? TimeSpan.FromSeconds(Math.Max(0, expected - moved) / rate) : TimeSpan.Zero;
            var line = $"{percent,3} %  {Wording.Size(moved)} of {Wording.Size(expected)}  {Wording.Size((long)rate)}/s  {rest:h\\:mm\\:ss} left  {Wording.Printable(current)}";
            var width = Math.Max(20, Console.WindowWidth - 1);
            shell.Error.Write($"\r{(line.Length > width ? line[..width] : line)}\u001b[K");
            shown = true;
        }
    }

    void Moved(long bytes)
    {
        lock (gate)
            moved += bytes;
    }

    public void Dispose()
    {
        timer?.Dispose();
        Clear();
    }

    /// <summary>Takes the line away, so that a remark can stand in its place.</summary>
    public void Clear()
    {
        lock (gate)
        {
            if (shown)
                shell.Error.Write("\r\u001b[K");
            shown = false;
        }
    }

    /// <summary>Adds one file's bytes to the sum.</summary>
    sealed class FileProgress(Progress whole) : IFileWatch
    {
        public void Moved(long bytes) => whole.Moved(bytes);

        public void Dispose()
        {
        }
    }
}
