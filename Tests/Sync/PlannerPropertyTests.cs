using CsCheck;
using FileClient.Sync.Core;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace Tests.Sync;

/// <summary>The planner against random pairs of changes. PLANNER_CASES sets how many (2,000 in the normal run).</summary>
public sealed class PlannerPropertyTests
{
    static readonly int Cases = int.TryParse(Environment.GetEnvironmentVariable("PLANNER_CASES"), out var cases) ? cases : 2000;
    static readonly string[] Names = ["a", "b", "c", "A", "x.txt", "a (conflicted copy bob 2026-11-22 120000)"];

    // A seed for the starting tree and one for the changes of each side; shrinking makes the numbers of changes smaller.
    static readonly Gen<(int Seed, int Start, int Local, int Remote)> Worlds =
        Gen.Select(Gen.Int[0, int.MaxValue], Gen.Int[0, 14], Gen.Int[0, 8], Gen.Int[0, 8]);

    [Fact]
    public void The_trees_converge_and_no_content_is_lost() => Worlds.Sample(
        static world => Explained(world, () =>
        {
            var symbolic = Make(world);
            var before = Contents(symbolic.L).Concat(Contents(symbolic.R)).ToHashSet();
            var rounds = symbolic.Converge();
            var after = Contents(symbolic.L).Concat(Contents(symbolic.R)).Concat(Contents(symbolic.LocalTrash)).Concat(Contents(symbolic.ServerTrash))
                .Concat(symbolic.ServerVersions).ToHashSet();
            Assert.Subset(after, before);
            AssertEqualTrees(symbolic);
            Assert.True(rounds <= 6, $"It took {rounds} rounds.");
        }),
        iter: Cases, threads: 1);

    [Fact]
    public void If_only_one_side_changed_both_end_as_that_side() => Worlds.Sample(
        static world => Explained(world, () =>
        {
            foreach (var (local, remote) in new[] { (world.Local, 0), (0, world.Remote) })
            {
                var symbolic = Make((world.Seed, world.Start, local, remote));
                var wanted = SymbolicWorld.Show(local > 0 ? symbolic.L : symbolic.R);
                if (HasCaseClash(symbolic.L))
                    continue;
                symbolic.Converge();
                Assert.Equal(wanted, SymbolicWorld.Show(symbolic.L));
                AssertEqualTrees(symbolic);
            }
        }),
        iter: Cases, threads: 1);

    [Fact]
    public void The_same_trees_give_the_same_plan() => Worlds.Sample(
        static world => Explained(world, () =>
        {
            var one = Make(world).Plan();
            var two = Make(world).Plan();
            Assert.Equal(Text(one), Text(two));
        }),
        iter: Cases / 4, threads: 1);

    [Fact]
    public void A_plan_broken_off_anywhere_and_made_again_ends_the_same_way() => Worlds.Sample(
        static world => Explained(world, () =>
        {
            var whole = Make(world);
            whole.Converge();
            var broken = Make(world);
            var random = new Random(world.Seed);
            for (var round = 0; ; round++)
            {
                Assert.True(round < 60, "The trees do not come to rest.");
                var plan = broken.Plan();
                broken.Remember(plan);
                if (plan.IsQuiet)
                    break;
                if (random.Next(2) == 0)
                    broken.ApplyRemote(plan.Remote);
                var steps = random.Next(plan.Local.Count + 1);
                foreach (var step in plan.Local)
                {
                    // What is parked has an intent: it is placed before anything else is planned.
                    if (steps-- <= 0 && !broken.L.Values.Any(static entry => entry.Parent == entry.Id))
                        break;
                    broken.ApplyLocal(step);
                }
                broken.Agree();
            }
            AssertEqualTrees(broken);
            if (whole.Plan().Problems.Count == 0 && broken.Plan().Problems.Count == 0)
                Assert.Equal(Contents(whole.L).Distinct().Order(), Contents(broken.L).Distinct().Order());
        }),
        iter: Cases, threads: 1);

    // A failure shows the three trees that led to it, ready to become a row of the table.
    static void Explained((int Seed, int Start, int Local, int Remote) world, Action check)
    {
        try
        {
            check();
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{e.Message}\n      {Make(world).Describe()}", e);
        }
    }

