using FileClient.Sync.Core;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace Tests.Sync;

/// <summary>Three trees without disk and server, on which the steps of a plan can be carried out one by one.</summary>
sealed class SymbolicWorld
{
    /// <summary>What a conflict copy made here has in its name; shown as <c>{cc}</c>.</summary>
    const string Copy = " (conflicted copy ann laptop 2026-11-23 120000)";

    public static readonly NodeId Root = IdOf(0);
    static readonly DateTimeOffset Noon = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);

    public Dictionary<NodeId, Entry> S { get; } = [];

    public Dictionary<NodeId, Entry> L { get; } = [];

    public Dictionary<NodeId, Entry> R { get; } = [];

    public Dictionary<NodeId, Entry> LocalTrash { get; } = [];

    public Dictionary<NodeId, Entry> Evicted { get; } = [];

    public Dictionary<NodeId, Entry> ServerTrash { get; } = [];

    public HashSet<NodeId> Unrestorable { get; } = [];

    public HashSet<NodeId> Revoked { get; } = [];

    public HashSet<Digest> ServerVersions { get; } = [];

    public Permits RootPermits { get; set; } = Permits.All;

    public bool ServerForgetsTrash { get; set; }

    public BrakeLimits Brake { get; set; } = new() { ShareFrom = int.MaxValue, StopAtEmptyRoot = false, MaxDeletes = int.MaxValue };

    public Dictionary<NodeId, string> Waiting { get; } = [];

    int nextId = 1000;

    public static NodeId IdOf(int number) => new(new Guid(number, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0));

    public PlanOptions Options => new()
    {
        Device = "ann laptop",
        Now = Noon,
        NewId = () => IdOf(nextId++),
        Unrestorable = Unrestorable,
        Revoked = Revoked,
        Waiting = Waiting,
        Brake = Brake,
        IsIgnored = static name => name.EndsWith(".part", StringComparison.Ordinal),
        LocalNameProblem = static name => name.Contains(':', StringComparison.Ordinal) ? "This system has no such names." : null,
        RemoteNameProblem = static name => name.Contains('\\', StringComparison.Ordinal) ? "The server takes no such names." : null,
    };

    public Plan Plan() => Planner.Reconcile(new TreeState(Root, S), new TreeState(Root, L), new TreeState(Root, R, RootPermits), Options);

    /// <summary>Carries the whole plan out, then plans again until nothing is left to do.</summary>
    public int Converge(Action<Plan>? onPlan = null, int limit = 20)
    {
        for (var round = 0; round < limit; round++)
        {
            var plan = Plan();
            onPlan?.Invoke(plan);
            Remember(plan);
            if (plan.IsQuiet)
                return round;
            foreach (var step in plan.Local)
                ApplyLocal(step);
            ApplyRemote(plan.Remote);
            Agree();
        }
        throw new InvalidOperationException("The trees do not come to rest.");
    }

    public void Remember(Plan plan)
    {
        foreach (var (from, to, anew) in plan.Rebindings)
        {
            L.Remove(from, out var entry);
            L[to] = entry! with { Id = to };
            foreach (var child in L.Values.Where(child => child.Parent == from).ToList())
                L[child.Id] = child with { Parent = to };
            foreach (var child in S.Values.Where(child => anew && child.Parent == from).ToList())
                S[child.Id] = child with { Parent = to };
        }
        foreach (var id in plan.Forget)
            S.Remove(id);
        foreach (var entry in plan.Adopt)
            S[entry.Id] = entry;
    }

    /// <summary>What both sides agree on becomes the synced state.</summary>
    public void Agree()
    {
        foreach (var id in S.Keys.Union(L.Keys).Union(R.Keys).ToList())
        {
            if (!L.ContainsKey(id) && !R.ContainsKey(id))
                S.Remove(id);
            else if (L.TryGetValue(id, out var here) && R.TryGetValue(id, out var there) && here.Agrees(there))
                S[id] = there;
        }
    }

    public void ApplyLocal(Step step)
    {
        var goal = step.Goal;
        switch (step.Kind)
        {
            case StepKind.Park:
                L[step.Id] = L[step.Id] with { Parent = step.Id, Name = $"parked {step.Id}" };
                break;
            case StepKind.LocalFolder:
            case StepKind.LocalPlace:
            case StepKind.LocalLink:
                Assert.False(L.ContainsKey(step.Id), "The node is there already.");
                Put(Local(goal));
                break;
            case StepKind.LocalMove:
                Put(L[step.Id] with { Parent = goal.Parent, Name = goal.Name });
                break;
            case StepKind.LocalReplace:
                L[step.Id] = Local(goal) with { Parent = L[step.Id].Parent, Name = L[step.Id].Name };
                break;
            case StepKind.LocalMetadata:
                L[step.Id] = L[step.Id] with { Modified = goal.Modified, Executable = goal.Executable };
                break;
            case StepKind.LocalTrash:
                Assert.NotEqual(NodeKind.Folder, L[step.Id].Kind);
                LocalTrash[step.Id] = L[step.Id];
                L.Remove(step.Id);
                break;
            case StepKind.LocalEvict:
                Evicted[step.Id] = L[step.Id];
                L.Remove(step.Id);
                break;
            case StepKind.LocalRemoveFolder:
                Assert.DoesNotContain(L.Values, entry => entry.Parent == step.Id && entry.Id != step.Id);
                L.Remove(step.Id);
                break;
            default:
                Assert.Fail($"{step.Kind} is no local step.");
                break;
        }
    }

    void Put(Entry entry)
    {
        Assert.True(entry.Parent == Root || L.ContainsKey(entry.Parent), "The folder is not there yet.");
        Assert.DoesNotContain(L.Values, other => other.Id != entry.Id && other.Parent == entry.Parent && other.Name == entry.Name);
        for (var next = entry.Parent; next != Root && L[next].Parent != next; next = L[next].Parent)
            Assert.NotEqual(entry.Id, next);
        L[entry.Id] = entry;
    }

    static Entry Local(Entry goal) => goal with { Version = 0, Revision = 0, Permits = Permits.All };

    /// <summary>One changeset: everything in order, names and circles looked at when all is done.</summary>
    public void ApplyRemote(IReadOnlyList<Step> steps)
    {
        foreach (var step in steps)
            ApplyRemote(step);
        foreach (var siblings in R.Values.GroupBy(static entry => (entry.Parent, entry.Key)))
            Assert.Single(siblings);
        foreach (var entry in R.Values)
        {
            var depth = 0;
            for (var next = entry.Parent; next != Root; next = R[next].Parent)
                Assert.True(depth++ < 100, "A circle on the server.");
        }
    }

    void ApplyRemote(Step step)
    {
        var goal = step.Goal with { Revision = 0 };
        switch (step.Kind)
        {
            case StepKind.RemoteFolder or StepKind.RemoteLink or StepKind.RemotePut when step.Base is null:
                Assert.False(R.ContainsKey(step.Id) || ServerTrash.ContainsKey(step.Id), "The id is taken.");
                R[step.Id] = goal with { Version = 1 };
                break;
            case StepKind.RemotePut:
                ServerVersions.Add(R[step.Id].Content!.Value);
                R[step.Id] = R[step.Id] with { Content = goal.Content, Modified = goal.Modified, Version = R[step.Id].Version + 1, Executable = goal.Executable };
                break;
            case StepKind.RemoteMove:
                R[step.Id] = R[step.Id] with { Parent = goal.Parent, Name = goal.Name };
                break;
            case StepKind.RemoteMetadata:
                R[step.Id] = R[step.Id] with { Modified = goal.Modified, Executable = goal.Executable };
                break;
            case StepKind.RemoteRestore when !ServerTrash.ContainsKey(step.Id) || ServerForgetsTrash:
                Unrestorable.Add(step.Id);
                break;
            case StepKind.RemoteRestore:
                foreach (var id in Below(ServerTrash, step.Id).Append(step.Id).ToList())
                {
                    R[id] = ServerTrash[id];
                    ServerTrash.Remove(id);
                }
                R[step.Id] = R[step.Id] with { Parent = goal.Parent, Name = goal.Name };
                break;
            case StepKind.RemoteDelete:
                foreach (var id in Below(R, step.Id).Append(step.Id).ToList())
                {
                    ServerTrash[id] = R[id];
                    R.Remove(id);
                }
                break;
            default:
                Assert.Fail($"{step.Kind} is no remote step.");
                break;
        }
    }

    public static IEnumerable<NodeId> Below(Dictionary<NodeId, Entry> tree, NodeId folder)
    {
        foreach (var child in tree.Values.Where(entry => entry.Parent == folder).Select(static entry => entry.Id).ToList())
        {
            yield return child;
            foreach (var below in Below(tree, child))
                yield return below;
        }
    }

    /// <summary>All three trees with ids, in the language of <see cref="Read"/>.</summary>
    public string Describe() => string.Join("\n      ", new[] { ("S", S), ("L", L), ("R", R) }.Select(static tree =>
        tree.Item1 + " " + string.Join(' ', tree.Item2.Values.OrderBy(entry => PathOf(tree.Item2, entry.Id), StringComparer.Ordinal)
            .Select(entry => $"{entry.Id.ToString()[..8].TrimStart('0')}:{PathOf(tree.Item2, entry.Id).Replace(Copy, "{cc}", StringComparison.Ordinal)}{Suffix(entry)}"))));

    /// <summary>The tree as sorted lines of path and content.</summary>
    public static string Show(Dictionary<NodeId, Entry> tree) =>
        string.Join(' ', tree.Values.Select(entry => (PathOf(tree, entry.Id) + Suffix(entry)).Replace(Copy, "{cc}", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

    public static string PathOf(Dictionary<NodeId, Entry> tree, NodeId id)
    {
        if (!tree.TryGetValue(id, out var entry))
            return "!";
        return entry.Parent == Root || entry.Parent == id ? entry.Name : $"{PathOf(tree, entry.Parent)}/{entry.Name}";
    }

    static string Suffix(Entry entry) => entry.Kind switch
    {
        NodeKind.Folder => "/",
        NodeKind.Symlink => "->" + entry.Target,
        _ => entry.Content is { } content ? "=" + Words.GetValueOrDefault(content, "?") : "=unknown",
    };

    public static Dictionary<Digest, string> Words { get; } = Enumerable.Range(0, 26).Select(static i => ((char)('a' + i)).ToString())
        .Concat(Enumerable.Range(0, 400).Select(static i => $"w{i}"))
        .ToDictionary(static word => Digest.Of(System.Text.Encoding.UTF8.GetBytes(word)));

    public static Digest ContentOf(string word) => Digest.Of(System.Text.Encoding.UTF8.GetBytes(word));

    /// <summary>Reads a tree from lines like <c>1:d/ 2:d/f=a 3:l->x</c>; <c>?</c> after a name: unreadable, <c>~</c>: ignored, <c>!</c>: read only, <c>+</c>: has leftovers, <c>*</c>: executable, <c>@</c>: other time.</summary>
    public static Dictionary<NodeId, Entry> Read(string text)
    {
        Dictionary<NodeId, Entry> tree = [];
        Dictionary<string, NodeId> paths = new() { [""] = Root };
        foreach (var part in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var word = part.Replace("{cc}", Copy, StringComparison.Ordinal);
            var colon = word.IndexOf(':', StringComparison.Ordinal);
            var id = IdOf(int.Parse(word[..colon]));
            var rest = word[(colon + 1)..];
            var flags = "";
            while (rest.Length > 0 && "?~!+*@".Contains(rest[^1], StringComparison.Ordinal))
                (flags, rest) = (flags + rest[^1], rest[..^1]);
            string path;
            var kind = NodeKind.Folder;
            Digest? content = null;
            string? target = null;
            if (rest.IndexOf("->", StringComparison.Ordinal) is > 0 and var arrow)
                (path, kind, target) = (rest[..arrow], NodeKind.Symlink, rest[(arrow + 2)..]);
            else if (rest.IndexOf('=', StringComparison.Ordinal) is > 0 and var equals)
                (path, kind, content) = (rest[..equals], NodeKind.File, ContentOf(rest[(equals + 1)..]));
            else
                path = rest.TrimEnd('/');
            var slash = path.LastIndexOf('/');
            tree[id] = new Entry(id, paths[slash < 0 ? "" : path[..slash]], kind)
            {
                Name = path[(slash + 1)..],
                Content = content,
                Target = target,
                Size = kind == NodeKind.File ? 1 : 0,
                Status = flags.Contains('?', StringComparison.Ordinal) ? EntryStatus.Unreadable : flags.Contains('~', StringComparison.Ordinal) ? EntryStatus.Ignored : EntryStatus.Known,
                Permits = flags.Contains('!', StringComparison.Ordinal) ? Permits.None : Permits.All,
                HasLeftovers = flags.Contains('+', StringComparison.Ordinal),
                Executable = flags.Contains('*', StringComparison.Ordinal),
                Modified = flags.Contains('@', StringComparison.Ordinal) ? 2_000_000 : 1_000_000,
            };
            paths[path] = id;
        }
        return tree;
    }

    public static SymbolicWorld From(string synced, string local, string remote)
    {
        var world = new SymbolicWorld();
        foreach (var (tree, text) in new[] { (world.S, synced), (world.L, local), (world.R, remote) })
            foreach (var (id, entry) in Read(text))
                tree[id] = entry;
        foreach (var (id, entry) in world.S)
            if (!world.R.ContainsKey(id))
                world.ServerTrash[id] = entry;
        return world;
    }
}
