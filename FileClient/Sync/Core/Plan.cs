using FileServer.Protocol;

namespace FileClient.Sync.Core;

/// <summary>What the planner may take from outside: it reads no clock and no disk.</summary>
sealed record PlanOptions
{
    /// <summary>Device name and time that go into the names of conflict copies.</summary>
    public required string Device { get; init; }

    public required DateTimeOffset Now { get; init; }

    /// <summary>Makes the id of a node that the plan adds.</summary>
    public required Func<NodeId> NewId { get; init; }

    /// <summary>Why this system cannot hold a remote name; null if it can.</summary>
    public Func<string, string?> LocalNameProblem { get; init; } = _ => null;

    /// <summary>Why the server would refuse a local name; null if it would not.</summary>
    public Func<string, string?> RemoteNameProblem { get; init; } = _ => null;

    /// <summary>Whether the ignore rules cover a remote name.</summary>
    public Func<string, bool> IsIgnored { get; init; } = _ => false;

    /// <summary>Nodes that the server refused to bring back from the trash: they are made anew under a new id.</summary>
    public IReadOnlySet<NodeId> Unrestorable { get; init; } = new HashSet<NodeId>();

    /// <summary>Nodes that this account may no longer see, as opposed to deleted ones.</summary>
    public IReadOnlySet<NodeId> Revoked { get; init; } = new HashSet<NodeId>();

    /// <summary>Nodes that wait (quota, lock, in use), with the reason; nothing is done about them.</summary>
    public IReadOnlyDictionary<NodeId, string> Waiting { get; init; } = new Dictionary<NodeId, string>();

    /// <summary>The folder did not hold still while it was scanned: what was not seen may still be there.</summary>
    public bool HoldDeletes { get; init; }

    /// <summary>The mass-delete brake.</summary>
    public BrakeLimits Brake { get; init; } = new();
}

/// <summary>When so many deletions in one run look like an accident that a person must confirm them.</summary>
sealed record BrakeLimits
{
    public int MaxDeletes { get; init; } = 1000;

    public double MaxShare { get; init; } = 0.25;

    /// <summary>Below this many nodes the share says nothing.</summary>
    public int ShareFrom { get; init; } = 20;

    /// <summary>Stop if nothing would be left, unless at most one entry stood in the root.</summary>
    public bool StopAtEmptyRoot { get; init; } = true;

    /// <summary>The hash of deletions that a person has confirmed.</summary>
    public string? Confirmed { get; init; }
}

/// <summary>What a step does, to the local folder or to the server.</summary>
enum StepKind
{
    /// <summary>Out of the way into the staging folder, to be placed by a later step.</summary>
    Park,
    LocalFolder,
    LocalMove,

    /// <summary>A file that is not there yet.</summary>
    LocalPlace,

    /// <summary>New bytes for a file that is there.</summary>
    LocalReplace,
    LocalLink,
    LocalMetadata,

    /// <summary>Into the local trash, once it is seen to hold what was synced.</summary>
    LocalTrash,
    LocalRemoveFolder,

    /// <summary>Unsynced local content of a node that is no longer visible leaves the synced tree.</summary>
    LocalEvict,
    RemoteFolder,
    RemoteRestore,
    RemoteMove,
    RemotePut,
    RemoteLink,
    RemoteMetadata,
    RemoteDelete,
}

/// <summary>One step of a plan: what to do with which node, and what it should be afterwards.</summary>
/// <param name="Goal">The node's state when all steps are done; for deletions the state that goes.</param>
/// <param name="Base">The state on the side that is changed, before the plan; null if there is none.</param>
/// <param name="ConflictOf">The node that this new one is a conflict copy of.</param>
sealed record Step(StepKind Kind, Entry Goal, Entry? Base = null, NodeId? ConflictOf = null)
{
    public NodeId Id => Goal.Id;
}

/// <summary>The local entry of one node becomes another's: after a conflict, or when both sides made the same thing.</summary>
/// <param name="TakesSynced">What was synced below the old id counts as synced below the new one.</param>
readonly record struct Rebinding(NodeId From, NodeId To, bool TakesSynced);

/// <summary>Something that the plan leaves alone, and why.</summary>
sealed record Problem(NodeId Id, string Name, string Code, string Reason);

/// <summary>Two contents for one node: the server's keeps the name, the local one lives on as the copy.</summary>
sealed record ConflictNote(NodeId Id, string Name, NodeId CopyId, string CopyName, string Reason);

/// <summary>Deletions that were held back.</summary>
/// <param name="Rail">mass-delete-local, mass-delete-remote or root-emptied.</param>
/// <param name="Hash">What to confirm.</param>
sealed record Brake(string Rail, int Deletes, int Nodes, string Hash);

/// <summary>Everything that one comparison of the three trees asks for, in the order in which it is to be done.</summary>
sealed record Plan
{
    public IReadOnlyList<Rebinding> Rebindings { get; init; } = [];

    /// <summary>Nodes on which both sides already agree: the new synced state.</summary>
    public IReadOnlyList<Entry> Adopt { get; init; } = [];

    /// <summary>Synced nodes that are on neither side any more, or no longer take part.</summary>
    public IReadOnlyList<NodeId> Forget { get; init; } = [];

    public IReadOnlyList<Step> Local { get; init; } = [];

    public IReadOnlyList<Step> Remote { get; init; } = [];

    public IReadOnlyList<ConflictNote> Conflicts { get; init; } = [];

    public IReadOnlyList<Problem> Problems { get; init; } = [];

    /// <summary>Both sides moved a node to different places and the server's place won.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    public IReadOnlyList<Brake> Brakes { get; init; } = [];

    /// <summary>Nothing to carry in either direction.</summary>
    public bool IsQuiet => Local.Count == 0 && Remote.Count == 0 && Rebindings.Count == 0;

    public static Plan Nothing { get; } = new();
}
