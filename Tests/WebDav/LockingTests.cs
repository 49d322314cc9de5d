using System.Net;
using System.Net.Http.Json;
using System.Xml.Linq;
using FileServer.Protocol.Contracts;
using Tests.Support;

namespace Tests.WebDav;

/// <summary>LOCK, UNLOCK, and what locks and the If header mean to all methods and doors.</summary>
public sealed class LockingTests(World world) : IClassFixture<World>
{
    static readonly XNamespace Dav = DavClient.Dav;

    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    async Task<DavClient> OpenAsync(params string[] files)
    {
        var ann = await DavClient.OpenAsync(world);
        foreach (var file in files)
            Assert.Equal(201, await (file.EndsWith('/') ? ann.StatusAsync("MKCOL", file) : ann.PutAsync(file, file)));
        return ann;
    }

    static (string, string) If(string token) => ("If", $"(<{token}>)");

    [Fact]
    public async Task A_lock_is_described_where_it_is_taken_and_where_it_is_asked_for()
    {
        using var ann = await OpenAsync("a.txt");
        using var answer = await ann.SendAsync("LOCK", "a.txt", DavClient.LockBody(), ("Timeout", "Infinite, Second-4100000000"), ("Depth", "0"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var token = answer.Headers.GetValues("Lock-Token").Single();
        Assert.Matches("^<urn:uuid:[0-9a-f-]{36}>$", token);
        var taken = XElement.Parse(await answer.Content.ReadAsStringAsync(Cancelled)).Element(Dav + "lockdiscovery")!.Element(Dav + "activelock")!;
        var asked = (await ann.PropertiesAsync("a.txt", "<propfind xmlns='DAV:'><prop><lockdiscovery/></prop></propfind>"))[Dav + "lockdiscovery"].Property.Element(Dav + "activelock")!;
        foreach (var held in new[] { taken, asked })
        {
            Assert.NotNull(held.Element(Dav + "locktype")!.Element(Dav + "write"));
            Assert.NotNull(held.Element(Dav + "lockscope")!.Element(Dav + "exclusive"));
            Assert.Equal("0", held.Element(Dav + "depth")!.Value);
            Assert.Equal("mailto:ann@example.org", held.Element(Dav + "owner")!.Element(Dav + "href")!.Value);
            Assert.InRange(int.Parse(held.Element(Dav + "timeout")!.Value["Second-".Length..]), 600, 3600);
            Assert.Equal(token.Trim('<', '>'), held.Element(Dav + "locktoken")!.Element(Dav + "href")!.Value);
            Assert.Equal($"{ann.Root}/a.txt", held.Element(Dav + "lockroot")!.Element(Dav + "href")!.Value);
        }
    }

    [Fact]
    public async Task Windows_locks_without_a_depth_and_writes_with_the_token_in_If()
    {
        using var ann = await OpenAsync();
        Assert.Equal(201, await ann.PutAsync("a.txt", ""));
        var token = await ann.LockAsync("a.txt", "exclusive", ("Timeout", "Second-3600"));
        Assert.Equal(204, await ann.PutAsync("a.txt", "one", If(token)));
        Assert.Equal(207, await ann.StatusAsync("PROPPATCH", "a.txt", "<propertyupdate xmlns='DAV:'><set><prop><Win32FileAttributes xmlns='urn:schemas-microsoft-com:'>00000020</Win32FileAttributes></prop></set></propertyupdate>", If(token)));
        Assert.Equal(204, await ann.StatusAsync("UNLOCK", "a.txt", null, ("Lock-Token", $"<{token}>")));
        Assert.Equal(204, await ann.PutAsync("a.txt", "two"));
    }

    [Fact]
    public async Task A_locked_file_is_changed_with_its_token_only_even_by_its_owner()
    {
        using var ann = await OpenAsync("a.txt");
        using var bob = await ann.BesideAsync(world, "bob");
        var token = await ann.LockAsync("a.txt");
        foreach (var user in new[] { ann, bob })
        {
            using var refused = await user.SendAsync("PUT", "a.txt", "a.txt");
            Assert.Equal(423, (int)refused.StatusCode);
            var error = XElement.Parse(await refused.Content.ReadAsStringAsync(Cancelled));
            Assert.Equal($"{ann.Root}/a.txt", error.Element(Dav + "lock-token-submitted")!.Element(Dav + "href")!.Value);
            Assert.Equal(423, await user.StatusAsync("DELETE", "a.txt"));
            Assert.Equal(423, await user.StatusAsync("MOVE", "a.txt", null, ("Destination", $"{ann.Root}/b.txt")));
            Assert.Equal(423, await user.StatusAsync("PROPPATCH", "a.txt", "<propertyupdate xmlns='DAV:'><set><prop><x xmlns='urn:x'/></prop></set></propertyupdate>"));
            Assert.Equal("a.txt", await user.GetAsync("a.txt"));
        }
        // A token is good in its owner's hands only.
        Assert.Equal(423, await bob.PutAsync("a.txt", "two", If(token)));
        Assert.Equal(204, await ann.PutAsync("a.txt", "two", If(token)));
        Assert.Equal(201, await ann.StatusAsync("COPY", "a.txt", null, ("Destination", $"{ann.Root}/copy.txt")));
        Assert.Equal(204, await ann.PutAsync("copy.txt", "free"));
    }

    [Fact]
    public async Task Other_doors_honour_the_lock()
    {
        using var ann = await OpenAsync("a.txt");
        using var bob = await ann.BesideAsync(world, "bob");
        var token = await ann.LockAsync("a.txt");
        using var put = await bob.Api.PutAsync($"{bob.Files}/a.txt", new StringContent("two"), Cancelled);
        Assert.Equal(423, (int)put.StatusCode);
        await ann.StatusAsync("UNLOCK", "a.txt", null, ("Lock-Token", $"<{token}>"));
        var node = await ann.NodeAsync("a.txt");
        using var checkedOut = await bob.Api.PostAsJsonAsync($"/api/v1/spaces/{ann.Space.Id}/nodes/{node.Id}/lock", new LockRequest("mine"), WireJson.Default.LockRequest, Cancelled);
        Assert.True(checkedOut.IsSuccessStatusCode);
        Assert.Equal(423, await ann.PutAsync("a.txt", "two"));
        Assert.Equal(423, await ann.StatusAsync("LOCK", "a.txt", DavClient.LockBody()));
        // One's own check-out does not stop one's own programs.
        Assert.Equal(204, await bob.PutAsync("a.txt", "three"));
        var shown = (await ann.PropertiesAsync("a.txt", "<propfind xmlns='DAV:'><prop><lockdiscovery/></prop></propfind>"))[Dav + "lockdiscovery"].Property.Element(Dav + "activelock")!;
        Assert.Equal("bob", shown.Element(Dav + "owner")!.Value);
        Assert.Null(shown.Element(Dav + "locktoken"));
    }

    [Fact]
    public async Task Exclusive_locks_stand_alone_and_shared_ones_beside_each_other()
    {
        using var ann = await OpenAsync("a.txt", "b.txt");
        using var bob = await ann.BesideAsync(world, "bob");
        await ann.LockAsync("a.txt");
        using var refused = await bob.SendAsync("LOCK", "a.txt", DavClient.LockBody());
        Assert.Equal(423, (int)refused.StatusCode);
        Assert.NotNull(XElement.Parse(await refused.Content.ReadAsStringAsync(Cancelled)).Element(Dav + "no-conflicting-lock"));
        Assert.Equal(423, await ann.StatusAsync("LOCK", "a.txt", DavClient.LockBody("shared")));
        var first = await ann.LockAsync("b.txt", "shared");
        var second = await bob.LockAsync("b.txt", "shared");
        Assert.NotEqual(first, second);
        Assert.Equal(423, await bob.StatusAsync("LOCK", "b.txt", DavClient.LockBody()));
        Assert.Equal(204, await bob.PutAsync("b.txt", "two", If(second)));
        Assert.Equal(423, await bob.PutAsync("b.txt", "three"));
    }

    [Fact]
    public async Task An_address_that_is_not_taken_is_locked_as_an_empty_file()
    {
        using var ann = await OpenAsync();
        using var answer = await ann.SendAsync("LOCK", "new.txt", DavClient.LockBody());
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        Assert.Equal("", await ann.GetAsync("new.txt"));
        Assert.Equal(423, await ann.PutAsync("new.txt", "x"));
        Assert.Equal(204, await ann.PutAsync("new.txt", "x", If(answer.Headers.GetValues("Lock-Token").Single().Trim('<', '>'))));
        Assert.Equal(409, await ann.StatusAsync("LOCK", "no/new.txt", DavClient.LockBody()));
    }

    [Fact]
    public async Task A_locked_folder_takes_no_members_and_gives_none_away()
    {
        using var ann = await OpenAsync("folder/", "folder/a.txt", "b.txt", "flat/", "flat/c.txt");
        var token = await ann.LockAsync("folder", "exclusive", ("Depth", "infinity"));
        Assert.Equal(423, await ann.PutAsync("folder/new.txt", "x"));
        Assert.Equal(423, await ann.StatusAsync("MKCOL", "folder/new"));
        Assert.Equal(423, await ann.PutAsync("folder/a.txt", "x"));
        Assert.Equal(423, await ann.StatusAsync("MOVE", "b.txt", null, ("Destination", $"{ann.Root}/folder/b.txt")));
        Assert.Equal(423, await ann.StatusAsync("COPY", "b.txt", null, ("Destination", $"{ann.Root}/folder/b.txt")));
        Assert.Equal(423, await ann.StatusAsync("LOCK", "folder/a.txt", DavClient.LockBody()));
        Assert.Equal(204, await ann.PutAsync("folder/a.txt", "x", If(token)));
        Assert.Equal(201, await ann.StatusAsync("COPY", "b.txt", null, ("Destination", $"{ann.Root}/folder/b.txt"), ("If", $"<{ann.Root}/folder> (<{token}>)")));
        var below = (await ann.PropertiesAsync("folder/a.txt", "<propfind xmlns='DAV:'><prop><lockdiscovery/></prop></propfind>"))[Dav + "lockdiscovery"].Property;
        Assert.Equal($"{ann.Root}/folder/", below.Element(Dav + "activelock")!.Element(Dav + "lockroot")!.Element(Dav + "href")!.Value);
        var flat = await ann.LockAsync("flat", "exclusive", ("Depth", "0"));
        Assert.Equal(423, await ann.PutAsync("flat/new.txt", "x"));
        Assert.Equal(423, await ann.StatusAsync("DELETE", "flat/c.txt"));
        Assert.Equal(204, await ann.PutAsync("flat/c.txt", "x"));
        Assert.Equal(201, await ann.PutAsync("flat/new.txt", "x", ("If", $"<{ann.Root}/flat/> (<{flat}>)")));
        Assert.Equal(400, await ann.StatusAsync("LOCK", "flat", DavClient.LockBody(), ("Depth", "1")));
    }

    [Fact]
    public async Task A_folder_goes_only_with_the_tokens_of_what_is_locked_in_it()
    {
        using var ann = await OpenAsync("folder/", "folder/a.txt");
        using var bob = await ann.BesideAsync(world, "bob");
        var token = await bob.LockAsync("folder/a.txt");
        Assert.Equal(423, await ann.StatusAsync("DELETE", "folder"));
        Assert.Equal(423, await ann.StatusAsync("MOVE", "folder", null, ("Destination", $"{ann.Root}/moved")));
        Assert.Equal(204, await bob.StatusAsync("DELETE", "folder", null, ("If", $"<{ann.Root}/folder/a.txt> (<{token}>)")));
    }

    [Fact]
    public async Task Locks_die_when_their_resource_moves_or_goes()
    {
        using var ann = await OpenAsync("a.txt");
        var token = await ann.LockAsync("a.txt");
        Assert.Equal(201, await ann.StatusAsync("MOVE", "a.txt", null, ("Destination", $"{ann.Root}/b.txt"), If(token)));
        Assert.Equal(204, await ann.PutAsync("b.txt", "free"));
        token = await ann.LockAsync("b.txt");
        Assert.Equal(204, await ann.StatusAsync("DELETE", "b.txt", null, If(token)));
        Assert.Equal(201, await ann.PutAsync("b.txt", "free"));
        Assert.Equal(204, await ann.PutAsync("b.txt", "still"));
    }

    [Fact]
    public async Task A_lock_is_refreshed_by_its_token_in_If_and_without_a_body()
    {
        using var ann = await OpenAsync("a.txt", "folder/", "folder/b.txt");
        var token = await ann.LockAsync("a.txt", "exclusive", ("Timeout", "Second-900"));
        using var answer = await ann.SendAsync("LOCK", "a.txt", null, If(token), ("Timeout", "Second-1800"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.False(answer.Headers.Contains("Lock-Token"));
        Assert.Contains("Second-1800", await answer.Content.ReadAsStringAsync(Cancelled), StringComparison.Ordinal);
        Assert.Equal(400, await ann.StatusAsync("LOCK", "a.txt"));
        Assert.Equal(412, await ann.StatusAsync("LOCK", "a.txt", null, If($"urn:uuid:{Guid.CreateVersion7()}")));
        var deep = await ann.LockAsync("folder");
        Assert.Equal(200, await ann.StatusAsync("LOCK", "folder/b.txt", null, If(deep)));
    }

    [Fact]
    public async Task A_lock_is_given_back_by_its_own_token_by_its_owner()
    {
        using var ann = await OpenAsync("a.txt", "b.txt");
        using var bob = await ann.BesideAsync(world, "bob");
        var token = await ann.LockAsync("a.txt");
        Assert.Equal(400, await ann.StatusAsync("UNLOCK", "a.txt"));
        Assert.Equal(409, await ann.StatusAsync("UNLOCK", "a.txt", null, ("Lock-Token", $"<urn:uuid:{Guid.CreateVersion7()}>")));
        Assert.Equal(409, await ann.StatusAsync("UNLOCK", "a.txt", null, ("Lock-Token", "<opaquelocktoken:x>")));
        Assert.Equal(409, await ann.StatusAsync("UNLOCK", "b.txt", null, ("Lock-Token", $"<{token}>")));
        Assert.Equal(409, await bob.StatusAsync("UNLOCK", "a.txt", null, ("Lock-Token", $"<{token}>")));
        // Old versions of Windows leave the brackets out.
        Assert.Equal(204, await ann.StatusAsync("UNLOCK", "a.txt", null, ("Lock-Token", token)));
        Assert.Equal(409, await ann.StatusAsync("UNLOCK", "a.txt", null, ("Lock-Token", $"<{token}>")));
    }

    [Fact]
    public async Task The_If_header_is_a_condition()
    {
        using var ann = await OpenAsync("b.txt");
        using var made = await ann.SendAsync("PUT", "a.txt", "one");
        var tag = made.Headers.ETag!.Tag;
        var token = await ann.LockAsync("a.txt");
        var none = $"urn:uuid:{Guid.CreateVersion7()}";
        async Task IsAsync(int status, string condition) => Assert.Equal(status, await ann.PutAsync("a.txt", "one", ("If", condition)));
        await IsAsync(204, $"(<{token}> [{tag}])");
        await IsAsync(412, $"(<{token}> [\"other\"])");
        await IsAsync(204, $"(<{token}> [\"other\"]) (<{token}>)");
        await IsAsync(204, $"(Not <{none}> <{token}>)");
        await IsAsync(412, $"(<{none}>)");
        await IsAsync(412, $"(Not <{token}>)");
        // It holds, but submits no token of the lock.
        await IsAsync(423, $"(Not <{none}>)");
        await IsAsync(423, $"([{tag}])");
        await IsAsync(204, $"<{ann.Root}/a.txt> (<{token}>) <{ann.Root}/b.txt> ([\"x\"])");
        await IsAsync(204, $"<http://{world.Url.Authority}{ann.Root}/a.txt> (<{token}>)");
        await IsAsync(412, $"<{ann.Root}/b.txt> (<{token}>)");
        await IsAsync(412, $"<{ann.Root}/no.txt> (<{token}>)");
        await IsAsync(204, $"<{ann.Root}/no.txt> (Not <{none}>) <{ann.Root}/a.txt> (<{token}>)");
        foreach (var wrong in new[] { "", "()", "<x>", "(<>)", $"(<{token}>", $"<{token}>", "(Not)", "([])", "([\"x)", "(x)", $"(<{token}>) <{ann.Root}/a.txt>", $"(<{token}>) <{ann.Root}/a.txt> (<{token}>)" })
            await IsAsync(400, wrong);
    }

    [Fact]
    public async Task A_token_of_another_resource_opens_nothing()
    {
        using var ann = await OpenAsync("a.txt", "b.txt");
        await ann.LockAsync("a.txt");
        var other = await ann.LockAsync("b.txt");
        Assert.Equal(423, await ann.PutAsync("a.txt", "x", ("If", $"<{ann.Root}/b.txt> (<{other}>)")));
    }

    [Theory]
    [InlineData("<D:lockinfo xmlns:D='DAV:'/>")]
    [InlineData("<D:lockinfo xmlns:D='DAV:'><D:lockscope><D:exclusive/></D:lockscope></D:lockinfo>")]
    [InlineData("<D:lockinfo xmlns:D='DAV:'><D:lockscope><D:other/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>")]
    [InlineData("<D:other xmlns:D='DAV:'/>")]
    [InlineData("<broken")]
    public async Task Bodies_that_ask_for_no_lock_are_refused(string body)
    {
        using var ann = await OpenAsync("a.txt");
        Assert.Equal(400, await ann.StatusAsync("LOCK", "a.txt", body));
    }

    [Fact]
    public async Task MacOS_saves_by_an_empty_file_a_lock_and_a_body_without_a_length()
    {
        using var ann = await OpenAsync();
        foreach (var name in new[] { "a.txt", "._a.txt" })
        {
            Assert.Equal(201, await ann.PutAsync(name, ""));
            var token = await ann.LockAsync(name, "exclusive", ("Timeout", "Second-600"), ("Depth", "0"));
            Assert.Equal(423, await ann.PutAsync(name, "x"));
            var put = await RawDav.SendAsync(ann, world.Url, "PUT", $"{ann.Root}/{name}", "5\r\nhello\r\n0\r\n\r\n", ("Transfer-Encoding", "chunked"), ("X-Expected-Entity-Length", "5"), If(token));
            Assert.Equal(204, put.Status);
            Assert.Equal(200, await ann.StatusAsync("LOCK", name, null, If(token), ("Timeout", "Second-600")));
            Assert.Equal(204, await ann.StatusAsync("UNLOCK", name, null, ("Lock-Token", $"<{token}>")));
            Assert.Equal("hello", await ann.GetAsync(name));
        }
    }
}
