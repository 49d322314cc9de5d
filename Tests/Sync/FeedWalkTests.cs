using System.Net;
using System.Net.Http.Json;
using FileServer.Audit;
using FileServer.Database;
using FileServer.Files;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.DependencyInjection;
using Tests.Support;

namespace Tests.Sync;

/// <summary>Whatever happens in a space: who follows the feed ends with exactly what they may list.</summary>
public sealed class FeedWalkTests(World world) : IClassFixture<World>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task A_follower_ends_with_exactly_the_listing_of_its_user(int seed)
    {
        var walk = await Walk.StartAsync(world, $"walk {seed}", seed, Cancelled);
        var steady = new Follower(walk.Bob, walk.Space.Id, limit: 7);
        var lazy = new Follower(walk.Bob, walk.Space.Id, limit: 1000);
        for (var round = 0; round < 40; round++)
        {
            for (var i = walk.Random.Next(1, 4); i > 0; i--)
                await walk.StepAsync(Cancelled);
            // A writer goes on while pages are fetched.
            await steady.CatchUpAsync(Cancelled, between: () => walk.Random.Next(3) == 0 ? walk.StepAsync(Cancelled) : Task.CompletedTask);
            await steady.CatchUpAsync(Cancelled);
            await walk.CompareAsync(steady, $"seed {seed}, round {round}", Cancelled);
            if (walk.Random.Next(6) == 0)
            {
                await lazy.CatchUpAsync(Cancelled);
                await walk.CompareAsync(lazy, $"seed {seed}, round {round}, lazy", Cancelled);
            }
        }
        var fresh = new Follower(walk.Bob, walk.Space.Id, limit: 13);
        await fresh.CatchUpAsync(Cancelled);
        await walk.CompareAsync(fresh, $"seed {seed}, fresh", Cancelled);
        // Names that only ever stood where he may not look (see Walk) appear in nothing that he was sent.
        Assert.All(["CreateFolder done", "PutFile done", "Move done", "Delete done", "Restore done"], what => Assert.True(walk.Counts.GetValueOrDefault(what) > 0, $"{what} never happened"));
        Assert.DoesNotContain(steady.Raw.Concat(lazy.Raw), text => text.Contains("canary", StringComparison.Ordinal));
    }

    /// <summary>A space in which Ann does what she likes, and Bob sees a changing part of it.</summary>
    sealed class Walk(World world, HttpClient ann, Caller author, HttpClient bob, Space space, NodeId vault, int seed)
    {
        readonly List<string> done = [];
        int names;

        public Random Random { get; } = new(seed);

        public SortedDictionary<string, int> Counts { get; } = [];

        public HttpClient Bob => bob;

        public Space Space => space;

        public static async Task<Walk> StartAsync(World world, string name, int seed, CancellationToken ct)
        {
            var space = await world.SpaceAsync(name, "manager", ["ann"], ct);
            var bob = await world.SignedInAsync("bob", ct);
            var admin = await world.AdminAsync(ct);
            await admin.PostAsJsonAsync("/api/v1/admin/groups", new GroupRequest($"staff {seed}"), WireJson.Default.GroupRequest, ct);
            var (ann, vault) = (await world.SignedInAsync("ann", ct), NodeId.New());
            var walk = new Walk(world, ann, await AuthorAsync(world, "ann", ct), bob, space, vault, seed);
            await walk.CommitAsync(new Operation { Op = OperationKind.CreateFolder, NodeId = vault, ParentId = space.Id.Root, Name = "vault" }, ct);
            await ann.PutAsJsonAsync($"/api/v1/spaces/{space.Id}/nodes/{vault}/inheritance", new InheritanceRequest(false), WireJson.Default.InheritanceRequest, ct);
            // Bob sees the root for a start, or nothing but what he is given.
            if (seed % 2 == 0)
                await walk.GrantAsync(space.Id.Root, "user:bob", ct);
            else
                await walk.GrantAsync(await walk.CreateAsync(OperationKind.CreateFolder, space.Id.Root, ct), "user:bob", ct);
            return walk;
        }

        static async Task<Caller> AuthorAsync(World world, string name, CancellationToken ct)
        {
            var id = await world.Database.QuerySingleAsync<UserId>("select id from users where name = @name", new { name }, ct);
            return new Caller(id, name, AccountRole.Member, AuthKind.Session, null, [id.Value], null, null, "walk");
        }

        public async Task StepAsync(CancellationToken ct)
        {
            var nodes = await NodesAsync(ct);
            var folders = nodes.Where(node => node is { Kind: 0, State: 0 }).Select(node => node.Id).ToList();
            var others = nodes.Where(node => node.Id != space.Id.Root && node.Id != vault && node.State == 0).Select(node => node.Id).ToList();
            var trashed = nodes.Where(node => node.State == 1).Select(node => node.Id).ToList();
            var folder = Pick(folders);
            switch (Random.Next(16))
            {
                case 0 or 1 or 2:
                    await CreateAsync(OperationKind.CreateFolder, folder, ct);
                    break;
                case 3 or 4:
                    await CreateAsync(OperationKind.PutFile, folder, ct);
                    break;
                case 5 or 6 or 7 or 8 when others.Count > 0:
                    var moved = Pick(others);
                    // What has been in the vault stays there: its names must never be seen.
                    if (await IsInVaultAsync(moved, ct) == await IsInVaultAsync(folder, ct))
                        await CommitAsync(new Operation { Op = OperationKind.Move, NodeId = moved, ParentId = folder, Name = Name(folder == vault) }, ct);
                    break;
                case 9 when others.Count > 0:
                    await CommitAsync(new Operation { Op = OperationKind.Delete, NodeId = Pick(others) }, ct);
                    break;
                case 10 when trashed.Count > 0:
                    await CommitAsync(new Operation { Op = OperationKind.Restore, NodeId = Pick(trashed) }, ct);
                    break;
                case 11 or 12:
                    if (!await IsInVaultAsync(folder, ct))
                        await GrantAsync(folder, Random.Next(2) == 0 ? "user:bob" : $"group:staff {seed}", ct);
                    break;
                case 13:
                    await RevokeAsync(ct);
                    break;
                case 14:
                    if (folder != space.Id.Root && folder != vault && !await IsInVaultAsync(folder, ct))
                    {
                        var inherit = Random.Next(2) == 0;
                        Note($"inherit {inherit} {folder}", await ann.PutAsJsonAsync(
                            $"/api/v1/spaces/{space.Id}/nodes/{folder}/inheritance", new InheritanceRequest(inherit), WireJson.Default.InheritanceRequest, ct));
                    }
                    break;
                case 15:
                    var admin = await world.AdminAsync(ct);
                    var members = $"/api/v1/admin/groups/staff {seed}/members";
                    Note("member", Random.Next(2) == 0
                        ? await admin.PostAsJsonAsync(members, new GroupMemberRequest("user:bob"), WireJson.Default.GroupMemberRequest, ct)
                        : await admin.DeleteAsync($"{members}/user:bob", ct));
                    break;
            }
        }

        /// <summary>The oracle: ask for every node that there is, one by one.</summary>
        public async Task CompareAsync(Follower follower, string when, CancellationToken ct)
        {
            var expected = new Dictionary<NodeId, Node>();
            foreach (var node in await NodesAsync(ct))
            {
                using var answer = await bob.GetAsync($"/api/v1/spaces/{space.Id}/nodes/{node.Id}", ct);
                if (answer.StatusCode == HttpStatusCode.OK)
                    expected[node.Id] = (await answer.Content.ReadFromJsonAsync(WireJson.Default.Node, ct))!;
            }
            var wrong = expected.Where(pair => !follower.Tree.TryGetValue(pair.Key, out var seen) || Text(seen) != Text(pair.Value))
                .Select(pair => $"expected {Text(pair.Value)} but has {(follower.Tree.TryGetValue(pair.Key, out var seen) ? Text(seen) : "nothing")}")
                .Concat(follower.Tree.Keys.Where(id => !expected.ContainsKey(id)).Select(id => $"has {Text(follower.Tree[id])}, which may not be listed"))
                .ToList();
            if (wrong.Count > 0)
                Assert.Fail($"{when}:\n{string.Join('\n', wrong)}\nafter:\n{string.Join('\n', done.TakeLast(60))}\nlast pages:\n{string.Join('\n', follower.Raw.TakeLast(3))}");
        }

        static string Text(Node node) => $"{node.Id} '{node.Name}' in {node.ParentId} r{node.ChangedRevision} [{string.Join(',', node.Rights)}]";

        async Task<NodeId> CreateAsync(OperationKind kind, NodeId folder, CancellationToken ct)
        {
            var id = NodeId.New();
            await CommitAsync(
                new Operation { Op = kind, NodeId = id, ParentId = folder, Name = Name(await IsInVaultAsync(folder, ct)), Chunks = kind == OperationKind.PutFile ? [] : null }, ct);
            return id;
        }

        string Name(bool secret) => $"{(secret ? "canary" : "n")} {++names}";

        async Task CommitAsync(Operation operation, CancellationToken ct)
        {
            var outcome = "done";
            try
            {
                await world.Services.GetRequiredService<Commit>().RunAsync(author, space.Id, new Changeset(ChangesetId.New(), [operation]), Origin.Rest, null, ct);
            }
            catch (Refusal refused)
            {
                outcome = refused.Conflicts is [var conflict] ? conflict.Code : refused.Kind.Code;
            }
            Counts[$"{operation.Op} {outcome}"] = Counts.GetValueOrDefault($"{operation.Op} {outcome}") + 1;
            done.Add($"{operation.Op} {operation.NodeId} '{operation.Name}' in {operation.ParentId}: {outcome}");
        }

        async Task GrantAsync(NodeId node, string principal, CancellationToken ct) =>
            Note($"grant {principal} on {node}", await ann.PostAsJsonAsync(
                $"/api/v1/spaces/{space.Id}/nodes/{node}/grants", new GrantRequest(principal, Random.Next(3) == 0 ? "editor" : "viewer", null), WireJson.Default.GrantRequest, ct));

        async Task RevokeAsync(CancellationToken ct)
        {
            var grants = await world.Database.QueryAsync<(Guid Node, Guid Id)>(
                """
                select g.node_id, g.id from grants g join access_scopes s on s.space_id = g.space_id and s.node_id = g.node_id
                where g.space_id = @space and g.to_revision is null and g.role <> 4
                """,
                new { space = space.Id },
                ct);
            if (grants.Count > 0 && Pick(grants) is var (node, id))
                Note($"revoke on {node}", await ann.DeleteAsync($"/api/v1/spaces/{space.Id}/nodes/{node}/grants/{id}", ct));
        }

        Task<List<Row>> NodesAsync(CancellationToken ct) => world.Database.QueryAsync<Row>(
            "select id, kind::int as kind, state::int as state from nodes where space_id = @space order by id", new { space = space.Id }, ct);

        Task<bool> IsInVaultAsync(NodeId node, CancellationToken ct) => world.Database.QuerySingleAsync<bool>(
            """
            with recursive up (id, parent_id) as (
                select id, parent_id from nodes where space_id = @space and id = @node
                union all
                select n.id, n.parent_id from up u join nodes n on n.space_id = @space and n.id = u.parent_id
            )
            select exists (select from up where id = @vault)
            """,
            new { space = space.Id, node, vault },
            ct);

        T Pick<T>(List<T> from) => from[Random.Next(from.Count)];

        void Note(string what, HttpResponseMessage answer) => done.Add($"{what}: {(int)answer.StatusCode}");

        sealed record Row(NodeId Id, int Kind, int State);
    }
}
