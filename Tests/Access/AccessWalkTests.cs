using FileServer.Access;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Tests.Files;
using Tests.Support;
using Thing = Tests.Access.NaiveAccess.Thing;

namespace Tests.Access;

/// <summary>T-54: whatever happens to a tree, to its grants and to its inheritance, the check says what the oracle says.</summary>
public sealed class AccessWalkTests(World world) : IClassFixture<World>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(101)]
    [InlineData(2)]
    [InlineData(20261125)]
    public async Task A_random_walk_never_leaves_the_oracle(int seed)
    {
        var walk = await Walk.BeginAsync(world, new Random(seed));
        for (var step = 0; step < 150; step++)
        {
            var what = await walk.StepAsync();
            await walk.CompareAsync($"seed {seed}, step {step}: {what}");
        }
    }

    sealed class Walk(World world, CommitDesk desk, Random random, Caller[] people)
    {
        readonly NaiveAccess model = new();
        int names;

        public static async Task<Walk> BeginAsync(World world, Random random)
        {
            var desk = await CommitDesk.OpenAsync(world);
            var group = Guid.CreateVersion7();
            await world.Database.ExecuteAsync("insert into groups (id, name, name_key) values (@group, @name, @name)", new { group, name = $"g{group:N}" }, Cancelled);
            Caller[] people = [await desk.PersonAsync("ann"), (await desk.PersonAsync("ben")) is var ben ? ben with { Principals = [ben.UserId.Value, group] } : ben, await desk.PersonAsync("eve")];
            var walk = new Walk(world, desk, random, people) { groupName = $"g{group:N}", group = group };
            var root = new Thing(desk.Root, null, folder: true);
            root.Grants[desk.Manager.UserId.Value] = (GrantRole.Manager, Guid.Empty);
            walk.model.Things[desk.Root] = root;
            return walk;
        }

        string groupName = "";
        Guid group;

        Thing Root => model.Things[desk.Root];

        /// <summary>What the manager can act on: others may have become the only managers of a closed folder.</summary>
        Thing[] Live(bool folders) => [.. model.Things.Values.Where(thing => NaiveAccess.IsLive(thing) && (thing.Folder || !folders) && Manages(thing))];

        T Any<T>(IReadOnlyList<T> of) => of[random.Next(of.Count)];

        public Task<string> StepAsync() => random.Next(100) switch
        {
            < 25 => CreateAsync(),
            < 45 => GrantAsync(),
            < 57 => RevokeAsync(),
            < 67 => InheritAsync(),
            < 85 => MoveAsync(),
            < 93 => DeleteAsync(),
            _ => RestoreAsync(),
        };

        async Task<string> CreateAsync()
        {
            var parent = Any(Live(folders: true));
            var thing = new Thing(NodeId.New(), parent, random.Next(3) > 0);
            await desk.RunAsync(thing.Folder ? CommitDesk.Folder(thing.Id, parent.Id, $"n{names++}") : CommitDesk.Put(thing.Id, parent.Id, $"n{names++}", "text"));
            model.Things[thing.Id] = thing;
            return $"create below {parent.Id}";
        }

        async Task<string> GrantAsync()
        {
            var thing = Any(Live(folders: false));
            var (principal, text) = random.Next(5) switch
            {
                0 => (Guid.Empty, "everyone"),
                1 => (group, $"group:{groupName}"),
                _ when Any(people) is var person => (person.UserId.Value, $"user:{person.Name}"),
                _ => throw new InvalidOperationException(),
            };
            var role = Any(Enum.GetValues<GrantRole>());
            try
            {
                var grant = await desk.Grants.GiveAsync(desk.Manager, desk.Space.Id, thing.Id, new GrantRequest(text, role.Word(), null), Cancelled);
                thing.Grants[principal] = (role, Guid.Parse(grant.Id));
            }
            catch (Refusal refusal) when (refusal.Kind == RefusalKind.Unprocessable)
            {
                Assert.True(thing.StopsInheritance && role != GrantRole.Manager, "Only the last manager of a closed folder is kept.");
            }
            return $"grant {role} to {text} on {thing.Id}";
        }

        async Task<string> RevokeAsync()
        {
            var granted = Live(folders: false).SelectMany(thing => thing.Grants.Where(grant => grant.Value.Grant != Guid.Empty).Select(grant => (thing, grant))).ToArray();
            if (granted.Length == 0)
                return "nothing to revoke";
            var (thing, grant) = Any(granted);
            try
            {
                await desk.Grants.EndAsync(desk.Manager, desk.Space.Id, thing.Id, grant.Value.Grant, Cancelled);
                thing.Grants.Remove(grant.Key);
            }
            catch (Refusal refusal) when (refusal.Kind == RefusalKind.Unprocessable)
            {
                Assert.True(thing.StopsInheritance, "Only the last manager of a closed folder is kept.");
            }
            return $"revoke {grant.Key} on {thing.Id}";
        }

        async Task<string> InheritAsync()
        {
            var thing = Any(Live(folders: false));
            if (thing == Root)
                return "the root inherits from nobody";
            var inherit = thing.StopsInheritance;
            await desk.Grants.SetInheritanceAsync(desk.Manager, desk.Space.Id, thing.Id, inherit, Cancelled);
            thing.StopsInheritance = !inherit;
            if (!inherit && !thing.Grants.Values.Any(grant => grant.Role == GrantRole.Manager))
            {
                var list = await desk.Grants.ListAsync(desk.Manager, desk.Space.Id, thing.Id, Cancelled);
                thing.Grants[desk.Manager.UserId.Value] = (GrantRole.Manager, Guid.Parse(list.Items.First(grant => grant.Principal == $"user:{desk.Manager.Name}").Id));
            }
            return $"inherit {inherit} on {thing.Id}";
        }

        async Task<string> MoveAsync()
        {
            var thing = Any(Live(folders: false));
            var target = Any(Live(folders: true));
            if (thing == Root || NaiveAccess.IsBelow(target, thing) || !Manages(thing) || !Manages(target))
                return "no move";
            await desk.RunAsync(CommitDesk.Move(thing.Id, target.Id, $"n{names++}"));
            thing.Parent = target;
            return $"move {thing.Id} to {target.Id}";
        }

        async Task<string> DeleteAsync()
        {
            var thing = Any(Live(folders: false));
            if (thing == Root || model.Things.Values.Any(below => NaiveAccess.IsBelow(below, thing) && NaiveAccess.IsLive(below) && !Manages(below)))
                return "no delete";
            await desk.RunAsync(CommitDesk.Delete(thing.Id));
            thing.Trashed = true;
            return $"delete {thing.Id}";
        }

        async Task<string> RestoreAsync()
        {
            var trashed = model.Things.Values.Where(thing => thing.Trashed && Manages(thing)).ToArray();
            if (trashed.Length == 0)
                return "nothing to restore";
            var thing = Any(trashed);
            var target = NaiveAccess.IsLive(thing.Parent!) && Manages(thing.Parent!) && random.Next(2) == 0 ? thing.Parent! : Root;
            await desk.RunAsync(CommitDesk.Restore(thing.Id, target.Id, $"n{names++}"));
            (thing.Trashed, thing.Parent) = (false, target);
            return $"restore {thing.Id} below {target.Id}";
        }

        bool Manages(Thing thing) => NaiveAccess.RightsOn(thing, AccessCheck.PrincipalsOf(desk.Manager)) == Rights.All;

        public async Task CompareAsync(string after)
        {
            await using var connection = await world.Database.OpenConnectionAsync(Cancelled);
            foreach (var person in people)
            {
                var principals = AccessCheck.PrincipalsOf(person);
                // As listings and the feed ask: by the scope that each row names.
                var scopes = (await connection.QueryAsync<Place>(
                    "select n.id, coalesce(n.access_id, p.access_id) as scope from nodes n left join nodes p on p.space_id = n.space_id and p.id = n.parent_id where n.space_id = @space",
                    new { space = desk.Space.Id },
                    Cancelled)).ToDictionary(row => row.Id, row => row.Scope);
                var sight = await desk.Access.SightAsync(connection, person, desk.Space.Id, Cancelled);
                foreach (var thing in model.Things.Values)
                {
                    var expected = NaiveAccess.RightsOn(thing, principals);
                    Assert.True(expected == sight.On(scopes[thing.Id]), $"{after}: {person.Name} on {thing.Id} by scope: {sight.On(scopes[thing.Id])}, not {expected}");
                }
                Assert.False(sight.SeesEverything && model.Things.Values.Any(thing => !NaiveAccess.RightsOn(thing, principals).HasFlag(Rights.List | Rights.Read)), after);
                // As single requests ask: by the node, which must be live.
                var one = Any(model.Things.Values.ToArray());
                var access = await desk.Access.OnNodeAsync(connection, person, desk.Space.Id, one.Id, Cancelled);
                Assert.True(access?.Rights == (NaiveAccess.IsLive(one) ? NaiveAccess.RightsOn(one, principals) : null), $"{after}: {person.Name} on {one.Id} by node: {access?.Rights}");
            }
        }

        sealed record Place(NodeId Id, Guid Scope);
    }
}
