using System.Net;
using System.Text;
using System.Xml.Linq;
using Tests.Support;

namespace Tests.WebDav;

/// <summary>PROPFIND and PROPPATCH.</summary>
public sealed class PropertyTests(World world) : IClassFixture<World>
{
    static readonly XNamespace Dav = DavClient.Dav;
    static readonly XNamespace Mine = "urn:example:mine";

    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    static string Set(string properties) => $"<D:propertyupdate xmlns:D=\"DAV:\" xmlns:m=\"urn:example:mine\"><D:set><D:prop>{properties}</D:prop></D:set></D:propertyupdate>";

    static async Task<Dictionary<XName, string>> PatchAsync(DavClient user, string path, string body)
    {
        var answer = await user.XmlAsync("PROPPATCH", path, body);
        return answer.Element(Dav + "response")!.Elements(Dav + "propstat")
            .SelectMany(part => part.Element(Dav + "prop")!.Elements().Select(property => (property.Name, Status: part.Element(Dav + "status")!.Value.Split(' ')[1])))
            .ToDictionary(found => found.Name, found => found.Status);
    }

    [Fact]
    public async Task Infinite_depth_is_refused_with_its_precondition_also_when_no_depth_is_sent()
    {
        using var ann = await DavClient.OpenAsync(world);
        foreach (var headers in new (string, string)[][] { [], [("Depth", "infinity")] })
        {
            using var answer = await ann.SendAsync("PROPFIND", "", null, headers);
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
            Assert.NotNull(XElement.Parse(await answer.Content.ReadAsStringAsync(Cancelled)).Element(Dav + "propfind-finite-depth"));
        }
        Assert.Equal(400, await ann.StatusAsync("PROPFIND", "", null, ("Depth", "2")));
        Assert.Equal(404, await ann.StatusAsync("PROPFIND", "no", null, ("Depth", "0")));
    }

    [Fact]
    public async Task A_folder_is_answered_directly_with_or_without_its_slash()
    {
        using var ann = await DavClient.OpenAsync(world);
        await ann.StatusAsync("MKCOL", "folder");
        await ann.PutAsync("folder/b.txt", "x");
        await ann.StatusAsync("MKCOL", "folder/a");
        string[] expected = [$"{ann.Root}/folder/", $"{ann.Root}/folder/a/", $"{ann.Root}/folder/b.txt"];
        Assert.Equal(expected, await ann.ListAsync("folder"));
        Assert.Equal(expected, await ann.ListAsync("folder/"));
    }

    [Fact]
    public async Task Everything_is_all_of_RFC_4918_and_what_clients_set_without_quotas()
    {
        using var ann = await DavClient.OpenAsync(world);
        await ann.PutAsync("a.txt", "x");
        await PatchAsync(ann, "a.txt", Set("<m:colour>red</m:colour>"));
        foreach (var body in new[] { "", "<propfind xmlns='DAV:'><allprop/></propfind>" })
        {
            var names = (await ann.PropertiesAsync("a.txt", body)).Keys.Select(name => name.LocalName).Order(StringComparer.Ordinal);
            Assert.Equal(
                ["colour", "creationdate", "displayname", "getcontentlength", "getcontenttype", "getetag", "getlastmodified", "lockdiscovery", "resourcetype", "supportedlock"], names);
        }
        Assert.DoesNotContain((await ann.PropertiesAsync("", "")).Keys, name => name.LocalName.StartsWith("quota", StringComparison.Ordinal));
        var included = await ann.PropertiesAsync("", "<propfind xmlns='DAV:'><allprop/><include><quota-used-bytes/><m:no xmlns:m='urn:example:mine'/></include></propfind>");
        Assert.Equal("200", included[Dav + "quota-used-bytes"].Status);
        Assert.Equal("404", included[Mine + "no"].Status);
    }

    [Fact]
    public async Task Names_only_and_named_properties()
    {
        using var ann = await DavClient.OpenAsync(world);
        await ann.PutAsync("a.txt", "x");
        await PatchAsync(ann, "a.txt", Set("<m:colour>red</m:colour>"));
        var names = await ann.PropertiesAsync("a.txt", "<propfind xmlns='DAV:'><propname/></propfind>");
        Assert.All(names.Values, found => Assert.True(found.Property.IsEmpty));
        Assert.Contains(Mine + "colour", names.Keys);
        var named = await ann.PropertiesAsync(
            "a.txt", "<propfind xmlns='DAV:'><prop><resourcetype/><m:colour xmlns:m='urn:example:mine'/><m:size xmlns:m='urn:example:mine'/><none xmlns=''/><getcontentlanguage/></prop></propfind>");
        Assert.Equal(("200", "200", "404", "404", "404"), (named[Dav + "resourcetype"].Status, named[Mine + "colour"].Status, named[Mine + "size"].Status, named["none"].Status, named[Dav + "getcontentlanguage"].Status));
    }

