using System.Text.Json;
using FileServer.Access;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Tests.Files;
using Tests.Support;
using static Tests.Files.CommitDesk;

namespace Tests.Access;

/// <summary>Grants and inheritance: what changes, who hears of it, and what is never given away.</summary>
public sealed class GrantsTests(World world) : IClassFixture<World>
{
    const string Canary = "canary-7f3a";

    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    static Task<Grant> GiveAsync(CommitDesk desk, Caller to, NodeId node, string role, DateTimeOffset? expires = null) =>
        desk.Grants.GiveAsync(desk.Manager, desk.Space.Id, node, new GrantRequest($"user:{to.Name}", role, expires), Cancelled);

    async Task<Rights?> RightsAsync(CommitDesk desk, Caller caller, NodeId node)
    {
        await using var connection = await world.Database.OpenConnectionAsync(Cancelled);
        return (await desk.Access.OnNodeAsync(connection, caller, desk.Space.Id, node, Cancelled))?.Rights;
    }

    [Fact]
    public async Task A_grant_deep_inside_opens_that_node_and_nothing_else()
    {
        var desk = await OpenAsync(world);
        var ann = await desk.PersonAsync("ann");
        var outer = await desk.FolderAsync("outer");
        var inner = await desk.FolderAsync("inner", outer);
        var file = await desk.FileAsync("a.txt", inner);
        await GiveAsync(desk, ann, inner, "viewer");
        Assert.Equal(Rights.List | Rights.Read, await RightsAsync(desk, ann, file));
        Assert.Equal(Rights.None, await RightsAsync(desk, ann, outer));
        Assert.Equal(Rights.None, await RightsAsync(desk, ann, desk.Root));
        var refusal = await Assert.ThrowsAsync<Refusal>(() => desk.Access.RequireAsync(world.Database, ann, desk.Space.Id, outer, Rights.List, Cancelled));
        Assert.Equal(RefusalKind.NotFound, refusal.Kind);
        Assert.Equal(RefusalKind.Forbidden, (await Assert.ThrowsAsync<Refusal>(() => desk.Access.RequireAsync(world.Database, ann, desk.Space.Id, file, Rights.Write, Cancelled))).Kind);
        Assert.Equal(2, await desk.CountAsync("select count(*) from audit_events where space_id = @space and action = 'access.refuse' and outcome = 1"));
    }

    [Fact]
    public async Task A_grant_ends_when_it_expires_and_by_being_ended()
    {
        var desk = await OpenAsync(world);
        var ann = await desk.PersonAsync("ann");
        await GiveAsync(desk, ann, desk.Root, "viewer", DateTimeOffset.MaxValue.AddYears(-7000));
        Assert.Equal(Rights.List | Rights.Read, await RightsAsync(desk, ann, desk.Root));
        await desk.Db.ExecuteAsync("update grants set expires_at = now() where principal_id = @ann", new { ann = ann.UserId }, Cancelled);
        Assert.Equal(Rights.None, await RightsAsync(desk, ann, desk.Root));
        var again = await GiveAsync(desk, ann, desk.Root, "editor");
        await desk.Grants.EndAsync(desk.Manager, desk.Space.Id, desk.Root, Guid.Parse(again.Id), Cancelled);
        Assert.Equal(Rights.None, await RightsAsync(desk, ann, desk.Root));
        Assert.Equal(2, await desk.CountAsync("select count(*) from grants where space_id = @space and to_revision is not null and to_at is not null"));
    }

