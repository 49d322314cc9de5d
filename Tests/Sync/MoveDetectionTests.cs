using FileClient.Sync.Core;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace Tests.Sync;

/// <summary>Which node each entry on the disk is: rules R1 to R8.</summary>
public sealed class MoveDetectionTests
{
    static readonly NodeId Root = SymbolicWorld.IdOf(0);
    readonly List<KnownEntry> known = [];
    readonly List<DiskEntry> disk = [];

    static Signature Of(int inode, long modified = 5) => new(1, (ulong)inode, inode * 100, 1, modified, modified);

    void Known(int id, string name, int inode, string? content, int parent = 0) =>
        known.Add(new KnownEntry(SymbolicWorld.IdOf(id), SymbolicWorld.IdOf(parent), name, content is null ? NodeKind.Folder : NodeKind.File, Of(inode), content is null ? null : SymbolicWorld.ContentOf(content), null));

    int Disk(string name, int inode, string? content, int parent = -1, int links = 1)
    {
        disk.Add(new DiskEntry(parent, name, name, content is null ? NodeKind.Folder : NodeKind.File, Of(inode), links) { Content = content is null ? null : SymbolicWorld.ContentOf(content) });
        return disk.Count - 1;
    }

    // New nodes get ids from 900 on.
    int[] Detect(bool trustInodes = true)
    {
        var next = 900;
        return [.. MoveDetection.Detect(disk, known, Root, trustInodes, () => SymbolicWorld.IdOf(next++)).Select(static id => Convert.ToInt32(id.ToString()[..8], 16))];
    }

    [Fact]
    public void R1_a_file_saved_by_renaming_a_new_one_over_it_is_the_same_node()
    {
        Known(1, "f", 11, "a");
        Disk("f", 12, "b");

        Assert.Equal([1], Detect());
    }

    [Fact]
    public void R1_an_editor_that_keeps_a_backup_moves_nothing()
    {
        Known(1, "f", 11, "a");
        Disk("f~", 11, "a");
        Disk("f", 12, "b");

        Assert.Equal([900, 1], Detect());
    }

    [Fact]
    public void R2_a_renamed_file_is_the_same_node_even_when_it_was_edited()
    {
        Known(1, "f", 11, "a");
        Disk("g", 11, "b");

        Assert.Equal([1], Detect());
    }

    [Fact]
    public void R2_a_chain_of_renames_is_followed()
    {
        Known(1, "a", 11, "a");
        Known(2, "b", 12, "b");
        Disk("b", 11, "a");
        Disk("c", 12, "b");

        Assert.Equal([1, 2], Detect());
    }

    [Fact]
    public void R2_a_number_used_again_by_another_file_is_no_move()
    {
        Known(1, "f", 11, "a");
        disk.Add(new DiskEntry(-1, "g", "g", NodeKind.File, Of(11) with { Born = 7 }, 1) { Content = SymbolicWorld.ContentOf("b") });

        Assert.Equal([900], Detect());
    }

    [Fact]
    public void R3_folders_that_changed_places_are_two_moves()
    {
        Known(1, "d", 11, null);
        Known(2, "e", 12, null);
        Known(3, "f", 13, "a", parent: 1);
        var first = Disk("d", 12, null);
        var second = Disk("e", 11, null);
        Disk("f", 13, "a", second);

        Assert.Equal(0, first);
        Assert.Equal([2, 1, 3], Detect());
    }

    [Fact]
    public void R4_files_that_changed_places_with_their_bytes_are_moves()
    {
        Known(1, "a", 11, "a");
        Known(2, "b", 12, "b");
        Disk("a", 12, "b");
        Disk("b", 11, "a");

        Assert.Equal([2, 1], Detect());
    }

    [Fact]
    public void R4_with_other_bytes_they_are_two_edits()
    {
        Known(1, "a", 11, "a");
        Known(2, "b", 12, "b");
        Disk("a", 12, "x");
        Disk("b", 11, "y");

        Assert.Equal([1, 2], Detect());
    }

    [Fact]
    public void R5_without_inodes_equal_bytes_make_a_move()
    {
        Known(1, "f", 11, "a");
        Disk("g", 21, "a");

        Assert.Equal([1], Detect(trustInodes: false));
    }

    [Fact]
    public void R6_a_folder_that_was_copied_and_deleted_is_the_same_folder()
    {
        Known(1, "d", 11, null);
        Known(2, "f", 12, "a", parent: 1);
        Known(3, "g", 13, "b", parent: 1);
        Known(4, "h", 14, "c", parent: 1);
        var folder = Disk("e", 21, null);
        Disk("f", 22, "a", folder);
        Disk("g", 23, "b", folder);
        Disk("h", 24, "changed", folder);

        Assert.Equal([1, 2, 3, 4], Detect());
    }

    [Fact]
    public void R7_a_copy_is_a_new_node()
    {
        Known(1, "f", 11, "a");
        Disk("f", 11, "a");
        Disk("g", 12, "a");

        Assert.Equal([1, 900], Detect());
    }

    [Fact]
    public void R8_hard_links_are_two_nodes()
    {
        Known(1, "a", 11, "a");
        Disk("a", 11, "b", links: 2);
        Disk("b", 11, "b", links: 2);

        Assert.Equal([1, 900], Detect());
    }

    [Fact]
    public void A_folder_deleted_and_made_again_is_the_same_node()
    {
        Known(1, "d", 11, null);
        Disk("d", 12, null);

        Assert.Equal([1], Detect());
    }
}
