using System.Net.Http.Json;
using FileServer.Protocol.Contracts;
using Tests.Support;

namespace Tests.WebDav;

/// <summary>COPY and MOVE, and the ways in which programs save.</summary>
public sealed class CopyMoveTests(World world) : IClassFixture<World>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    static (string, string) To(DavClient user, string path) => ("Destination", $"{user.Root}/{path}");

    async Task<DavClient> OpenAsync(params string[] files)
    {
        var ann = await DavClient.OpenAsync(world);
        foreach (var file in files)
            Assert.Equal(201, await (file.EndsWith('/') ? ann.StatusAsync("MKCOL", file) : ann.PutAsync(file, file)));
        return ann;
    }

    [Fact]
    public async Task Copies_and_moves_say_whether_they_made_or_replaced()
    {
        using var ann = await OpenAsync("a.txt", "b.txt", "folder/", "folder/c.txt");
        Assert.Equal(201, await ann.StatusAsync("COPY", "a.txt", null, To(ann, "x.txt")));
        Assert.Equal(204, await ann.StatusAsync("COPY", "b.txt", null, To(ann, "x.txt")));
        Assert.Equal("b.txt", await ann.GetAsync("x.txt"));
        Assert.Equal(412, await ann.StatusAsync("COPY", "a.txt", null, To(ann, "x.txt"), ("Overwrite", "F")));
        Assert.Equal(412, await ann.StatusAsync("MOVE", "a.txt", null, To(ann, "x.txt"), ("Overwrite", "F")));
        Assert.Equal(201, await ann.StatusAsync("MOVE", "a.txt", null, To(ann, "y.txt"), ("Overwrite", "F")));
        Assert.Equal(204, await ann.StatusAsync("MOVE", "y.txt", null, To(ann, "x.txt")));
        Assert.Equal("a.txt", await ann.GetAsync("x.txt"));
        Assert.Equal(404, await ann.StatusAsync("GET", "y.txt"));
        Assert.Equal(201, await ann.StatusAsync("COPY", "folder/", null, To(ann, "copy/")));
        Assert.Equal("folder/c.txt", await ann.GetAsync("copy/c.txt"));
        Assert.Equal(201, await ann.StatusAsync("MOVE", "folder", null, To(ann, "moved")));
        Assert.Equal("folder/c.txt", await ann.GetAsync("moved/c.txt"));
    }

    [Fact]
    public async Task A_folder_is_replaced_and_not_merged_with()
    {
        using var ann = await OpenAsync("one/", "one/a.txt", "two/", "two/b.txt", "c.txt");
        Assert.Equal(204, await ann.StatusAsync("COPY", "one", null, To(ann, "two")));
        Assert.Equal([$"{ann.Root}/two/", $"{ann.Root}/two/a.txt"], await ann.ListAsync("two"));
        Assert.Equal(204, await ann.StatusAsync("MOVE", "c.txt", null, To(ann, "two")));
        Assert.Equal("c.txt", await ann.GetAsync("two"));
        Assert.Equal(204, await ann.StatusAsync("MOVE", "one", null, To(ann, "two")));
        Assert.Equal("one/a.txt", await ann.GetAsync("two/a.txt"));
        var trash = (await ann.Api.GetFromJsonAsync($"/api/v1/spaces/{ann.Space.Id}/trash", WireJson.Default.PageNode, Cancelled))!;
        Assert.Equal(3, trash.Items.Count);
    }

    [Fact]
    public async Task A_depth_of_0_copies_the_folder_alone()
    {
        using var ann = await OpenAsync("folder/", "folder/a.txt");
        Assert.Equal(201, await ann.StatusAsync("COPY", "folder", null, To(ann, "copy"), ("Depth", "0")));
        Assert.Equal([$"{ann.Root}/copy/"], await ann.ListAsync("copy"));
        Assert.Equal(400, await ann.StatusAsync("COPY", "folder", null, To(ann, "other"), ("Depth", "1")));
        Assert.Equal(400, await ann.StatusAsync("MOVE", "folder", null, To(ann, "other"), ("Depth", "0")));
    }

    [Fact]
    public async Task Nothing_goes_onto_itself_into_itself_or_onto_what_it_is_in()
    {
        using var ann = await OpenAsync("a.txt", "folder/", "folder/b/");
        foreach (var method in new[] { "COPY", "MOVE" })
        {
            Assert.Equal(403, await ann.StatusAsync(method, "a.txt", null, To(ann, "a.txt")));
            Assert.Equal(403, await ann.StatusAsync(method, "folder", null, To(ann, "folder/")));
            Assert.Equal(403, await ann.StatusAsync(method, "folder", null, To(ann, "folder/b/c")));
            Assert.Equal(403, await ann.StatusAsync(method, "folder/b", null, To(ann, "folder")));
            Assert.Equal(403, await ann.StatusAsync(method, "", null, To(ann, "copy")));
            Assert.Equal(403, await ann.StatusAsync(method, "a.txt", null, ("Destination", "/dav/other")));
        }
    }

    [Fact]
    public async Task The_destination_is_a_path_or_a_URL_of_this_server()
    {
        using var ann = await OpenAsync("a.txt");
        Assert.Equal(201, await ann.StatusAsync("COPY", "a.txt", null, ("Destination", $"http://{world.Url.Authority}{ann.Root}/b%20(1).txt")));
        // Behind a proxy that ends TLS.
        Assert.Equal(201, await ann.StatusAsync("COPY", "a.txt", null, ("Destination", $"https://{world.Url.Authority}{ann.Root}/c.txt")));
        Assert.Equal(502, await ann.StatusAsync("COPY", "a.txt", null, ("Destination", $"http://elsewhere.example{ann.Root}/d.txt")));
        Assert.Equal(502, await ann.StatusAsync("COPY", "a.txt", null, ("Destination", $"http://{world.Url.Host}:1{ann.Root}/d.txt")));
        Assert.Equal(400, await ann.StatusAsync("COPY", "a.txt", null));
        Assert.Equal(400, await ann.StatusAsync("COPY", "a.txt", null, ("Destination", "d.txt")));
        Assert.Equal(403, await ann.StatusAsync("COPY", "a.txt", null, ("Destination", "/api/v1/d.txt")));
        Assert.Equal(400, await ann.StatusAsync("COPY", "a.txt", null, To(ann, "x%2Fy")));
        Assert.Equal(409, await ann.StatusAsync("COPY", "a.txt", null, To(ann, "no/d.txt")));
        Assert.Equal(409, await ann.StatusAsync("MOVE", "a.txt", null, To(ann, "no/d.txt")));
        Assert.Equal(404, await ann.StatusAsync("MOVE", "no.txt", null, To(ann, "d.txt")));
        Assert.Equal(400, await ann.StatusAsync("MOVE", "a.txt", null, To(ann, "d.txt"), ("Overwrite", "maybe")));
        using var other = await DavClient.OpenAsync(world);
        Assert.Equal(502, await ann.StatusAsync("COPY", "a.txt", null, To(other, "d.txt")));
        Assert.Equal("a.txt", await ann.GetAsync("b%20(1).txt"));
    }

    [Fact]
    public async Task Moving_and_renaming_keeps_the_node()
    {
        using var ann = await OpenAsync("a.txt", "folder/");
        var node = await ann.NodeAsync("a.txt");
        Assert.Equal(201, await ann.StatusAsync("MOVE", "a.txt", null, To(ann, "folder/b.txt")));
        Assert.Equal(node.Id, (await ann.NodeAsync("folder/b.txt")).Id);
        // Other letters are another spelling of the name, and a new name all the same.
        Assert.Equal(201, await ann.StatusAsync("MOVE", "folder/b.txt", null, To(ann, "folder/B.TXT")));
        Assert.Equal(("B.TXT", node.Id), ((await ann.NodeAsync("folder/b.txt")).Name, (await ann.NodeAsync("folder/b.txt")).Id));
    }

    [Fact]
    public async Task A_file_that_is_moved_over_another_becomes_its_next_version()
    {
        using var ann = await OpenAsync("report.odt", ".goutputstream-ABC123");
        var node = await ann.NodeAsync("report.odt");
        Assert.Equal(204, await ann.StatusAsync("MOVE", ".goutputstream-ABC123", null, To(ann, "report.odt")));
        await IsNextVersionAsync(ann, node, "report.odt", ".goutputstream-ABC123");
        Assert.Equal(201, await ann.PutAsync("new.odt", "third"));
        Assert.Equal(204, await ann.StatusAsync("MOVE", "new.odt", null, To(ann, "report.odt")));
        Assert.Equal((node.Id, 3), ((await ann.NodeAsync("report.odt")).Id, (await ann.NodeAsync("report.odt")).Version));
    }

    [Fact]
    public async Task A_name_that_is_deleted_and_written_again_keeps_its_history()
    {
        using var ann = await OpenAsync("a.txt", "b.txt");
        var (a, b) = (await ann.NodeAsync("a.txt"), await ann.NodeAsync("b.txt"));
        Assert.Equal(204, await ann.StatusAsync("DELETE", "a.txt"));
        Assert.Equal(201, await ann.PutAsync("a.txt", "two"));
        await IsNextVersionAsync(ann, a, "a.txt", "two");
        Assert.Equal(204, await ann.StatusAsync("DELETE", "b.txt"));
        Assert.Equal(201, await ann.PutAsync("save.part", "three"));
        Assert.Equal(201, await ann.StatusAsync("MOVE", "save.part", null, To(ann, "b.txt")));
        await IsNextVersionAsync(ann, b, "b.txt", "three");
    }

    [Theory]
    [InlineData("small")]
    [InlineData("large")]
    public async Task Office_saves_by_a_dance_of_temporary_names_and_the_document_keeps_its_history(string size)
    {
        using var ann = await OpenAsync("doc.docx");
        var node = await ann.NodeAsync("doc.docx");
        var text = size == "small" ? "second" : new string('x', 1_200_000);
        Assert.Equal(201, await ann.PutAsync("~WRD0001.tmp", text));
        Assert.Equal(201, await ann.StatusAsync("MOVE", "doc.docx", null, To(ann, "~WRL0002.tmp")));
        Assert.Equal(201, await ann.StatusAsync("MOVE", "~WRD0001.tmp", null, To(ann, "doc.docx")));
        // The old content is where Word put it, until Word deletes it.
        Assert.Equal("doc.docx", await ann.GetAsync("~WRL0002.tmp"));
        Assert.Equal(204, await ann.StatusAsync("DELETE", "~WRL0002.tmp"));
        await IsNextVersionAsync(ann, node, "doc.docx", text);
        Assert.Equal([$"{ann.Root}/", $"{ann.Root}/doc.docx"], await ann.ListAsync(""));
    }

    [Fact]
    public async Task An_editor_that_keeps_a_backup_gets_its_backup_and_the_document_keeps_its_history()
    {
        using var ann = await OpenAsync("a.txt");
        var node = await ann.NodeAsync("a.txt");
        Assert.Equal(201, await ann.StatusAsync("MOVE", "a.txt", null, To(ann, "a.txt~")));
        Assert.Equal(201, await ann.PutAsync("a.txt", "two"));
        await IsNextVersionAsync(ann, node, "a.txt", "two");
        Assert.Equal("a.txt", await ann.GetAsync("a.txt~"));
    }

    [Fact]
    public async Task A_rename_that_is_meant_is_one()
    {
        using var ann = await OpenAsync("a.txt");
        var node = await ann.NodeAsync("a.txt");
        Assert.Equal(201, await ann.StatusAsync("MOVE", "a.txt", null, To(ann, "b.txt")));
        Assert.Equal(201, await ann.PutAsync("a.txt", "other"));
        Assert.Equal(node.Id, (await ann.NodeAsync("b.txt")).Id);
        Assert.NotEqual(node.Id, (await ann.NodeAsync("a.txt")).Id);
        Assert.Equal(201, await ann.StatusAsync("MOVE", "b.txt", null, To(ann, "c.txt")));
        Assert.Equal(201, await ann.StatusAsync("MOVE", "c.txt", null, To(ann, "b.txt")));
        Assert.Equal((node.Id, 1), ((await ann.NodeAsync("b.txt")).Id, (await ann.NodeAsync("b.txt")).Version));
    }

    [Fact]
    public async Task What_another_person_deleted_is_not_taken_up_again()
    {
        using var ann = await OpenAsync("a.txt");
        using var bob = await ann.BesideAsync(world, "bob");
        var node = await ann.NodeAsync("a.txt");
        Assert.Equal(204, await bob.StatusAsync("DELETE", "a.txt"));
        Assert.Equal(201, await ann.PutAsync("a.txt", "other"));
        Assert.NotEqual(node.Id, (await ann.NodeAsync("a.txt")).Id);
    }

    static async Task IsNextVersionAsync(DavClient user, Node before, string path, string text)
    {
        var now = await user.NodeAsync(path);
        Assert.Equal((before.Id, before.Version + 1, path), (now.Id, now.Version, now.Name));
        Assert.Equal(text, await user.GetAsync(path));
    }
}
