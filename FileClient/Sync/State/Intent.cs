using FileServer.Protocol;

namespace FileClient.Sync.State;

/// <summary>What a begun change does to an entry of the disk.</summary>
enum IntentKind
{
    /// <summary>Out of the way into the staging folder, for a moment.</summary>
    Park,
    Move,

    /// <summary>Into the local trash; of a folder: removed when it is empty.</summary>
    Gone,

    /// <summary>A new file, where none may stand.</summary>
    Place,

    /// <summary>A file changes places with one in the staging folder.</summary>
    Replace,
}

/// <summary>A local change that was begun: after a crash it tells our own doing from the user's.</summary>
/// <param name="Source">Path below the folder, before.</param>
/// <param name="Target">The name afterwards; of what is parked or replaced: the name in the staging folder; of what goes: the run in whose trash it is.</param>
/// <param name="Inode">The inode that is on its way; of what is replaced: that of the new file.</param>
/// <param name="Parent">The folder that it goes to; of what is parked, replaced or goes: where it stands.</param>
/// <param name="Old">The bytes that are expected to stand there.</param>
/// <param name="New">The bytes that are put there.</param>
sealed record Intent(IntentKind Kind, NodeId Node, string Source, string Target, ulong Inode, NodeId? Parent, Digest? Old = null, Digest? New = null)
{
    static int last;

    /// <summary>In the order in which they were begun.</summary>
    public string Id { get; init; } = $"{Guid.CreateVersion7().ToString("N")[..12]}{Interlocked.Increment(ref last):x8}";
}

/// <summary>The rows of begun changes, in the order in which they were begun.</summary>
static class IntentTable
{
    public static List<Intent> Read(StateDb db)
    {
        List<Intent> intents = [];
        using var read = new Statement(db.Handle, "select id, kind, node, source, target, inode, parent, old, new from intents order by id");
        while (read.Read())
            if (Enum.TryParse<IntentKind>(read.Text(1), ignoreCase: true, out var kind))
                intents.Add(new Intent(kind, read.Node(2), read.Text(3), read.Text(4), (ulong)read.Long(5), read.NodeOrNull(6), read.DigestOrNull(7), read.DigestOrNull(8)) { Id = read.Text(0) });
        return intents;
    }

    public static void Add(StateDb db, IReadOnlyCollection<Intent> intents)
    {
        if (intents.Count == 0)
            return;
        db.Transact(() =>
        {
            using var put = new Statement(db.Handle, "replace into intents (id, kind, node, source, target, inode, parent, old, new) values (?, ?, ?, ?, ?, ?, ?, ?, ?)");
            foreach (var intent in intents)
                put.Bind(1, intent.Id).Bind(2, Word(intent.Kind)).Bind(3, intent.Node).Bind(4, intent.Source).Bind(5, intent.Target).Bind(6, (long)intent.Inode)
                    .Bind(7, intent.Parent).Bind(8, intent.Old).Bind(9, intent.New).Run();
        });
    }

    /// <summary>Forgets all but these.</summary>
    public static void Clear(StateDb db, IReadOnlyCollection<Intent> keep)
    {
        if (keep.Count == 0)
        {
            db.Execute("delete from intents");
            return;
        }
        var kept = keep.Select(static intent => intent.Id).ToHashSet(StringComparer.Ordinal);
        db.Transact(() =>
        {
            using var drop = new Statement(db.Handle, "delete from intents where id = ?");
            foreach (var done in Read(db).Where(intent => !kept.Contains(intent.Id)))
                drop.Bind(1, done.Id).Run();
        });
    }

    static string Word(IntentKind kind) => kind switch
    {
        IntentKind.Park => "park",
        IntentKind.Move => "move",
        IntentKind.Gone => "gone",
        IntentKind.Place => "place",
        IntentKind.Replace => "replace",
    };
}