    [Fact]
    public async Task Each_change_is_a_revision_that_announces_the_subtree_and_leaves_an_audit_row()
    {
        var desk = await OpenAsync(world);
        var ann = await desk.PersonAsync("ann");
        var folder = await desk.FolderAsync("A");
        var before = await desk.CountAsync("select revision from spaces where id = @space");
        var grant = await GiveAsync(desk, ann, folder, "viewer");
        await desk.Grants.SetInheritanceAsync(desk.Manager, desk.Space.Id, folder, inherit: false, Cancelled);
        await desk.Grants.EndAsync(desk.Manager, desk.Space.Id, folder, Guid.Parse(grant.Id), Cancelled);
        var resets = await world.Database.QueryAsync<string>(
            "select revision || ' ' || reason || ' ' || (old_access_id = @root) from subtree_resets where space_id = @space order by revision",
            new { space = desk.Space.Id, root = desk.Root },
            Cancelled);
        Assert.Equal([$"{before + 1} 0 true", $"{before + 2} 1 false", $"{before + 3} 1 false"], resets);
        var actions = await world.Database.QueryAsync<string>("select action from audit_events where space_id = @space and node_id = @folder order by id", new { space = desk.Space.Id, folder }, Cancelled);
        Assert.Equal(["folder.create", "grant.create", "inheritance.set", "grant.revoke"], actions);
    }

    [Fact]
    public async Task Nobody_gives_more_than_they_hold_nor_leaves_a_space_without_a_manager()
    {
        var desk = await OpenAsync(world);
        var ann = await desk.PersonAsync("ann");
        await GiveAsync(desk, ann, desk.Root, "editor");
        var refused = await Assert.ThrowsAsync<Refusal>(() => desk.Grants.GiveAsync(ann, desk.Space.Id, desk.Root, new GrantRequest("everyone", "viewer", null), Cancelled));
        Assert.Equal(RefusalKind.Forbidden, refused.Kind);
        var mine = (await desk.Grants.ListAsync(desk.Manager, desk.Space.Id, desk.Root, Cancelled)).Items.First(grant => grant.Role == "manager");
        Assert.Equal(RefusalKind.Unprocessable, (await Assert.ThrowsAsync<Refusal>(() => desk.Grants.EndAsync(desk.Manager, desk.Space.Id, desk.Root, Guid.Parse(mine.Id), Cancelled))).Kind);
        await Assert.ThrowsAsync<Refusal>(() => GiveAsync(desk, desk.Manager, desk.Root, "viewer"));
        Assert.Equal(Rights.All, await RightsAsync(desk, desk.Manager, desk.Root));
    }

    [Fact]
    public async Task A_token_does_no_more_than_its_owner_and_no_more_than_it_is_narrowed_to()
    {
        var desk = await OpenAsync(world);
        var folder = await desk.FolderAsync("A");
        var file = await desk.FileAsync("a.txt", folder);
        var beside = await desk.FileAsync("b.txt");
        var token = desk.Manager with { Scope = new TokenScope(desk.Space.Id, folder, (int)(Rights.List | Rights.Read)) };
        Assert.Equal(Rights.List | Rights.Read, await RightsAsync(desk, token, file));
        Assert.Equal(Rights.None, await RightsAsync(desk, token, beside));
        Assert.Equal(Rights.None, await RightsAsync(desk, desk.Manager with { Scope = new TokenScope(SpaceId.New(), null, null) }, file));
        var writer = desk.Manager with { Scope = new TokenScope(desk.Space.Id, folder, null) };
        Assert.Equal("not-found", Assert.Single(await desk.ConflictsAsync(writer, Delete(beside))).Code);
        await desk.RunAsync(writer, Delete(file));
    }