    [Theory]
    [InlineData("<propfind xmlns='DAV:'>")]
    [InlineData("<x:propfind xmlns:D='DAV:'><D:allprop/></x:propfind>")]
    [InlineData("<propfind xmlns='urn:other'><allprop/></propfind>")]
    [InlineData("<propfind xmlns='DAV:'/>")]
    [InlineData("<propfind xmlns='DAV:'><allprop/><propname/></propfind>")]
    [InlineData("<!DOCTYPE x [<!ENTITY a 'b'>]><propfind xmlns='DAV:'><allprop/></propfind>")]
    [InlineData("<!DOCTYPE x SYSTEM 'http://127.0.0.1:1/x'><propfind xmlns='DAV:'><allprop/></propfind>")]
    [InlineData("no xml")]
    [InlineData("<?xml version='1.0' encoding='no-such'?><propfind xmlns='DAV:'><allprop/></propfind>")]
    public async Task Bodies_that_are_no_propfind_are_refused(string body)
    {
        using var ann = await DavClient.OpenAsync(world);
        Assert.Equal(400, await ann.StatusAsync("PROPFIND", "", body, ("Depth", "0")));
    }

    [Fact]
    public async Task Bodies_are_limited_in_length_depth_and_number()
    {
        using var ann = await DavClient.OpenAsync(world);
        var deep = string.Concat(Enumerable.Repeat("<a>", 40)) + string.Concat(Enumerable.Repeat("</a>", 40));
        Assert.Equal(400, await ann.StatusAsync("PROPFIND", "", $"<propfind xmlns='DAV:'><prop>{deep}</prop></propfind>", ("Depth", "0")));
        var many = string.Concat(Enumerable.Range(0, 300).Select(i => $"<p{i}/>"));
        Assert.Equal(413, await ann.StatusAsync("PROPFIND", "", $"<propfind xmlns='DAV:'><prop>{many}</prop></propfind>", ("Depth", "0")));
        // Who asks first hears the refusal; who sends at once may find the connection closed under the rest of the body.
        Assert.Equal(413, await ann.StatusAsync("PROPFIND", "", $"<propfind xmlns='DAV:'><!--{new string('x', 1100_000)}--><allprop/></propfind>", ("Depth", "0"), ("Expect", "100-continue")));
        var wide = await RawDav.SendAsync(ann, world.Url, "PROPFIND", $"{ann.Root}/", $"186A00\r\n{new string(' ', 0x186A00)}\r\n0\r\n\r\n", ("Depth", "0"), ("Transfer-Encoding", "chunked"));
        Assert.Equal(413, wide.Status);
        Assert.Equal("507", (await PatchAsync(ann, "", Set($"<m:long>{new string('x', 70_000)}</m:long>")))[Mine + "long"]);
    }

    [Fact]
    public async Task Kept_properties_come_back_as_the_XML_that_they_were()
    {
        using var ann = await DavClient.OpenAsync(world);
        await ann.PutAsync("a.txt", "x");
        const string value = "<m:colour xml:lang=\"de\">rot &amp; <b xmlns=\"urn:b\" k=\"v\">blau 🎨</b> <D:href>x</D:href></m:colour>";
        Assert.Equal("200", (await PatchAsync(ann, "a.txt", Set(value)))[Mine + "colour"]);
        var found = (await ann.PropertiesAsync("a.txt", "<propfind xmlns='DAV:'><prop><m:colour xmlns:m='urn:example:mine'/></prop></propfind>"))[Mine + "colour"].Property;
        var expected = XElement.Parse($"<x xmlns:m='urn:example:mine' xmlns:D='DAV:'>{value}</x>").Elements().Single();
        Assert.Equal(expected.Value, found.Value);
        Assert.Equal("de", found.Attribute(XNamespace.Xml + "lang")!.Value);
        Assert.Equal(expected.Elements().Select(child => child.Name), found.Elements().Select(child => child.Name));
        Assert.Equal("v", found.Element(XName.Get("b", "urn:b"))!.Attribute("k")!.Value);
    }

