using FileClient.Sync;
using FileClient.Sync.Disk;
using Tests.Support;

namespace Tests.Sync;

public sealed class TrashTests
{
    [Fact]
    public void A_folder_finds_room_where_a_file_of_its_name_lies_already()
    {
        using var temporary = new TemporaryFolder();
        using var folder = SyncFolder.Open(temporary.Path, create: true);
        using var trash = new Trash(folder, "run");
        File.WriteAllText(temporary["c"], "was a file");
        trash.Take(folder.Root, "c", "c");
        File.WriteAllText(temporary["x.txt"], "was in the folder that took its name");

        var (into, name) = trash.Take(folder.Root, "x.txt", "c/d/x.txt");

        Assert.Equal("x.txt", name);
        Assert.False(into.IsInvalid);
        Assert.Equal("was a file", File.ReadAllText(temporary[".fileshare/trash/run/c"]));
        Assert.Equal("was in the folder that took its name", File.ReadAllText(temporary[".fileshare/trash/run/2.c/d/x.txt"]));
    }
}
