using FileClient.Sync.Core;

namespace Tests.Sync;

/// <summary>Every row of the planner's table: three trees in, the first plan's steps and the final tree of both sides out.</summary>
public sealed class PlannerTableTests
{
    // Trees are written as id:path, a folder ends with a slash, =x is a content, ->x a link; see SymbolicWorld.Read. {cc} stands for the copy's suffix.
    public static TheoryData<string, string, string, string, string, string> Rows => new()
    {
        // Files: existence and content.
        { "1 new here", "", "1:f=a", "", "RemotePut", "f=a" },
        { "2 new there", "", "", "1:f=a", "LocalPlace", "f=a" },
        { "3 new on both sides, same bytes", "", "1:f=a", "2:f=a", "", "f=a" },
        { "4 new on both sides, other bytes", "", "1:f=a", "2:f=b", "LocalMove LocalPlace RemotePut", "f=b f{cc}=a" },
        { "5 nothing changed", "1:f=a", "1:f=a", "1:f=a", "", "f=a" },
        { "6 edited here", "1:f=a", "1:f=b", "1:f=a", "RemotePut", "f=b" },
        { "7 edited there", "1:f=a", "1:f=a", "1:f=b", "LocalReplace", "f=b" },
        { "8 edited alike", "1:f=a", "1:f=b", "1:f=b", "", "f=b" },
        { "9 edited differently", "1:f=a", "1:f=b", "1:f=c", "LocalMove LocalPlace RemotePut", "f=c f{cc}=b" },
        { "10 deleted here", "1:f=a", "", "1:f=a", "RemoteDelete", "" },
        { "11 deleted there", "1:f=a", "1:f=a", "", "LocalTrash", "" },
        { "12 deleted on both sides", "1:f=a", "", "", "", "" },
        { "13 deleted here, edited there", "1:f=a", "", "1:f=b", "LocalPlace", "f=b" },
        { "14 edited here, deleted there", "1:f=a", "1:f=b", "", "RemoteRestore RemotePut", "f=b" },
        { "14 with its folder gone", "1:d/ 2:d/f=a 3:d/g=a", "1:d/ 2:d/f=b 3:d/g=a", "", "LocalTrash RemoteFolder RemoteRestore RemotePut", "d/ d/f=b" },
        { "16 other time here", "1:f=a", "1:f=a@", "1:f=a", "RemoteMetadata", "f=a" },
        { "16 other time there", "1:f=a", "1:f=a", "1:f=a@", "LocalMetadata", "f=a" },
        { "16 made executable here", "1:f=a", "1:f=a*", "1:f=a", "RemoteMetadata", "f=a" },
        { "16 executable here, edited there", "1:f=a", "1:f=a*", "1:f=b", "LocalReplace RemoteMetadata", "f=b" },

        // Type changes: always one node gone and another new at one name.
        { "19 file to folder here", "1:f=a", "2:f/ 3:f/x=b", "1:f=a", "RemoteFolder RemoteDelete RemotePut", "f/ f/x=b" },
        { "19 file to folder there", "1:f=a", "1:f=a", "2:f/ 3:f/x=b", "LocalTrash LocalFolder LocalPlace", "f/ f/x=b" },
        { "20 file to folder here, edited there", "1:f=a", "2:f/ 3:f/x=b", "1:f=c", "LocalMove LocalPlace RemoteFolder RemotePut", "f=c f{cc}/ f{cc}/x=b" },
        { "21 edited here, file to folder there", "1:f=a", "1:f=b", "2:f/", "LocalMove LocalFolder RemoteRestore RemotePut", "f/ f{cc}=b" },
        { "22 child added here, folder to file there", "1:d/ 2:d/x=a", "1:d/ 2:d/x=a 3:d/y=b", "4:d=c", "LocalMove LocalPlace LocalTrash RemoteFolder RemotePut", "d=c d{cc}/ d{cc}/y=b" },
        { "23 new file here, new folder there", "", "1:f=a", "2:f/", "LocalMove LocalFolder RemotePut", "f/ f{cc}=a" },
        { "23 new folder here, new file there", "", "1:f/ 3:f/x=b", "2:f=a", "LocalMove LocalPlace RemoteFolder RemotePut", "f=a f{cc}/ f{cc}/x=b" },
        { "24 new folders on both sides", "", "1:d/ 2:d/x=a 3:d/e/ 4:d/e/z=a", "5:d/ 6:d/y=b 7:d/e/", "LocalPlace RemotePut RemotePut", "d/ d/e/ d/e/z=a d/x=a d/y=b" },
        { "25 folder made anew here, changed there", "1:d/ 2:d/x=a 3:d/y=a", "4:d/", "1:d/ 2:d/x=b 3:d/y=a", "LocalPlace RemoteDelete", "d/ d/x=b" },

        // Folders.
        { "26 folder deleted here", "1:d/ 2:d/x=a 3:d/e/ 4:d/e/y=a", "", "1:d/ 2:d/x=a 3:d/e/ 4:d/e/y=a", "RemoteDelete", "" },
        { "26 folder deleted there", "1:d/ 2:d/x=a 3:d/e/ 4:d/e/y=a", "1:d/ 2:d/x=a 3:d/e/ 4:d/e/y=a", "", "LocalTrash LocalTrash LocalRemoveFolder LocalRemoveFolder", "" },
        { "27 folder deleted here, child edited there", "1:d/ 2:d/x=a 3:d/y=a", "", "1:d/ 2:d/x=b 3:d/y=a", "LocalFolder LocalPlace RemoteDelete", "d/ d/x=b" },
        { "27 folder deleted here, child added there", "1:d/ 2:d/x=a", "", "1:d/ 2:d/x=a 3:d/n=b", "LocalFolder LocalPlace RemoteDelete", "d/ d/n=b" },
        { "28 folder deleted there, child added here", "1:d/ 2:d/x=a", "1:d/ 2:d/x=a 3:d/n=b", "", "LocalTrash RemoteFolder RemotePut", "d/ d/n=b" },

        // Moves.
        { "30 renamed here", "1:f=a", "1:g=a", "1:f=a", "RemoteMove", "g=a" },
        { "31 renamed there", "1:f=a", "1:f=a", "1:g=a", "LocalMove", "g=a" },
        { "32 moved alike", "1:f=a", "1:g=a", "1:g=a", "", "g=a" },
        { "33 moved differently", "1:f=a", "1:g=a", "1:h=a", "LocalMove", "h=a" },
        { "34 renamed here, moved there", "1:f=a 2:d/", "1:g=a 2:d/", "2:d/ 1:d/f=a", "LocalMove RemoteMove", "d/ d/g=a" },
        { "35 moved here, edited there", "1:f=a", "1:g=a", "1:f=b", "LocalReplace RemoteMove", "g=b" },
        { "35 edited here, moved there", "1:f=a", "1:f=b", "1:g=a", "LocalMove RemotePut", "g=b" },
        { "36 moved here, deleted there", "1:f=a", "1:g=a", "", "RemoteRestore", "g=a" },
        { "36 folder moved here, deleted there", "1:d/ 2:d/f=a", "1:e/ 2:e/f=a", "", "RemoteRestore", "e/ e/f=a" },
        { "37 deleted here, moved there", "1:f=a", "", "1:g=a", "LocalPlace", "g=a" },
        { "38 moved here onto a name made there", "1:f=a", "1:g=a", "1:f=a 2:g=b", "LocalMove LocalPlace RemoteMove", "g=b g{cc}=a" },
        { "38 new here, same bytes moved there", "1:f=a", "1:f=a 2:g=a", "1:g=a", "LocalTrash LocalMove", "g=a" },
        { "39 a circle closed by two moves", "1:A/ 2:B/", "2:B/ 1:B/A/", "1:A/ 2:A/B/", "LocalMove LocalMove", "A/ A/B/" },
        { "40 moved here into a folder deleted there", "1:d/ 2:d/x=a 3:f=b", "1:d/ 2:d/x=a 3:d/f=b", "3:f=b", "LocalTrash RemoteFolder RemoteMove", "d/ d/f=b" },
        { "41 moved there into a folder deleted here", "1:d/ 2:d/x=a 3:f=b", "3:f=b", "1:d/ 2:d/x=a 3:d/f=b", "LocalFolder LocalMove RemoteDelete", "d/ d/f=b" },
        { "42 child added here, folder moved there", "1:A/", "1:A/ 2:A/n=a", "1:B/", "LocalMove RemotePut", "B/ B/n=a" },
        { "43 swapped there", "1:f=a 2:g=b", "1:f=a 2:g=b", "1:g=a 2:f=b", "Park LocalMove LocalMove", "f=b g=a" },
        { "43 swapped here", "1:f=a 2:g=b", "1:g=a 2:f=b", "1:f=a 2:g=b", "RemoteMove RemoteMove", "f=b g=a" },
        { "43 rotated there", "1:a=a 2:b=b 3:c=c", "1:a=a 2:b=b 3:c=c", "1:b=a 2:c=b 3:a=c", "Park LocalMove LocalMove LocalMove", "a=c b=a c=b" },
        { "44 inverted there", "1:A/ 2:A/B/ 3:A/B/f=a", "1:A/ 2:A/B/ 3:A/B/f=a", "2:B/ 1:B/A/ 3:B/f=a", "LocalMove LocalMove", "B/ B/A/ B/f=a" },
        { "44 inverted there, names kept", "1:x/ 2:x/x/ 3:x/x/f=a", "1:x/ 2:x/x/ 3:x/x/f=a", "2:x/ 1:x/x/ 3:x/f=a", "Park LocalMove LocalMove", "x/ x/f=a x/x/" },

        // Names.
        { "46 case changed here", "1:f=a", "1:F=a", "1:f=a", "RemoteMove", "F=a" },
        { "46 case changed there", "1:f=a", "1:f=a", "1:F=a", "LocalMove", "F=a" },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public void The_table(string row, string synced, string local, string remote, string steps, string result)
    {
        var world = SymbolicWorld.From(synced, local, remote);
        var plan = world.Plan();

        world.Converge();

        Assert.Equal((row, result), (row, SymbolicWorld.Show(world.L)));
        Assert.Equal(SymbolicWorld.Show(world.L), SymbolicWorld.Show(world.R));
        Assert.Equal(SymbolicWorld.Show(world.L), SymbolicWorld.Show(world.S));
        Assert.Equal((row, steps), (row, string.Join(' ', plan.Local.Concat(plan.Remote).Select(static step => step.Kind))));
        Assert.Empty(plan.Problems);
    }

    [Fact]
    public void Row_15_an_unreadable_file_freezes_its_node_and_its_ancestors_deletion()
    {
        var world = SymbolicWorld.From("1:d/ 2:d/f=a 3:d/g=b", "1:d/ 2:d/f=a? 3:d/g=b", "");
        world.L[SymbolicWorld.IdOf(2)] = world.L[SymbolicWorld.IdOf(2)] with { Content = null };

        var plan = world.Plan();

        Assert.Equal([StepKind.LocalTrash], plan.Local.Select(static step => step.Kind));
        Assert.Empty(plan.Remote);
        Assert.Equal(["not-empty", "unreadable"], plan.Problems.Select(static problem => problem.Code).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Row_15_an_unreadable_file_is_not_overwritten()
    {
        var plan = SymbolicWorld.From("1:f=a", "1:f=a?", "1:f=b").Plan();

        Assert.True(plan.IsQuiet);
        Assert.Single(plan.Problems);
    }

    [Fact]
    public void Row_18_a_newly_ignored_file_stays_on_both_sides()
    {
        var world = SymbolicWorld.From("1:f=a", "1:f=b~", "1:f=a");

        var plan = world.Plan();

        Assert.True(plan.IsQuiet);
        Assert.Equal([SymbolicWorld.IdOf(1)], plan.Forget);
    }

    [Fact]
    public void Row_18_a_rule_that_goes_leads_to_a_union()
    {
        var world = SymbolicWorld.From("", "1:f=b", "1:f=a");

        world.Converge();

        Assert.Equal("f=a f{cc}=b", SymbolicWorld.Show(world.R));
    }

    [Fact]
    public void Row_29_a_folder_deleted_elsewhere_stays_with_what_is_not_synced()
    {
        var world = SymbolicWorld.From("1:d/ 2:d/f=a", "1:d/+ 2:d/f=a", "");

        world.Converge();

        Assert.Equal("d/", SymbolicWorld.Show(world.L));
        Assert.Equal("", SymbolicWorld.Show(world.R));
        Assert.Equal("not-empty", Assert.Single(world.Plan().Problems).Code);
    }

    [Fact]
    public void Row_14_a_file_whose_trash_was_emptied_is_made_anew()
    {
        var world = SymbolicWorld.From("1:f=a", "1:f=b", "");
        world.ServerForgetsTrash = true;

        var plan = world.Plan();
        world.ApplyRemote([plan.Remote[0]]);
        world.Converge();

        Assert.Equal("f=b", SymbolicWorld.Show(world.R));
        Assert.DoesNotContain(SymbolicWorld.IdOf(1), world.R.Keys);
    }

    [Fact]
    public void Row_47_names_that_differ_only_in_case_are_reported_and_left_alone()
    {
        var world = SymbolicWorld.From("", "1:README=a 2:readme=b", "");

        world.Converge();

        Assert.Equal("README=a", SymbolicWorld.Show(world.R));
        Assert.Equal("README=a readme=b", SymbolicWorld.Show(world.L));
        Assert.Equal("case-clash", Assert.Single(world.Plan().Problems).Code);
    }

    [Fact]
    public void Row_48_one_name_in_two_normal_forms_becomes_a_conflict_copy()
    {
        var world = SymbolicWorld.From("", "1:é=a 2:é=b", "");

        world.Converge();

        Assert.Equal(["é=a", "é{cc}=b"], SymbolicWorld.Show(world.R).Split(' '));
        Assert.Equal(2, world.R.Count);
    }

    [Fact]
    public void Row_49_a_remote_name_that_this_system_cannot_hold_is_skipped_with_everything_below()
    {
        var world = SymbolicWorld.From("", "", "1:a:b/ 2:a:b/f=a 3:ok=b");

        world.Converge();

        Assert.Equal("ok=b", SymbolicWorld.Show(world.L));
        Assert.Equal("invalid-name", Assert.Single(world.Plan().Problems).Code);
    }

    [Fact]
    public void Row_49_a_local_name_that_the_server_refuses_is_not_uploaded()
    {
        var world = SymbolicWorld.From("", @"1:a\b/ 2:a\b/f=a 3:ok=b", "");

        world.Converge();

        Assert.Equal("ok=b", SymbolicWorld.Show(world.R));
        Assert.Equal("invalid-name", Assert.Single(world.Plan().Problems).Code);
    }

    [Fact]
    public void P1_an_edit_of_a_read_only_file_becomes_a_copy_and_the_file_comes_back()
    {
        var world = SymbolicWorld.From("1:f=a!", "1:f=b", "1:f=a!");

        world.Converge();

        Assert.Equal("f=a f{cc}=b", SymbolicWorld.Show(world.L));
    }

    [Fact]
    public void P2_a_new_file_in_a_folder_that_takes_none_stays_here()
    {
        var world = SymbolicWorld.From("1:d/!", "1:d/ 2:d/e/ 3:d/e/f=a", "1:d/!");

        world.Converge();

        Assert.Equal("d/ d/e/ d/e/f=a", SymbolicWorld.Show(world.L));
        Assert.Equal("d/", SymbolicWorld.Show(world.R));
        Assert.Equal("forbidden", Assert.Single(world.Plan().Problems).Code);
    }

    [Fact]
    public void P3_what_may_not_be_deleted_comes_back()
    {
        var world = SymbolicWorld.From("1:d/! 2:d/f=a!", "", "1:d/! 2:d/f=a!");

        world.Converge();

        Assert.Equal("d/ d/f=a", SymbolicWorld.Show(world.L));
    }

    [Fact]
    public void P4_what_was_moved_out_of_a_read_only_folder_is_a_new_node_and_the_source_comes_back()
    {
        var world = SymbolicWorld.From("1:d/! 2:d/f=a! 3:e/", "1:d/ 3:e/ 2:e/f=a", "1:d/! 2:d/f=a! 3:e/");

        world.Converge();

        Assert.Equal("d/ d/f=a e/ e/f=a", SymbolicWorld.Show(world.L));
        Assert.Equal(4, world.R.Count);
    }

    [Fact]
    public void P5_without_access_clean_files_go_to_the_trash_and_edited_ones_out_of_the_tree()
    {
        var world = SymbolicWorld.From("1:d/ 2:d/f=a 3:d/g=b", "1:d/ 2:d/f=a 3:d/g=c 4:d/n=d", "");
        world.Revoked.Add(SymbolicWorld.IdOf(1));

        world.Converge();

        Assert.Empty(world.L);
        Assert.Empty(world.R);
        Assert.Equal([SymbolicWorld.IdOf(2)], world.LocalTrash.Keys);
        Assert.Equal([SymbolicWorld.IdOf(3), SymbolicWorld.IdOf(4)], world.Evicted.Keys.Order(Comparer<FileServer.Protocol.NodeId>.Create(static (a, b) => a.Value.CompareTo(b.Value))));
    }

    [Fact]
    public void Q1_K1_a_node_that_waits_holds_nobody_else()
    {
        var world = SymbolicWorld.From("", "1:big=a 2:small=b", "");
        world.Waiting[SymbolicWorld.IdOf(1)] = "The space is full.";

        world.Converge();

        Assert.Equal("small=b", SymbolicWorld.Show(world.R));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void G2_many_deletions_wait_for_confirmation_and_the_rest_goes_on(bool locally)
    {
        var many = string.Join(' ', Enumerable.Range(1, 40).Select(static i => $"{i}:f{i}=a"));
        var few = string.Join(' ', Enumerable.Range(1, 20).Select(static i => $"{i}:f{i}=a")) + " 99:new=b";
        var world = locally ? SymbolicWorld.From(many, few, many) : SymbolicWorld.From(many, many, few);
        world.Brake = new BrakeLimits();

        var plan = world.Plan();
        world.Converge();

        var brake = Assert.Single(plan.Brakes);
        Assert.Equal(20, brake.Deletes);
        Assert.Equal(41, (locally ? world.R : world.L).Count);

        world.Brake = new BrakeLimits { Confirmed = brake.Hash };
        world.Converge();
        Assert.Equal(21, world.R.Count);
        Assert.Equal(21, world.L.Count);
    }

    [Fact]
    public void G2_an_emptied_root_deletes_nothing()
    {
        var world = SymbolicWorld.From("1:f=a 2:g=a", "", "1:f=a 2:g=a");
        world.Brake = new BrakeLimits();

        var plan = world.Plan();

        Assert.Equal("root-emptied", Assert.Single(plan.Brakes).Rail);
        Assert.True(plan.IsQuiet);
    }

    [Fact]
    public void G2_a_moved_folder_is_no_deletion()
    {
        var before = "1:d/ " + string.Join(' ', Enumerable.Range(2, 40).Select(static i => $"{i}:d/f{i}=a"));
        var world = SymbolicWorld.From(before, before.Replace("d/", "e/", StringComparison.Ordinal), before);
        world.Brake = new BrakeLimits();

        var plan = world.Plan();

        Assert.Empty(plan.Brakes);
        Assert.Equal([StepKind.RemoteMove], plan.Remote.Select(static step => step.Kind));
    }

    [Fact]
    public void A_second_conflict_in_the_same_second_gets_a_number()
    {
        var world = SymbolicWorld.From("1:f=a", "1:f=b 2:f{cc}=d", "1:f=c");

        world.Converge();

        Assert.Equal("f (conflicted copy ann laptop 2026-11-23 120000 2)=b f=c f{cc}=d", SymbolicWorld.Show(world.R));
    }
}