    [Fact]
    public async Task Instructions_are_carried_out_in_their_order_or_not_at_all()
    {
        using var ann = await DavClient.OpenAsync(world);
        await ann.PutAsync("a.txt", "x");
        var both = await PatchAsync(ann, "a.txt", "<D:propertyupdate xmlns:D='DAV:' xmlns:m='urn:example:mine'><D:remove><D:prop><m:a/></D:prop></D:remove><D:set><D:prop><m:a>1</m:a><m:b>2</m:b></D:prop></D:set><D:remove><D:prop><m:b/></D:prop></D:remove></D:propertyupdate>");
        Assert.All(both.Values, status => Assert.Equal("200", status));
        var mixed = await PatchAsync(ann, "a.txt", Set("<m:c>3</m:c><D:getetag>x</D:getetag>"));
        Assert.Equal(("424", "403"), (mixed[Mine + "c"], mixed[Dav + "getetag"]));
        var named = await ann.PropertiesAsync("a.txt", "<propfind xmlns='DAV:'><prop><a xmlns='urn:example:mine'/><b xmlns='urn:example:mine'/><c xmlns='urn:example:mine'/></prop></propfind>");
        Assert.Equal(("200", "404", "404"), (named[Mine + "a"].Status, named[Mine + "b"].Status, named[Mine + "c"].Status));
        Assert.Equal(400, await ann.StatusAsync("PROPPATCH", "a.txt", "<D:propertyupdate xmlns:D='DAV:'/>"));
        Assert.Equal(400, await ann.StatusAsync("PROPPATCH", "a.txt"));
        Assert.Equal(404, await ann.StatusAsync("PROPPATCH", "no.txt", Set("<m:c>3</m:c>")));
    }

    [Fact]
    public async Task Kept_properties_follow_moves_and_copies_and_die_with_their_resource()
    {
        using var ann = await DavClient.OpenAsync(world);
        await ann.StatusAsync("MKCOL", "folder");
        await ann.PutAsync("folder/a.txt", "x");
        await PatchAsync(ann, "folder/a.txt", Set("<m:colour>red</m:colour>"));
        await PatchAsync(ann, "folder", Set("<m:colour>blue</m:colour>"));
        Assert.Equal(201, await ann.StatusAsync("COPY", "folder", null, ("Destination", $"{ann.Root}/copy")));
        Assert.Equal(201, await ann.StatusAsync("MOVE", "folder/a.txt", null, ("Destination", $"{ann.Root}/moved.txt")));
        const string ask = "<propfind xmlns='DAV:'><prop><colour xmlns='urn:example:mine'/></prop></propfind>";
        foreach (var (path, colour) in new[] { ("copy", "blue"), ("copy/a.txt", "red"), ("moved.txt", "red") })
            Assert.Equal(colour, (await ann.PropertiesAsync(path, ask))[Mine + "colour"].Property.Value);
        Assert.Equal(204, await ann.StatusAsync("DELETE", "moved.txt"));
        Assert.Equal(201, await ann.PutAsync("moved.txt", "y"));
        Assert.Equal("404", (await ann.PropertiesAsync("moved.txt", ask))[Mine + "colour"].Status);
        await ann.PutAsync("plain.txt", "z");
        Assert.Equal(204, await ann.StatusAsync("COPY", "plain.txt", null, ("Destination", $"{ann.Root}/copy/a.txt")));
        Assert.Equal("404", (await ann.PropertiesAsync("copy/a.txt", ask))[Mine + "colour"].Status);
    }

    [Fact]
    public async Task Windows_sets_its_times_and_attributes()
    {
        using var ann = await DavClient.OpenAsync(world);
        await ann.PutAsync("a.txt", "x");
        var set = await PatchAsync(
            ann, "a.txt",
            "<?xml version=\"1.0\" encoding=\"utf-8\" ?><D:propertyupdate xmlns:D=\"DAV:\" xmlns:Z=\"urn:schemas-microsoft-com:\"><D:set><D:prop><Z:Win32CreationTime>Thu, 02 Jan 2020 03:04:05 GMT</Z:Win32CreationTime><Z:Win32LastAccessTime>Thu, 02 Jan 2020 03:04:05 GMT</Z:Win32LastAccessTime><Z:Win32LastModifiedTime>Fri, 03 Jan 2020 03:04:05 GMT</Z:Win32LastModifiedTime><Z:Win32FileAttributes>00000020</Z:Win32FileAttributes></D:prop></D:set></D:propertyupdate>");
        Assert.Equal(4, set.Count);
        Assert.All(set.Values, status => Assert.Equal("200", status));
        Assert.Equal(new DateTimeOffset(2020, 1, 3, 3, 4, 5, TimeSpan.Zero), (await ann.NodeAsync("a.txt")).ModifiedAt);
        var kept = await ann.PropertiesAsync("a.txt", "<propfind xmlns='DAV:'><prop><Win32FileAttributes xmlns='urn:schemas-microsoft-com:'/><getlastmodified/></prop></propfind>");
        Assert.Equal("00000020", kept[XName.Get("Win32FileAttributes", "urn:schemas-microsoft-com:")].Property.Value);
        Assert.Equal("Fri, 03 Jan 2020 03:04:05 GMT", kept[Dav + "getlastmodified"].Property.Value);
    }