    [Fact]
    public async Task Names_of_what_is_hidden_never_stand_in_a_conflict()
    {
        var desk = await OpenAsync(world);
        var ann = await desk.PersonAsync("ann");
        await GiveAsync(desk, ann, desk.Root, "editor");
        var hidden = await desk.FolderAsync($"{Canary}-folder");
        var below = await desk.FolderAsync($"{Canary}-below", hidden);
        var file = await desk.FileAsync($"{Canary}.txt", below);
        await desk.Grants.SetInheritanceAsync(desk.Manager, desk.Space.Id, hidden, inherit: false, Cancelled);
        var mine = await desk.FileAsync("mine.txt");
        var conflicts = await desk.ConflictsAsync(
            ann,
            Folder(file, desk.Root, "x"), Folder(NodeId.New(), hidden, "x"), Put(file, null, null, "x", 1), Move(file, desk.Root, "x"), Move(mine, below, "x"),
            Delete(file), Restore(file), new Operation { Op = OperationKind.RestoreVersion, NodeId = file, Version = 1 },
            new Operation { Op = OperationKind.Copy, NodeId = NodeId.New(), SourceId = file, ParentId = desk.Root, Name = "y" },
            Folder(NodeId.New(), desk.Root, $"{Canary}-folder".ToUpperInvariant()));
        Assert.Equal(10, conflicts.Count);
        var text = JsonSerializer.Serialize(new Problem { Conflicts = conflicts }, WireJson.Default.Problem);
        Assert.DoesNotContain(Canary, text, StringComparison.Ordinal);
        // Their codes are those of things that are not there, but for the name: it is taken, whatever has it.
        string[] none = ["id-taken", "parent-not-found", "not-found", "not-found", "parent-not-found", "not-found", "not-found", "not-found", "not-found", "name-taken"];
        Assert.Equal(none, conflicts.Select(conflict => conflict.Code));
    }

    [Fact]
    public async Task Nobody_deletes_what_they_may_not_by_deleting_a_folder_above_it()
    {
        var desk = await OpenAsync(world);
        var ann = await desk.PersonAsync("ann");
        await GiveAsync(desk, ann, desk.Root, "editor");
        var outer = await desk.FolderAsync("outer");
        var closed = await desk.FolderAsync(Canary, outer);
        await desk.Grants.SetInheritanceAsync(desk.Manager, desk.Space.Id, closed, inherit: false, Cancelled);
        Assert.Equal("forbidden", Assert.Single(await desk.ConflictsAsync(ann, Delete(outer))).Code);
        await desk.RunAsync(Delete(outer));
    }

    [Fact]
    public async Task A_move_into_another_scope_changes_who_sees_what_is_below_and_says_so()
    {
        var desk = await OpenAsync(world);
        var ann = await desk.PersonAsync("ann");
        var open = await desk.FolderAsync("open");
        await GiveAsync(desk, ann, open, "viewer");
        var moved = await desk.FolderAsync("moved");
        var deep = await desk.FolderAsync("deep", moved);
        var file = await desk.FileAsync("a.txt", deep);
        var there = await desk.RunAsync(Move(moved, open, "moved"));
        Assert.Equal(Rights.List | Rights.Read, await RightsAsync(desk, ann, file));
        Assert.Equal(open.Value, (await desk.RowAsync(deep)).AccessId);
        await desk.RunAsync(Move(moved, desk.Root, "moved"));
        Assert.Equal(Rights.None, await RightsAsync(desk, ann, file));
        var resets = await world.Database.QueryAsync<Guid>(
            "select old_access_id from subtree_resets where space_id = @space and node_id = @moved and reason = 3 order by revision", new { space = desk.Space.Id, moved }, Cancelled);
        Assert.Equal([desk.Root.Value, open.Value], resets);
        Assert.Equal(there.Revision + 1, await desk.CountAsync("select revision from spaces where id = @space"));
    }

    [Fact]
    public async Task Administrators_manage_spaces_and_see_nothing_in_them()
    {
        var desk = await OpenAsync(world);
        var admin = await PersonAsync(world, $"other-{Guid.CreateVersion7():N}", AccountRole.Admin);
        var spaces = world.Services.GetService(typeof(Spaces)) as Spaces;
        Assert.Equal(desk.Space.Id, (await spaces!.ResolveAsync(admin, desk.Space.Name.ToUpperInvariant(), Cancelled)).Id);
        Assert.Equal(Rights.None, await RightsAsync(desk, admin, desk.Root));
        var stranger = await desk.PersonAsync("stranger");
        await Assert.ThrowsAsync<Refusal>(() => spaces.ResolveAsync(stranger, desk.Space.Id.ToString(), Cancelled));
    }
}