    static string Text(Plan plan) =>
        string.Join('\n', plan.Rebindings.Select(static r => r.ToString()).Concat(plan.Local.Concat(plan.Remote).Select(static s => $"{s.Kind} {s.Goal}")));

    static bool HasCaseClash(Dictionary<NodeId, Entry> tree) => tree.Values.GroupBy(static entry => (entry.Parent, entry.Key)).Any(static group => group.Count() > 1);

    static void AssertEqualTrees(SymbolicWorld world)
    {
        var blocked = world.Plan().Problems.Select(static problem => problem.Id).ToHashSet();
        if (blocked.Count > 0)
            return;
        Assert.Equal(SymbolicWorld.Show(world.R), SymbolicWorld.Show(world.L));
        Assert.Equal(SymbolicWorld.Show(world.R), SymbolicWorld.Show(world.S));
        Assert.Equal(world.R.Keys.Order(ById), world.L.Keys.Order(ById));
    }

    static readonly Comparer<NodeId> ById = Comparer<NodeId>.Create(static (a, b) => a.Value.CompareTo(b.Value));

    static IEnumerable<Digest> Contents(Dictionary<NodeId, Entry> tree) => tree.Values.Where(static entry => entry.Content is not null).Select(static entry => entry.Content!.Value);

    static SymbolicWorld Make((int Seed, int Start, int Local, int Remote) shape)
    {
        var world = new SymbolicWorld();
        var random = new Random(shape.Seed);
        var next = 1;
        for (var i = 0; i < shape.Start; i++)
            Change(world.S, random, ref next, uniqueKeys: true);
        foreach (var (id, entry) in world.S)
            (world.L[id], world.R[id]) = (entry, entry);
        next = 100;
        for (var i = 0; i < shape.Local; i++)
            Change(world.L, random, ref next, uniqueKeys: false);
        next = 200;
        for (var i = 0; i < shape.Remote; i++)
            Change(world.R, random, ref next, uniqueKeys: true);
        world.ServerVersions.UnionWith(Contents(world.S));
        foreach (var (id, entry) in world.S)
            if (!world.R.ContainsKey(id))
                world.ServerTrash[id] = entry;
        return world;
    }

    static void Change(Dictionary<NodeId, Entry> tree, Random random, ref int next, bool uniqueKeys)
    {
        var folders = tree.Values.Where(static entry => entry.Kind == NodeKind.Folder).Select(static entry => entry.Id).Prepend(SymbolicWorld.Root).ToList();
        var parent = folders[random.Next(folders.Count)];
        var name = Names[random.Next(Names.Length)];
        var taken = tree.Values.Any(entry => entry.Parent == parent && (entry.Name == name || (uniqueKeys && entry.Key == NameRules.FoldKey(name))));
        var some = tree.Count == 0 ? null : tree.Values.ElementAt(random.Next(tree.Count));
        switch (random.Next(10))
        {
            case < 3 when !taken:
                var folder = random.Next(3) == 0;
                var id = SymbolicWorld.IdOf(next++);
                tree[id] = new Entry(id, parent, folder ? NodeKind.Folder : NodeKind.File) { Name = name, Content = folder ? null : SymbolicWorld.ContentOf($"w{random.Next(400)}") };
                break;
            case < 5 when some is { Kind: NodeKind.File }:
                tree[some.Id] = some with { Content = SymbolicWorld.ContentOf($"w{random.Next(400)}"), Modified = random.Next(3) };
                break;
            case < 8 when some is not null && !taken && parent != some.Id && !SymbolicWorld.Below(tree, some.Id).Contains(parent):
                tree[some.Id] = some with { Parent = parent, Name = name };
                break;
            case 8 when some is not null:
                foreach (var below in SymbolicWorld.Below(tree, some.Id).ToList())
                    tree.Remove(below);
                tree.Remove(some.Id);
                break;
            case 9 when tree.Values.FirstOrDefault(entry => some is not null && entry.Parent == some.Parent && entry.Id != some.Id) is { } other:
                (tree[some!.Id], tree[other.Id]) = (some with { Name = other.Name }, other with { Name = some.Name });
                break;
        }
    }
}
