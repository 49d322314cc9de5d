using FileServer.Files;
using FileServer.Files.Locks;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.DependencyInjection;
using Tests.Support;
using static Tests.Files.CommitDesk;

namespace Tests.Files;

/// <summary>What a lock forbids, to whom, for how long, through every kind of change.</summary>
public sealed class LockTests(World world) : IClassFixture<World>
{
    static readonly LockWish CheckOut = new(Origin.Rest, Deep: true, Reason: "writing it");
    static readonly LockWish WebDav = new(Origin.WebDav, Deep: true, Owner: "<D:href>mailto:bob</D:href>");

    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    NodeLocks Locks => world.Services.GetRequiredService<NodeLocks>();

    async Task<(CommitDesk Desk, Caller Bob)> DeskAsync()
    {
        var desk = await OpenAsync(world);
        var bob = await desk.PersonAsync("bob");
        await desk.Grants.GiveAsync(desk.Manager, desk.Space.Id, desk.Root, new GrantRequest($"user:{bob.Name}", "editor", null), Cancelled);
        return (desk, bob);
    }

    [Fact]
    public async Task Every_change_of_a_locked_file_is_refused_with_who_holds_it_until_when()
    {
        var (desk, bob) = await DeskAsync();
        var (folder, file) = (await desk.FolderAsync("docs"), await desk.FileAsync("a.txt"));
        var (held, isNew) = await Locks.TakeAsync(bob, desk.Space.Id, file, CheckOut, Cancelled);
        Assert.True(isNew);
        foreach (var op in new[]
        {
            Put(file, null, null, "second", 1), Move(file, desk.Root, "b.txt"), Move(file, folder, "a.txt"), Delete(file),
            new Operation { Op = OperationKind.SetMetadata, NodeId = file, Executable = true },
        })
        {
            var conflict = await desk.ConflictAsync(op);
            Assert.Equal((ConflictCode.Locked, bob.Name, held.ExpiresAt), (conflict.Code, conflict.Lock!.Holder, conflict.Lock.ExpiresAt));
            Assert.Contains(bob.Name, conflict.Detail);
            Assert.Contains("writing it", conflict.Detail);
            // The token is the holder's business.
            Assert.Null(conflict.Lock.Token);
        }
        Assert.Equal(2, (await desk.RunAsync(bob, Put(file, null, null, "second", 1))).Results[0].Version);
        await Locks.CheckInAsync(bob, desk.Space.Id, file, Cancelled);
        Assert.Equal(3, (await desk.RunAsync(Put(file, null, null, "third", 2))).Results[0].Version);
    }

    [Fact]
    public async Task The_lock_of_a_webdav_client_opens_to_its_token_in_the_hands_of_who_took_it()
    {
        var (desk, bob) = await DeskAsync();
        var file = await desk.FileAsync("a.txt");
        var (held, _) = await Locks.TakeAsync(bob, desk.Space.Id, file, WebDav, Cancelled);
        var token = LockTokens.Text(held.Token);
        Assert.Equal(ConflictCode.Locked, Assert.Single(await desk.ConflictsAsync(bob, Put(file, null, null, "two", 1))).Code);
        Changeset Change(string text) => new(ChangesetId.New(), [Put(file, null, null, text, -1)], LockTokens: [$"<{token}>"]);
        var stolen = await Assert.ThrowsAsync<Refusal>(() => desk.RunAsync(desk.Manager, Change("stolen")));
        Assert.Equal(ConflictCode.Locked, stolen.Conflicts![0].Code);
        Assert.Equal(2, (await desk.RunAsync(bob, Change("two"))).Results[0].Version);
        Assert.Equal("<D:href>mailto:bob</D:href>", (await Locks.FindAsync(await desk.Db.OpenConnectionAsync(Cancelled), desk.Space.Id, file, Cancelled))[0].Owner);
    }

