using FileServer.Database;
using FileServer.Http;
using FileServer.Protocol;
using Tests.Support;

namespace Tests.Files;

/// <summary>Changesets that wait at the same time share a transaction, and nobody can tell.</summary>
public sealed class CommitTogetherTests(World world) : IClassFixture<World>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Many_files_that_are_put_at_once_get_a_revision_each_in_fewer_transactions()
    {
        var desk = await CommitDesk.OpenAsync(world);
        var before = (await RevisionsAsync(desk)).Count;
        var results = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => desk.RunAsync(CommitDesk.Put(NodeId.New(), desk.Root, $"f{i}", $"{Guid.CreateVersion7()}"))));
        var revisions = await RevisionsAsync(desk);
        Assert.Equal(100, results.Select(result => result.Revision).Distinct().Count());
        Assert.Equal(before + 100, revisions.Count);
        Assert.Equal(Enumerable.Range(0, revisions.Count).Select(i => revisions[0] + i), revisions);
        Assert.Equal(100, await CountAsync(desk, "select count(*) from nodes where space_id = @space and kind = 1"));
        Assert.Equal(100, await CountAsync(desk, "select count(*) from audit_events where space_id = @space and action = 'file.put'"));
        // The transaction is what an audit row's xid names.
        Assert.InRange(await CountAsync(desk, "select count(distinct xid) from audit_events where space_id = @space and action = 'file.put'"), 1, 60);
    }

    [Fact]
    public async Task Of_many_that_give_one_name_at_once_exactly_one_gets_it_and_the_rest_are_told()
    {
        var desk = await CommitDesk.OpenAsync(world);
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
        {
            try
            {
                await desk.RunAsync(CommitDesk.Put(NodeId.New(), desk.Root, i % 2 == 0 ? "same" : "SAME", $"{Guid.CreateVersion7()}"));
                return null;
            }
            catch (Refusal refusal)
            {
                return refusal.Conflicts![0].Code;
            }
        }));
        Assert.Single(outcomes, outcome => outcome is null);
        Assert.All(outcomes.OfType<string>(), code => Assert.Equal("name-taken", code));
    }

    [Fact]
    public async Task One_that_is_refused_leaves_those_beside_it_alone()
    {
        var desk = await CommitDesk.OpenAsync(world);
        var stranger = await desk.PersonAsync("stranger");
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 40).Select(async i =>
        {
            try
            {
                await desk.RunAsync(i % 4 == 0 ? stranger : desk.Manager, CommitDesk.Put(NodeId.New(), desk.Root, $"f{i}", $"{Guid.CreateVersion7()}"));
                return true;
            }
            catch (Refusal refusal)
            {
                Assert.Equal("parent-not-found", refusal.Conflicts![0].Code);
                return false;
            }
        }));
        Assert.Equal(Enumerable.Range(0, 40).Select(i => i % 4 != 0), outcomes);
        Assert.Equal(30, await CountAsync(desk, "select count(*) from nodes where space_id = @space and kind = 1"));
    }

    [Fact]
    public async Task New_versions_of_different_files_at_once_each_keep_their_history()
    {
        var desk = await CommitDesk.OpenAsync(world);
        var files = Enumerable.Range(0, 10).Select(_ => NodeId.New()).ToArray();
        for (var round = 0; round < 3; round++)
        {
            var now = round;
            await Task.WhenAll(files.Select((file, i) => desk.RunAsync(now == 0
                ? CommitDesk.Put(file, desk.Root, $"f{i}", $"{Guid.CreateVersion7()}")
                : CommitDesk.Put(file, null, null, $"content {i} {now}", now))));
        }
        Assert.Equal(30, await CountAsync(desk, "select count(*) from versions where space_id = @space"));
        Assert.Equal(20, await CountAsync(desk, "select count(*) from node_history h join nodes n on n.space_id = h.space_id and n.id = h.node_id and n.kind = 1 where h.space_id = @space"));
        Assert.Equal(0, await CountAsync(desk, "select count(*) from node_history h where h.space_id = @space and h.from_revision >= h.to_revision"));
    }

    [Fact]
    public async Task The_quota_counts_those_that_go_along()
    {
        var desk = await CommitDesk.OpenAsync(world, quota: 400);
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 50).Select(async i =>
        {
            try
            {
                await desk.RunAsync(CommitDesk.Put(NodeId.New(), desk.Root, $"f{i}", $"{i:0000000000000000000000000000000000000000}"));
                return true;
            }
            catch (Refusal refusal)
            {
                Assert.Equal("quota", refusal.Conflicts![0].Code);
                return false;
            }
        }));
        Assert.Equal(10, outcomes.Count(done => done));
        Assert.Equal(400, await CountAsync(desk, "select used_bytes from spaces where id = @space"));
    }

    static Task<long> CountAsync(CommitDesk desk, string sql) => desk.Db.QuerySingleAsync<long>(sql, new { space = desk.Space.Id }, Cancelled);

    static Task<List<long>> RevisionsAsync(CommitDesk desk) =>
        desk.Db.QueryAsync<long>("select revision from changesets where space_id = @space order by revision", new { space = desk.Space.Id }, Cancelled);
}