    [Fact]
    public async Task The_executable_bit_is_the_files_own()
    {
        using var ann = await DavClient.OpenAsync(world);
        await ann.PutAsync("run.sh", "x");
        await PatchAsync(ann, "run.sh", "<propertyupdate xmlns='DAV:'><set><prop><executable xmlns='http://apache.org/dav/props/'>T</executable></prop></set></propertyupdate>");
        Assert.True((await ann.NodeAsync("run.sh")).Executable);
        var found = await ann.PropertiesAsync("run.sh", "<propfind xmlns='DAV:'><prop><executable xmlns='http://apache.org/dav/props/'/></prop></propfind>");
        Assert.Equal("T", found[XName.Get("executable", "http://apache.org/dav/props/")].Property.Value);
    }

    [Fact]
    public async Task A_folder_of_several_pages_is_listed_whole_and_in_order()
    {
        using var ann = await DavClient.OpenAsync(world);
        var operations = Enumerable.Range(0, 2500).Select(i => $$"""{"op":"createFolder","nodeId":"{{Guid.CreateVersion7()}}","parentId":"{{ann.Space.Id}}","name":"f{{i:0000}}"}""");
        using var made = await ann.Api.PostAsync(
            $"/api/v1/spaces/{ann.Space.Id}/changesets",
            new StringContent($$"""{"id":"{{Guid.CreateVersion7()}}","operations":[{{string.Join(',', operations)}}]}""", Encoding.UTF8, "application/json"), Cancelled);
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        Assert.Equal(Enumerable.Range(0, 2500).Select(i => $"{ann.Root}/f{i:0000}/"), (await ann.ListAsync("")).Skip(1));
    }

    [Fact]
    public async Task What_a_caller_may_not_list_is_not_in_a_listing()
    {
        using var ann = await DavClient.OpenAsync(world, "manager");
        await ann.StatusAsync("MKCOL", "open");
        await ann.StatusAsync("MKCOL", "closed");
        using var bob = await ann.BesideAsync(world, "bob");
        var closed = (await ann.NodeAsync("closed")).Id;
        using var stop = await ann.Api.PutAsync($"/api/v1/spaces/{ann.Space.Id}/nodes/{closed}/inheritance", new StringContent("{\"inherit\":false}", Encoding.UTF8, "application/json"), Cancelled);
        Assert.True(stop.IsSuccessStatusCode, await stop.Content.ReadAsStringAsync(Cancelled));
        Assert.Equal([$"{bob.Root}/", $"{bob.Root}/open/"], await bob.ListAsync(""));
        Assert.Equal(404, await bob.StatusAsync("PROPFIND", "closed", null, ("Depth", "0")));
        Assert.Equal(409, await bob.PutAsync("closed/a.txt", "x"));
        Assert.Equal(409, await bob.PutAsync("no/a.txt", "x"));
    }

    [Fact]
    public async Task A_listing_shows_each_change_at_once_by_whatever_door_it_came()
    {
        using var ann = await DavClient.OpenAsync(world, "manager");
        await ann.StatusAsync("MKCOL", "folder");
        using var bob = await ann.BesideAsync(world, "bob");
        async Task IsAsync(params string[] names) => Assert.Equal(names, (await bob.ListAsync("folder")).Skip(1).Select(href => href.Split('/')[^1]));
        await IsAsync();
        await ann.PutAsync("folder/a.txt", "x");
        await IsAsync("a.txt");
        await IsAsync("a.txt");
        using var put = await ann.Api.PutAsync($"{ann.Files}/folder/b.txt", new StringContent("x"), Cancelled);
        await IsAsync("a.txt", "b.txt");
        await ann.PutAsync("folder/._c", "x");
        await IsAsync("a.txt", "b.txt", "._c");
        await ann.StatusAsync("MOVE", "folder/a.txt", null, ("Destination", $"{ann.Root}/folder/d.txt"));
        await IsAsync("b.txt", "d.txt", "._c");
        await ann.StatusAsync("DELETE", "folder/b.txt");
        await IsAsync("d.txt", "._c");
        var folder = (await ann.NodeAsync("folder")).Id;
        using var stop = await ann.Api.PutAsync($"/api/v1/spaces/{ann.Space.Id}/nodes/{folder}/inheritance", new StringContent("{\"inherit\":false}", Encoding.UTF8, "application/json"), Cancelled);
        Assert.True(stop.IsSuccessStatusCode);
        Assert.Equal(404, await bob.StatusAsync("PROPFIND", "folder", null, ("Depth", "1")));
    }
}