    [Fact]
    public async Task A_folder_locked_with_all_below_keeps_its_members_and_one_locked_alone_its_list_of_them()
    {
        var (desk, bob) = await DeskAsync();
        var deep = await desk.FolderAsync("deep");
        var flat = await desk.FolderAsync("flat");
        var (inDeep, inFlat, beside) = (await desk.FileAsync("a", deep), await desk.FileAsync("a", flat), await desk.FileAsync("beside"));
        await Locks.TakeAsync(bob, desk.Space.Id, deep, CheckOut, Cancelled);
        await Locks.TakeAsync(bob, desk.Space.Id, flat, CheckOut with { Deep = false }, Cancelled);
        foreach (var folder in new[] { deep, flat })
        {
            Assert.Equal(ConflictCode.Locked, (await desk.ConflictAsync(Folder(NodeId.New(), folder, "new"))).Code);
            Assert.Equal(ConflictCode.Locked, (await desk.ConflictAsync(Put(NodeId.New(), folder, "new.txt", "x"))).Code);
            Assert.Equal(ConflictCode.Locked, (await desk.ConflictAsync(Move(beside, folder, "moved"))).Code);
            Assert.Equal(ConflictCode.Locked, (await desk.ConflictAsync(Delete(folder))).Code);
        }
        Assert.Equal(ConflictCode.Locked, (await desk.ConflictAsync(Delete(inFlat))).Code);
        Assert.Equal(ConflictCode.Locked, (await desk.ConflictAsync(Put(inDeep, null, null, "x", 1))).Code);
        // Only the list of members is locked there, not what is in them.
        Assert.Equal(2, (await desk.RunAsync(Put(inFlat, null, null, "x", 1))).Results[0].Version);
        await desk.RunAsync(bob, Folder(NodeId.New(), deep, "by the holder"), Put(inDeep, null, null, "x", 1));
    }

    [Fact]
    public async Task A_folder_that_holds_what_others_have_locked_neither_moves_nor_goes()
    {
        var (desk, bob) = await DeskAsync();
        var (top, target) = (await desk.FolderAsync("top"), await desk.FolderAsync("target"));
        var file = await desk.FileAsync("a.txt", await desk.FolderAsync("below", top));
        await Locks.TakeAsync(bob, desk.Space.Id, file, CheckOut, Cancelled);
        Assert.Equal(ConflictCode.Locked, (await desk.ConflictAsync(Move(top, target, "top"))).Code);
        Assert.Equal(ConflictCode.Locked, (await desk.ConflictAsync(Move(top, desk.Root, "renamed"))).Code);
        Assert.Equal(ConflictCode.Locked, (await desk.ConflictAsync(Delete(top))).Code);
        await desk.RunAsync(bob, Move(top, target, "top"));
        // A check-out stays with its node where that goes, and ends with it.
        Assert.Equal(1, await desk.CountAsync("select count(*) from node_locks where space_id = @space"));
        await desk.RunAsync(bob, Delete(top));
        Assert.Equal(0, await desk.CountAsync("select count(*) from node_locks where space_id = @space"));
    }

    [Fact]
    public async Task A_webdav_lock_does_not_move_along()
    {
        var (desk, bob) = await DeskAsync();
        var file = await desk.FileAsync("a.txt");
        var (held, _) = await Locks.TakeAsync(bob, desk.Space.Id, file, WebDav, Cancelled);
        await desk.RunAsync(bob, new Changeset(ChangesetId.New(), [Move(file, desk.Root, "b.txt")], LockTokens: [LockTokens.Text(held.Token)]));
        Assert.Equal(0, await desk.CountAsync("select count(*) from node_locks where space_id = @space"));
        await desk.RunAsync(Delete(file));
    }

    [Fact]
    public async Task A_lock_that_has_run_out_counts_as_none()
    {
        var (desk, bob) = await DeskAsync();
        var file = await desk.FileAsync("a.txt");
        await Locks.TakeAsync(bob, desk.Space.Id, file, CheckOut, Cancelled);
        await desk.CountAsync("with gone as (update node_locks set expires_at = now() - interval '1 second' where space_id = @space returning 1) select count(*) from gone");
        await desk.RunAsync(Put(file, null, null, "second", 1));
        await Locks.TakeAsync(desk.Manager, desk.Space.Id, file, CheckOut, Cancelled);
        Assert.Equal(1, await desk.CountAsync("select count(*) from node_locks where space_id = @space"));
    }

    [Fact]
    public async Task An_exclusive_lock_stands_alone_and_shared_ones_beside_each_other()
    {
        var (desk, bob) = await DeskAsync();
        var folder = await desk.FolderAsync("docs");
        var file = await desk.FileAsync("a.txt", folder);
        var shared = WebDav with { Shared = true };
        var (first, _) = await Locks.TakeAsync(bob, desk.Space.Id, file, shared, Cancelled);
        await Locks.TakeAsync(desk.Manager, desk.Space.Id, file, shared, Cancelled);
        Assert.Equal(bob.Name, (await LockedAsync(desk.Manager, file, WebDav)).Holder);
        // From above: the whole folder cannot be had while something in it is locked.
        Assert.Equal(bob.Name, (await LockedAsync(desk.Manager, folder, WebDav)).Holder);
        await Locks.TakeAsync(desk.Manager, desk.Space.Id, folder, WebDav with { Deep = false }, Cancelled);
        // Each of the holders may write, nobody else.
        await desk.RunAsync(bob, new Changeset(ChangesetId.New(), [Put(file, null, null, "bob", 1)], LockTokens: [LockTokens.Text(first.Token)]));
        Assert.Equal(ConflictCode.Locked, (await desk.ConflictAsync(Put(file, null, null, "nobody", 2))).Code);

        async Task<NodeLock> LockedAsync(Caller caller, NodeId node, LockWish wish)
        {
            var refusal = await Assert.ThrowsAsync<Refusal>(() => Locks.TakeAsync(caller, desk.Space.Id, node, wish, Cancelled));
            Assert.Equal(RefusalKind.Locked, refusal.Kind);
            return refusal.Lock!;
        }
    }

