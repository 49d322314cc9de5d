using System.Runtime.InteropServices;
using FileClient.Terminal;

namespace FileClient.Sync;

/// <summary>
/// Named places where a run can be made to break off, so that tests prove what comes after: <c>FILESHARE_FAILPOINT=NAME:ACTION[:n]</c>, several separated by
/// commas. Actions: <c>kill</c>, <c>throw</c>, <c>enospc</c>, <c>eio</c>, <c>eacces</c> (each at the n-th pass, or at every one) and <c>delay:MS</c>. Off by default.
/// </summary>
static partial class Failpoint
{
    public const string ScanBetweenFolders = "scan.between_dirs", HashMid = "hash.mid", PackBeforeAck = "pack.before_ack", CommitBeforeSend = "commit.before_send",
        CommitAfterSend = "commit.after_send", CommitBeforeDb = "commit.before_db", DownloadPartial = "dl.temp_partial", DownloadDurable = "dl.temp_durable",
        DownloadIntent = "dl.intent", DownloadExchanged = "dl.after_exchange", DownloadVerified = "dl.after_verify", ConflictRenamed = "cc.after_rename",
        TrashRenamed = "trash.after_rename", MoveRenamed = "mv.after_rename", ParkRenamed = "park.after_rename", DeltaMidPage = "delta.mid_page",
        DeltaBeforePromote = "delta.before_promote";

    /// <summary>Every place there is, in the order of a run.</summary>
    public static readonly string[] Names =
    [
        ScanBetweenFolders, HashMid, DeltaMidPage, DeltaBeforePromote, ConflictRenamed, ParkRenamed, MoveRenamed, PackBeforeAck, CommitBeforeSend, CommitAfterSend, CommitBeforeDb,
        DownloadPartial, DownloadDurable, DownloadIntent, DownloadExchanged, DownloadVerified, TrashRenamed,
    ];

    static readonly string? setting = Environment.GetEnvironmentVariable("FILESHARE_FAILPOINT");
    static readonly AsyncLocal<List<Armed>?> local = new();
    static readonly List<Armed>? process = TryParse(setting);
    static bool used = process is not null;

    /// <summary>Refuses a setting that names no place or no action.</summary>
    public static void RequireValid()
    {
        if (!string.IsNullOrEmpty(setting) && process is null)
            throw Failure.Usage($"FILESHARE_FAILPOINT={setting} is not NAME:ACTION[:n].", $"Names: {string.Join(' ', Names)}. Actions: kill, throw, enospc, eio, eacces, delay:MS.");
    }

    /// <summary>The same for what runs in this process from here on; null takes it back.</summary>
    public static void Arm(string? spec)
    {
        used = true;
        local.Value = spec is null ? null : TryParse(spec) ?? throw new ArgumentException($"{spec} is no failpoint.", nameof(spec));
    }

    /// <summary>Does something of a test's own at a place, once: what somebody else does just then.</summary>
    public static void Meet(string name, Action meanwhile)
    {
        used = true;
        local.Value = [.. local.Value ?? [], new Armed(name, meanwhile)];
    }

    /// <summary>Passes a place: nothing happens unless it is armed.</summary>
    public static void Pass(string name)
    {
        if (!used)
            return;
        foreach (var armed in local.Value ?? process ?? [])
            if (armed.Name == name)
                armed.Act();
    }

    static List<Armed>? TryParse(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return null;
        List<Armed> all = [];
        foreach (var spec in text.Split(','))
        {
            if (spec.Split(':') is not [var name, var action, .. var rest] || !Names.Contains(name) || rest.Length > 1)
                return null;
            var number = 0;
            if (rest is [var digits] && (!int.TryParse(digits, out number) || number < 1))
                return null;
            if (action is not ("kill" or "throw" or "enospc" or "eio" or "eacces" or "delay") || (action == "delay" && number == 0))
                return null;
            all.Add(new Armed(name, action, number));
        }
        return all;
    }

    sealed class Armed(string name, string action, int number)
    {
        readonly Action? meanwhile;
        int passes;

        public Armed(string name, Action meanwhile)
            : this(name, "meet", 1) => this.meanwhile = meanwhile;

        public string Name => name;

        public void Act()
        {
            var pass = Interlocked.Increment(ref passes);
            if (meanwhile is not null && pass == 1)
                meanwhile();
            else if (meanwhile is not null)
                return;
            else if (action == "delay")
                Wait(number);
            else if (number == 0 || pass == number)
                Break();
        }

        void Break()
        {
            switch (action)
            {
                case "kill":
                    _ = Kill(Environment.ProcessId, 9);
                    Wait(int.MaxValue);
                    break;
                case "throw":
                    throw new IOException($"The failpoint {name} broke this run off.");
                default:
                    throw new DiskError(action switch { "enospc" => 28, "eio" => 5, _ => 13 }, name);
            }
        }

        static void Wait(int milliseconds)
        {
            using var never = new ManualResetEventSlim();
            never.Wait(milliseconds);
        }
    }

    /// <summary>What the system would have said.</summary>
    sealed class DiskError(int error, string name) : IOException($"{Marshal.GetPInvokeErrorMessage(error)} (failpoint {name}).", error);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
