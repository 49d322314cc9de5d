using System.Net;
using FileServer.Database;
using FileServer.Files;
using FileServer.Files.Brakes;
using FileServer.Files.Holds;
using FileServer.Files.Quotas;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Tests.Support;

namespace Tests.Files;

/// <summary>What forbids: quota, holds and the brake.</summary>
public sealed class RetentionTests(World world) : IClassFixture<World>
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    NodeHolds Holds => world.Services.GetRequiredService<NodeHolds>();

    [Fact]
    public async Task Fifty_uploads_at_once_never_exceed_the_quota()
    {
        const int Size = 2 * 1024 * 1024, Fit = 10;
        var admin = await world.AdminAsync(Ct);
        var space = await world.SpaceAsync("small", "editor", [], Ct);
        await admin.PatchAsync($"/api/v1/spaces/{space.Id}", Json($"{{\"quotaBytes\":{Size * Fit}}}"), Ct);
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(async i =>
        {
            var bytes = new byte[Size];
            new Random(i).NextBytes(bytes);
            using var answer = await admin.PutAsync($"/api/v1/spaces/small/files/{i}.bin", new ByteArrayContent(bytes), Ct);
            return answer.StatusCode;
        }));
        Assert.All(answers, status => Assert.True(status is HttpStatusCode.Created or (HttpStatusCode)507, $"{status}"));
        Assert.Equal(Fit, answers.Count(status => status == HttpStatusCode.Created));
        Assert.Equal((long)Size * Fit, await world.Database.QuerySingleAsync<long>("select used_bytes from spaces where id = @id", new { id = space.Id }, Ct));
        Assert.Equal(0, await world.Database.QuerySingleAsync<long>("select count(*) from quota_reservations where space_id = @id", new { id = space.Id }, Ct));
    }

    [Fact]
    public async Task Room_that_is_reserved_cannot_be_taken_by_others()
    {
        var desk = await CommitDesk.OpenAsync(world, quota: 4 * 1024 * 1024);
        var quotas = world.Services.GetRequiredService<QuotaReservations>();
        var first = await quotas.ReserveAsync(desk.Space, Guid.CreateVersion7(), 3 * 1024 * 1024, Ct);
        var refusal = await Assert.ThrowsAsync<Refusal>(() => quotas.ReserveAsync(desk.Space, Guid.CreateVersion7(), 2 * 1024 * 1024, Ct));
        Assert.Equal(RefusalKind.QuotaExceeded, refusal.Kind);
        Assert.Equal(4 * 1024 * 1024, refusal.Limit);
        await first!.DisposeAsync();
        await using var second = await quotas.ReserveAsync(desk.Space, Guid.CreateVersion7(), 2 * 1024 * 1024, Ct);
        Assert.NotNull(second);
    }

    [Fact]
    public async Task What_is_held_cannot_be_deleted_or_moved_out_and_the_hold_reaches_below()
    {
        var desk = await CommitDesk.OpenAsync(world);
        var top = await desk.FolderAsync("top");
        var folder = await desk.FolderAsync("case", top);
        var file = await desk.FileAsync("evidence.txt", folder);
        var hold = await Holds.PlaceAsync(desk.Manager, desk.Space.Id, folder, new HoldRequest("Case 17"), Ct);
        Assert.Equal(ConflictCode.Held, (await desk.ConflictAsync(CommitDesk.Delete(file))).Code);
        Assert.Equal(ConflictCode.Held, (await desk.ConflictAsync(CommitDesk.Delete(folder))).Code);
        Assert.Equal(ConflictCode.Held, (await desk.ConflictAsync(CommitDesk.Delete(top))).Code);
        Assert.Equal(ConflictCode.Held, (await desk.ConflictAsync(CommitDesk.Move(file, desk.Root, "out.txt"))).Code);
        // Names and new versions are free: what was stays.
        var inside = NodeId.New();
        await desk.RunAsync(CommitDesk.Folder(inside, folder, "inside"), CommitDesk.Move(file, inside, "evidence-1.txt"));
        await desk.RunAsync(CommitDesk.Put(file, null, null, "second", ChangesetSteps.AnyVersion));
        var refusal = await Assert.ThrowsAsync<Refusal>(() => Holds.ReleaseAsync(desk.Manager, desk.Space.Id, folder, Guid.Parse(hold.Id), "over", Ct));
        Assert.Equal(RefusalKind.Forbidden, refusal.Kind);
        await world.Database.ExecuteAsync("insert into hold_releasers (user_id, given_by) values (@user, @user)", new { user = desk.Manager.UserId }, Ct);
        await Holds.ReleaseAsync(desk.Manager, desk.Space.Id, folder, Guid.Parse(hold.Id), "The case is closed", Ct);
        await desk.RunAsync(CommitDesk.Delete(top));
    }

    [Fact]
    public async Task The_database_itself_keeps_what_is_held_from_the_servers_own_role()
    {
        var desk = await CommitDesk.OpenAsync(world);
        var folder = await desk.FolderAsync("kept");
        var file = await desk.FileAsync("a.txt", folder);
        await Holds.PlaceAsync(desk.Manager, desk.Space.Id, folder, new HoldRequest("Ten years", DateTimeOffset.UnixEpoch.AddYears(200)), Ct);
        string[] attempts =
        [
            "delete from versions where space_id = @space and node_id = @file",
            "delete from nodes where space_id = @space and id = @file",
            "update nodes set state = 2 where space_id = @space and id = @file",
            "update nodes set state = 1 where space_id = @space and id = @folder",
            "update nodes set parent_id = @space where space_id = @space and id = @file",
            "update versions set chunk_list = '' where space_id = @space and node_id = @file",
            "delete from holds where space_id = @space",
            "update holds set until = clock_timestamp() where space_id = @space",
            "update holds set node_id = @file where space_id = @space",
            "update spaces set deleted_at = clock_timestamp() where id = @space",
        ];
        foreach (var sql in attempts)
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(() => world.Database.ExecuteAsync(sql, new { space = desk.Space.Id, file, folder }, Ct));
            Assert.True(refused.SqlState == "FSH01", $"{sql}: {refused.Message}");
        }
        Assert.Equal(1, (await desk.RowAsync(file)).Version);
    }

    [Fact]
    public async Task A_retention_is_only_extended_and_several_hold_at_once()
    {
        var desk = await CommitDesk.OpenAsync(world);
        var file = await desk.FileAsync("a.txt");
        var until = DateTimeOffset.UnixEpoch.AddYears(100);
        var retention = await Holds.PlaceAsync(desk.Manager, desk.Space.Id, file, new HoldRequest("Tax", until), Ct);
        await Holds.PlaceAsync(desk.Manager, desk.Space.Id, file, new HoldRequest("Case 18"), Ct);
        await Assert.ThrowsAsync<Refusal>(() => Holds.ExtendAsync(desk.Manager, desk.Space.Id, file, Guid.Parse(retention.Id), until.AddDays(-1), Ct));
        Assert.Equal(until.AddYears(1), (await Holds.ExtendAsync(desk.Manager, desk.Space.Id, file, Guid.Parse(retention.Id), until.AddYears(1), Ct)).Until);
        Assert.Equal(2, (await Holds.OnAsync(desk.Manager, desk.Space.Id, file, Ct)).Items.Count);
    }

    [Fact]
    public async Task Who_rewrites_too_many_files_is_paused_until_a_manager_lifts_it()
    {
        var desk = await CommitDesk.OpenAsync(world);
        var ann = await desk.PersonAsync("ann");
        await desk.Grants.GiveAsync(desk.Manager, desk.Space.Id, desk.Root, new GrantRequest($"user:{ann.Name}", "editor", null), Ct);
        var files = Enumerable.Range(0, 300).Select(_ => NodeId.New()).ToArray();
        await desk.RunAsync([.. files.Select((id, i) => CommitDesk.Put(id, desk.Root, $"{i}.txt", "first"))]);
        // One file, as often as you like.
        for (var i = 0; i < 3; i++)
            await desk.RunAsync(ann, CommitDesk.Put(files[0], null, null, $"again {i}", ChangesetSteps.AnyVersion));
        await desk.RunAsync(ann, [.. files[1..80].Select(id => CommitDesk.Put(id, null, null, "scrambled", ChangesetSteps.AnyVersion))]);
        var refusal = await Assert.ThrowsAsync<Refusal>(() => desk.RunAsync(ann, [.. files[80..130].Select(id => CommitDesk.Delete(id))]));
        Assert.Equal(RefusalKind.Braked, refusal.Kind);
        Assert.Equal(NodeLife.Live, (await desk.RowAsync(files[100])).State);
        refusal = await Assert.ThrowsAsync<Refusal>(() => desk.RunAsync(ann, CommitDesk.Folder(NodeId.New(), desk.Root, "new")));
        Assert.Equal(RefusalKind.Braked, refusal.Kind);
        // Others work on.
        await desk.FolderAsync("managers");
        var pause = await world.Database.QuerySingleAsync<Guid>("select id from brakes where space_id = @space and ended_at is null", new { space = desk.Space.Id }, Ct);
        await world.Services.GetRequiredService<SpaceBrakes>().LiftAsync(desk.Manager, desk.Space.Id, pause, "lifted", Ct);
        await desk.RunAsync(ann, [.. files[80..130].Select(id => CommitDesk.Delete(id))]);
    }

    [Fact]
    public async Task A_manager_may_permit_one_large_deletion_in_advance()
    {
        var desk = await CommitDesk.OpenAsync(world);
        var folder = await desk.FolderAsync("old");
        await desk.RunAsync([.. Enumerable.Range(0, 150).Select(i => CommitDesk.Put(NodeId.New(), folder, $"{i}.txt", "first"))]);
        Assert.Equal(RefusalKind.Braked, (await Assert.ThrowsAsync<Refusal>(() => desk.RunAsync(CommitDesk.Delete(folder)))).Kind);
        await world.Services.GetRequiredService<SpaceBrakes>().AllowAsync(desk.Manager, desk.Space.Id, new BrakePermission(3600), Ct);
        await desk.RunAsync(CommitDesk.Delete(folder));
    }

    static StringContent Json(string text) => new(text, System.Text.Encoding.UTF8, "application/json");
}