    [Fact]
    public async Task A_second_check_out_extends_the_first_and_does_not_stand_in_the_way_of_ones_own_programs()
    {
        var (desk, bob) = await DeskAsync();
        var file = await desk.FileAsync("a.txt");
        var (first, _) = await Locks.TakeAsync(bob, desk.Space.Id, file, CheckOut with { For = TimeSpan.FromMinutes(1) }, Cancelled);
        var (second, isNew) = await Locks.TakeAsync(bob, desk.Space.Id, file, CheckOut with { For = TimeSpan.FromHours(2), Reason = null }, Cancelled);
        Assert.False(isNew);
        Assert.Equal((first.Token, "writing it"), (second.Token, second.Reason));
        Assert.True(second.ExpiresAt > first.ExpiresAt.AddHours(1));
        await Locks.TakeAsync(bob, desk.Space.Id, file, WebDav, Cancelled);
    }

    [Fact]
    public async Task Only_a_manager_breaks_the_lock_of_another_and_it_is_on_record()
    {
        var (desk, bob) = await DeskAsync();
        var eve = await desk.PersonAsync("eve");
        await desk.Grants.GiveAsync(desk.Manager, desk.Space.Id, desk.Root, new GrantRequest($"user:{eve.Name}", "editor", null), Cancelled);
        var file = await desk.FileAsync("a.txt");
        await Locks.TakeAsync(bob, desk.Space.Id, file, CheckOut, Cancelled);
        var kept = await Assert.ThrowsAsync<Refusal>(() => Locks.CheckInAsync(eve, desk.Space.Id, file, Cancelled));
        Assert.Equal((RefusalKind.Locked, bob.Name), (kept.Kind, kept.Lock!.Holder));
        Assert.Equal(RefusalKind.Forbidden, (await Assert.ThrowsAsync<Refusal>(() => Locks.BreakAsync(eve, desk.Space.Id, file, Cancelled))).Kind);
        await Assert.ThrowsAsync<Refusal>(() => desk.RunAsync(eve, Delete(file)));
        await Locks.BreakAsync(desk.Manager, desk.Space.Id, file, Cancelled);
        await desk.RunAsync(eve, Put(file, null, null, "eve", 1));
        Assert.Equal(1, await desk.CountAsync("select count(*) from audit_events where space_id = @space and action = 'lock.take'"));
        Assert.Equal(1, await desk.CountAsync("select count(*) from audit_events where space_id = @space and action = 'lock.break'"));
        Assert.Equal(1, await desk.CountAsync("select count(*) from audit_events where space_id = @space and action = 'changeset.refuse' and outcome = 1"));
    }

    [Fact]
    public async Task Who_may_not_look_learns_neither_of_a_lock_nor_who_holds_it()
    {
        var (desk, bob) = await DeskAsync();
        var box = await desk.FolderAsync("box");
        var eve = await desk.PersonAsync("eve");
        await desk.Grants.GiveAsync(desk.Manager, desk.Space.Id, box, new GrantRequest($"user:{eve.Name}", "uploader", null), Cancelled);
        await Locks.TakeAsync(bob, desk.Space.Id, box, CheckOut, Cancelled);
        var conflict = Assert.Single(await desk.ConflictsAsync(eve, Put(NodeId.New(), box, "mine.txt", "x")));
        Assert.Equal(ConflictCode.Locked, conflict.Code);
        Assert.Null(conflict.Lock);
        Assert.DoesNotContain(bob.Name, conflict.Detail);
        var file = await desk.FileAsync("hidden.txt");
        foreach (var call in new Func<Task>[]
        {
            () => Locks.TakeAsync(eve, desk.Space.Id, file, CheckOut, Cancelled), () => Locks.CheckInAsync(eve, desk.Space.Id, box, Cancelled),
            () => Locks.BreakAsync(eve, desk.Space.Id, file, Cancelled),
        })
            Assert.Equal(RefusalKind.NotFound, (await Assert.ThrowsAsync<Refusal>(call)).Kind);
    }
}
