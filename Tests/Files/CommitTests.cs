using FileServer.Database;
using FileServer.Files;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Tests.Support;
using static Tests.Files.CommitDesk;

namespace Tests.Files;

/// <summary>What a changeset means: all or nothing, judged by its outcome, answered the same however often it is sent.</summary>
public sealed class CommitTests(World world) : IClassFixture<World>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_changeset_becomes_the_next_revision_with_all_its_rows()
    {
        var desk = await OpenAsync(world);
        var (folder, file) = (NodeId.New(), NodeId.New());
        var result = await desk.RunAsync(Folder(folder, desk.Root, "Reports"), Put(file, folder, "a.txt", "one"));
        Assert.Equal(desk.Space.Revision + 1, result.Revision);
        Assert.Equal([0, 1], result.Results.Select(made => made.Version));
        var row = await desk.RowAsync(file);
        Assert.Equal((3, 1, result.Revision, folder), (row.Size, row.Version, row.ChangedRevision, row.ParentId));
        Assert.Equal(Digest.Of("one"u8), row.Sha256);
        Assert.Equal(3, await desk.CountAsync("select used_bytes from spaces where id = @space"));
        Assert.Equal(1, await desk.CountAsync("select count(*) from chunks where space_id = @space"));
        Assert.Equal(1, await desk.CountAsync("select count(*) from versions where space_id = @space and number = 1 and origin = 0"));
        Assert.Equal(0, await desk.CountAsync("select count(*) from node_history where space_id = @space"));
    }

    [Fact]
    public async Task Sending_it_again_gives_the_same_answer_and_changes_nothing()
    {
        var desk = await OpenAsync(world);
        var file = await desk.FileAsync("a.txt", text: "one");
        var changeset = new Changeset(ChangesetId.New(), [Put(file, null, null, "two", 1), Folder(NodeId.New(), desk.Root, "New")]);
        var first = await desk.RunAsync(desk.Manager, changeset);
        await desk.RunAsync(Put(file, null, null, "three", 2));
        var second = await desk.RunAsync(desk.Manager, changeset);
        Assert.Equal(first.Revision, second.Revision);
        Assert.Equal(first.Results, second.Results);
        Assert.Equal(3, (await desk.RowAsync(file)).Version);
    }

    [Fact]
    public async Task A_connection_that_is_lost_leaves_nothing_and_the_same_changeset_can_be_sent_again()
    {
        var desk = await OpenAsync(world);
        var changeset = new Changeset(ChangesetId.New(), [Folder(NodeId.New(), desk.Root, "A")]);
        await using var owner = new Npgsql.NpgsqlConnection(world.ConnectionString);
        await owner.OpenAsync(Cancelled);
        Task<ChangesetResult> running;
        await using (var blocker = await owner.BeginTransactionAsync(Cancelled))
        {
            await owner.ExecuteAsync("select from spaces where id = @space for update", new { space = desk.Space.Id }, Cancelled);
            running = desk.RunAsync(desk.Manager, changeset);
            // Until the changeset waits for the space's lock, and then its connection is gone.
            const string kill = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
            while (await owner.QuerySingleAsync<long>(kill, null, Cancelled) == 0)
                await Task.Yield();
        }
        Assert.Equal(RefusalKind.Unavailable, (await Assert.ThrowsAsync<Refusal>(() => running)).Kind);
        Assert.Equal(desk.Space.Revision + 1, (await desk.RunAsync(desk.Manager, changeset)).Revision);
    }

    [Fact]
    public async Task An_id_that_comes_back_for_something_else_is_refused()
    {
        var desk = await OpenAsync(world);
        var id = ChangesetId.New();
        await desk.RunAsync(desk.Manager, new Changeset(id, [Folder(NodeId.New(), desk.Root, "One")]));
        var refusal = await Assert.ThrowsAsync<Refusal>(() => desk.RunAsync(desk.Manager, new Changeset(id, [Folder(NodeId.New(), desk.Root, "Two")])));
        Assert.Equal(RefusalKind.IdReused, refusal.Kind);
    }

    [Fact]
    public async Task One_operation_that_conflicts_leaves_nothing_and_every_one_is_named()
    {
        var desk = await OpenAsync(world);
        var taken = await desk.FolderAsync("Taken");
        var file = await desk.FileAsync("a.txt");
        var before = await desk.CountAsync("select revision from spaces where id = @space");
        var conflicts = await desk.ConflictsAsync(
            desk.Manager,
            Folder(NodeId.New(), desk.Root, "Fine"), Folder(NodeId.New(), desk.Root, "TAKEN"), Put(file, null, null, "new", 7), Delete(NodeId.New()));
        Assert.Equal([(1, "name-taken"), (2, "version-conflict"), (3, "not-found")], conflicts.Select(conflict => (conflict.Index, conflict.Code)));
        Assert.Equal(taken, conflicts[0].Node!.Id);
        Assert.Equal(1, conflicts[1].Node!.Version);
        Assert.Equal(before, await desk.CountAsync("select revision from spaces where id = @space"));
        Assert.Equal(3, await desk.CountAsync("select count(*) from nodes where space_id = @space"));
    }

    [Fact]
    public async Task Names_may_be_swapped_and_rotated()
    {
        var desk = await OpenAsync(world);
        var (a, b, c) = (await desk.FileAsync("a"), await desk.FileAsync("b"), await desk.FileAsync("c"));
        await desk.RunAsync(Move(a, desk.Root, "b"), Move(b, desk.Root, "a"));
        Assert.Equal(("b", "a"), ((await desk.RowAsync(a)).Name, (await desk.RowAsync(b)).Name));
        await desk.RunAsync(Move(a, desk.Root, "c"), Move(c, desk.Root, "a"), Move(b, desk.Root, "b"));
        Assert.Equal(("c", "b", "a"), ((await desk.RowAsync(a)).Name, (await desk.RowAsync(b)).Name, (await desk.RowAsync(c)).Name));
    }

    [Fact]
    public async Task A_hierarchy_may_be_turned_upside_down()
    {
        var desk = await OpenAsync(world);
        var a = await desk.FolderAsync("A");
        var b = await desk.FolderAsync("B", a);
        await desk.RunAsync(Move(a, b, "A"), Move(b, desk.Root, "A"));
        Assert.Equal((b, desk.Root), ((await desk.RowAsync(a)).ParentId, (await desk.RowAsync(b)).ParentId));
    }

    [Fact]
    public async Task A_folder_below_itself_is_a_cycle()
    {
        var desk = await OpenAsync(world);
        var a = await desk.FolderAsync("A");
        var b = await desk.FolderAsync("B", a);
        Assert.Equal("cycle", (await desk.ConflictAsync(Move(a, b, "A"))).Code);
    }

    [Fact]
    public async Task A_name_that_is_given_up_in_the_same_changeset_is_free()
    {
        var desk = await OpenAsync(world);
        var old = await desk.FileAsync("a");
        var folder = NodeId.New();
        await desk.RunAsync(Delete(old), Folder(folder, desk.Root, "a"));
        Assert.Equal((NodeLife.Trashed, NodeLife.Live), ((await desk.RowAsync(old)).State, (await desk.RowAsync(folder)).State));
    }

    [Theory]
    [InlineData("..", "invalid-name")]
    [InlineData("a/b", "invalid-name")]
    public async Task A_name_that_no_node_may_have_conflicts(string name, string code)
    {
        var desk = await OpenAsync(world);
        Assert.Equal(code, (await desk.ConflictAsync(Folder(NodeId.New(), desk.Root, name))).Code);
    }

    [Fact]
    public async Task Parents_must_be_live_folders()
    {
        var desk = await OpenAsync(world);
        var file = await desk.FileAsync("file");
        var gone = await desk.FolderAsync("gone");
        var below = await desk.FolderAsync("below", gone);
        await desk.RunAsync(Delete(gone));
        Assert.Equal("parent-not-folder", (await desk.ConflictAsync(Folder(NodeId.New(), file, "x"))).Code);
        Assert.Equal("parent-not-found", (await desk.ConflictAsync(Folder(NodeId.New(), gone, "x"))).Code);
        Assert.Equal("parent-not-found", (await desk.ConflictAsync(Folder(NodeId.New(), below, "x"))).Code);
        Assert.Equal("parent-not-found", (await desk.ConflictAsync(Folder(NodeId.New(), NodeId.New(), "x"))).Code);
        Assert.Equal("not-found", (await desk.ConflictAsync(Delete(below))).Code);
    }

    [Fact]
    public async Task An_id_is_used_once()
    {
        var desk = await OpenAsync(world);
        var folder = await desk.FolderAsync("A");
        Assert.Equal("id-taken", (await desk.ConflictAsync(Folder(folder, desk.Root, "B"))).Code);
        Assert.Equal("id-taken", (await desk.ConflictAsync(Put(folder, desk.Root, "A", "text", 0))).Code);
    }

    [Fact]
    public async Task A_tree_has_no_more_than_64_levels()
    {
        var desk = await OpenAsync(world);
        var ids = Enumerable.Range(0, 64).Select(_ => NodeId.New()).ToArray();
        await desk.RunAsync([.. ids.Select((id, i) => Folder(id, i == 0 ? desk.Root : ids[i - 1], $"f{i}"))]);
        Assert.Equal("too-deep", (await desk.ConflictAsync(Folder(NodeId.New(), ids[^1], "one more"))).Code);
        var top = await desk.FolderAsync("top");
        Assert.Equal("too-deep", (await desk.ConflictAsync(Move(ids[0], top, "f0"))).Code);
    }

    [Fact]
    public async Task A_folder_goes_with_everything_below_by_one_row_and_comes_back_so()
    {
        var desk = await OpenAsync(world);
        var folder = await desk.FolderAsync("A");
        var file = await desk.FileAsync("a.txt", folder);
        var deleted = await desk.RunAsync(Delete(folder));
        Assert.Equal(1, await desk.CountAsync("select count(*) from nodes where space_id = @space and changed_revision = @revision", new { space = desk.Space.Id, revision = deleted.Revision }));
        Assert.Equal("not-found", (await desk.ConflictAsync(Move(folder, desk.Root, "B"))).Code);
        var restored = await desk.RunAsync(Restore(folder));
        Assert.Equal("not-trashed", (await desk.ConflictAsync(Restore(folder))).Code);
        Assert.Equal(1, await desk.CountAsync(
            "select count(*) from subtree_resets where space_id = @space and revision = @revision and node_id = @folder and reason = 2",
            new { space = desk.Space.Id, revision = restored.Revision, folder }));
        Assert.Equal(2, await desk.CountAsync("select count(*) from node_history where space_id = @space and node_id = @folder", new { space = desk.Space.Id, folder }));
        Assert.NotNull(await desk.RowAsync(file));
    }

    [Fact]
    public async Task A_folder_is_not_deleted_when_something_below_changed_later()
    {
        var desk = await OpenAsync(world);
        var folder = await desk.FolderAsync("A");
        var inner = await desk.FolderAsync("B", folder);
        var file = await desk.FileAsync("a.txt", inner);
        var seen = (await desk.RunAsync(Put(file, null, null, "mine", 1))).Revision;
        await desk.RunAsync(Put(file, null, null, "theirs", 2));
        Assert.Equal("revision-conflict", (await desk.ConflictAsync(Delete(folder, seen))).Code);
        // What the changeset itself takes away does not count.
        await desk.RunAsync(Move(file, desk.Root, "a.txt"), Delete(folder, seen));
        Assert.Equal(NodeLife.Trashed, (await desk.RowAsync(folder)).State);
    }

    [Fact]
    public async Task A_file_that_changed_later_is_neither_moved_nor_deleted_by_who_did_not_see_it()
    {
        var desk = await OpenAsync(world);
        var file = await desk.FileAsync("a");
        var seen = (await desk.RowAsync(file)).ChangedRevision;
        await desk.RunAsync(Move(file, desk.Root, "b"));
        Assert.Equal("revision-conflict", (await desk.ConflictAsync(Move(file, desk.Root, "c", seen))).Code);
        Assert.Equal("revision-conflict", (await desk.ConflictAsync(Delete(file, seen))).Code);
    }

    [Fact]
    public async Task An_edit_brings_a_deleted_file_back()
    {
        var desk = await OpenAsync(world);
        var file = await desk.FileAsync("a", text: "one");
        await desk.RunAsync(Delete(file));
        await desk.RunAsync(Put(file, desk.Root, "a", "two", 1));
        var row = await desk.RowAsync(file);
        Assert.Equal((NodeLife.Live, 2), (row.State, row.Version));
    }

    [Fact]
    public async Task Equal_content_is_never_a_conflict_and_never_a_version()
    {
        var desk = await OpenAsync(world);
        var file = await desk.FileAsync("a", text: "one");
        var revision = (await desk.RowAsync(file)).ChangedRevision;
        var result = await desk.RunAsync(Put(file, desk.Root, "a", "one", 0));
        Assert.Equal((1, revision), (result.Results[0].Version, result.Revision));
    }

    [Fact]
    public async Task A_quota_is_not_exceeded_by_parallel_puts()
    {
        var desk = await OpenAsync(world, quota: 100);
        var text = new string('x', 10);
        var puts = Enumerable.Range(0, 20).Select(async i =>
        {
            try
            {
                await desk.RunAsync(Put(NodeId.New(), desk.Root, $"f{i}", $"{i:00}{text[2..]}"));
                return 1;
            }
            catch (Refusal refusal) when (refusal.Conflicts?[0].Code == "quota")
            {
                return 0;
            }
        });
        Assert.Equal(10, (await Task.WhenAll(puts)).Sum());
        Assert.Equal(100, await desk.CountAsync("select used_bytes from spaces where id = @space"));
    }

    [Fact]
    public async Task Every_operation_leaves_its_row_in_the_audit_log()
    {
        var desk = await OpenAsync(world);
        var (folder, file, copy) = (NodeId.New(), NodeId.New(), NodeId.New());
        await desk.RunAsync(Folder(folder, desk.Root, "A"), Put(file, folder, "a.txt", "one"));
        await desk.RunAsync(Put(file, null, null, "two", 1));
        await desk.RunAsync(
            new Operation { Op = OperationKind.RestoreVersion, NodeId = file, Version = 1 },
            new Operation { Op = OperationKind.Copy, NodeId = copy, SourceId = file, ParentId = desk.Root, Name = "copy.txt" },
            new Operation { Op = OperationKind.CreateSymlink, NodeId = NodeId.New(), ParentId = folder, Name = "link", Target = "../copy.txt" });
        await desk.RunAsync(new Operation { Op = OperationKind.SetMetadata, NodeId = file, Executable = true });
        await desk.RunAsync(Move(folder, desk.Root, "B"));
        await desk.RunAsync(Delete(folder));
        await desk.RunAsync(Restore(folder));
        var rows = await world.Database.QueryAsync<string>(
            "select action || ' ' || subject from audit_events where space_id = @space and id > (select min(id) from audit_events where space_id = @space) order by id",
            new { space = desk.Space.Id },
            Cancelled);
        Assert.Equal(
            [
                "folder.create /A", "file.put /A/a.txt", "file.put /A/a.txt", "version.restore /A/a.txt", "file.copy /copy.txt", "symlink.create /A/link",
                "node.metadata /A/a.txt", "node.move /B", "node.delete /B", "node.restore /B",
            ],
            rows);
        Assert.Equal([1, 2, 3], await world.Database.QueryAsync<int>("select number from versions where node_id = @file order by number", new { file }, Cancelled));
        Assert.Equal((await desk.RowAsync(file)).ContentId, (await desk.RowAsync(copy)).ContentId);
    }

    /// <summary>T118: revisions are strictly ordered and no update is lost.</summary>
    [Fact]
    public async Task Forty_committers_on_one_space_lose_nothing()
    {
        var desk = await OpenAsync(world);
        var shared = await desk.FileAsync("shared");
        var committers = Enumerable.Range(0, 40).Select(async who =>
        {
            var won = 0;
            var revisions = new List<long>();
            for (var i = 0; i < 5; i++)
            {
                var version = (await desk.RowAsync(shared)).Version;
                try
                {
                    var result = await desk.RunAsync(Put(shared, null, null, $"{who} {i}", version), Folder(NodeId.New(), desk.Root, $"{who} {i}"));
                    revisions.Add(result.Revision);
                    won++;
                }
                catch (Refusal refusal) when (refusal.Conflicts?[0].Code == "version-conflict")
                {
                }
            }
            return (won, revisions);
        });
        var done = await Task.WhenAll(committers);
        var revisions = done.SelectMany(one => one.revisions).ToArray();
        Assert.Equal(revisions.Length, revisions.Distinct().Count());
        Assert.All(done, one => Assert.Equal(one.revisions.Order(), one.revisions));
        Assert.Equal(1 + done.Sum(one => one.won), (await desk.RowAsync(shared)).Version);
        Assert.Equal(revisions.Length + 1L, await desk.CountAsync("select count(*) from changesets where space_id = @space"));
        Assert.Equal((await desk.RowAsync(shared)).Version, await desk.CountAsync("select count(*) from versions where space_id = @space"));
    }
}
