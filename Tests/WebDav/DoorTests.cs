using System.Net;
using System.Net.Http.Headers;
using System.Xml.Linq;
using Tests.Support;

namespace Tests.WebDav;

/// <summary>Who gets in, and how addresses are read.</summary>
public sealed class DoorTests(World world) : IClassFixture<World>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/")]
    [InlineData("/dav")]
    [InlineData("/dav/")]
    [InlineData("/dav/docs")]
    [InlineData("/dav/docs/deep/down/")]
    [InlineData("/dav/no%ff/such")]
    public async Task Strangers_may_ask_what_there_is_at_every_address_above(string path)
    {
        using var stranger = world.Anonymous();
        using var request = new HttpRequestMessage(HttpMethod.Options, path);
        using var answer = await stranger.SendAsync(request, Cancelled);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("1, 2, 3", answer.Headers.GetValues("DAV").Single());
        Assert.Equal("DAV", answer.Headers.GetValues("MS-Author-Via").Single());
        Assert.Contains("PROPFIND", answer.Content.Headers.Allow);
        Assert.False(answer.Headers.Contains("X-MSDAVEXT"));
    }

    [Theory]
    [InlineData("/", 207)]
    [InlineData("/dav/", 401)]
    [InlineData("/dav/docs/", 401)]
    public async Task No_address_above_redirects(string path, int status)
    {
        using var stranger = world.Anonymous();
        using var request = new HttpRequestMessage(new HttpMethod("PROPFIND"), path);
        request.Headers.Add("Depth", "0");
        using var answer = await stranger.SendAsync(request, Cancelled);
        Assert.Equal(status, (int)answer.StatusCode);
        if (status == 401)
            Assert.Equal("Basic", answer.Headers.WwwAuthenticate.Single().Scheme);
    }

    [Fact]
    public async Task Passwords_of_accounts_are_refused_and_the_answer_says_what_is_taken()
    {
        using var client = world.Anonymous();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String("admin:the-administrator-of-a-test"u8));
        using var request = new HttpRequestMessage(new HttpMethod("PROPFIND"), "/dav/");
        request.Headers.Add("Depth", "0");
        using var answer = await client.SendAsync(request, Cancelled);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal("Basic realm=\"FileShare\", charset=\"UTF-8\"", answer.Headers.WwwAuthenticate.Single().ToString());
        Assert.Contains("personal access token", await answer.Content.ReadAsStringAsync(Cancelled), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Basic !!!")]
    [InlineData("Basic ")]
    [InlineData("Basic bm9jb2xvbg==")]
    [InlineData("Basic eDpmc19wYXRfbm9zdWNo")]
    [InlineData("Digest username=\"x\"")]
    [InlineData("Bearer eyJhbGciOiJub25lIn0.e30.")]
    public async Task Other_credentials_get_a_challenge(string authorization)
    {
        using var client = world.Anonymous();
        client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", authorization);
        using var answer = await client.GetAsync("/dav/docs/a.txt", Cancelled);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.NotEmpty(answer.Headers.WwwAuthenticate);
    }

    [Fact]
    public async Task A_personal_token_goes_as_a_password_and_as_a_bearer()
    {
        using var ann = await DavClient.OpenAsync(world);
        Assert.Equal(201, await ann.PutAsync("a.txt", "one"));
        using var bearer = world.Anonymous();
        bearer.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", ann.Token);
        Assert.Equal("one", await bearer.GetStringAsync($"{ann.Root}/a.txt", Cancelled));
        Assert.Equal("one", await ann.Api.GetStringAsync($"{ann.Root}/a.txt", Cancelled));
    }

    [Fact]
    public async Task A_space_that_one_may_not_see_is_not_there()
    {
        using var ann = await DavClient.OpenAsync(world);
        await ann.PutAsync("a.txt", "one");
        using var eve = await DavClient.OpenAsync(world, person: "eve");
        Assert.Equal(404, await eve.StatusAsync("PROPFIND", $"{ann.Root}/", null, ("Depth", "0")));
        Assert.Equal(404, await eve.StatusAsync("GET", $"{ann.Root}/a.txt"));
        Assert.Equal(404, await eve.StatusAsync("PUT", $"{ann.Root}/b.txt", "x"));
        Assert.Equal(404, await eve.StatusAsync("DELETE", $"{ann.Root}/a.txt"));
        Assert.DoesNotContain(await eve.ListAsync("/dav/"), href => href.Contains(ann.Space.Name, StringComparison.Ordinal));
        Assert.Contains($"/dav/{eve.Space.Name}/", await eve.ListAsync("/dav/"));
    }

    [Fact]
    public async Task A_reader_changes_nothing_by_any_method()
    {
        using var ann = await DavClient.OpenAsync(world);
        Assert.Equal(201, await ann.PutAsync("a.txt", "one"));
        Assert.Equal(201, await ann.StatusAsync("MKCOL", "folder"));
        using var bob = await ann.BesideAsync(world, "bob", "viewer");
        Assert.Equal("one", await bob.GetAsync("a.txt"));
        Assert.Equal(403, await bob.PutAsync("a.txt", "two"));
        Assert.Equal(403, await bob.PutAsync("b.txt", "two"));
        Assert.Equal(403, await bob.PutAsync("._b", "two"));
        Assert.Equal(403, await bob.StatusAsync("MKCOL", "other"));
        Assert.Equal(403, await bob.StatusAsync("DELETE", "a.txt"));
        Assert.Equal(403, await bob.StatusAsync("COPY", "a.txt", null, ("Destination", $"{bob.Root}/c.txt")));
        Assert.Equal(403, await bob.StatusAsync("MOVE", "a.txt", null, ("Destination", $"{bob.Root}/c.txt")));
        Assert.Equal(403, await bob.StatusAsync("LOCK", "a.txt", DavClient.LockBody()));
        Assert.Equal(403, await bob.StatusAsync("LOCK", "new.txt", DavClient.LockBody()));
        Assert.Equal(403, await bob.StatusAsync("PROPPATCH", "a.txt", "<D:propertyupdate xmlns:D='DAV:'><D:set><D:prop><x/></D:prop></D:set></D:propertyupdate>"));
        Assert.Equal(["a.txt", "folder"], (await ann.ListAsync("")).Skip(1).Select(href => href.TrimEnd('/').Split('/')[^1]));
    }

    [Theory]
    [InlineData("a%2Fb")]
    [InlineData("a%5Cb")]
    [InlineData("%2e%2e")]
    [InlineData("%2E")]
    [InlineData("%ff")]
    [InlineData("%zz")]
    [InlineData("a//b")]
    [InlineData("a%0Ab")]
    [InlineData("%E2%80%AEa")]
    public async Task Names_that_no_node_may_have_are_refused(string path)
    {
        using var ann = await DavClient.OpenAsync(world);
        var request = await RawDav.SendAsync(ann, world.Url, "PUT", $"{ann.Root}/{path}", "x");
        Assert.Equal(400, request.Status);
    }

    [Fact]
    public async Task A_name_has_one_address_and_one_node()
    {
        using var ann = await DavClient.OpenAsync(world);
        Assert.Equal(201, await ann.PutAsync("caf%C3%A9%20(1)%20&%20%25%23.txt", "one"));
        // Decomposed, as macOS writes it, and in other letters.
        Assert.Equal(204, await ann.PutAsync("CAFe%CC%81%20(1)%20%26%20%25%23.txt", "two"));
        Assert.Equal("two", await ann.GetAsync("caf%C3%A9%20(1)%20&%20%25%23.txt"));
        Assert.Equal([$"{ann.Root}/", $"{ann.Root}/caf%C3%A9%20(1)%20%26%20%25%23.txt"], await ann.ListAsync(""));
    }

    [Fact]
    public async Task Refusals_are_told_in_the_form_of_WebDAV()
    {
        using var ann = await DavClient.OpenAsync(world);
        using var answer = await ann.SendAsync("GET", "no.txt", null);
        Assert.Equal("application/xml", answer.Content.Headers.ContentType!.MediaType);
        var error = XElement.Parse(await answer.Content.ReadAsStringAsync(Cancelled));
        Assert.Equal(DavClient.Dav + "error", error.Name);
        Assert.Equal("not-found", error.Element(XName.Get("code", "urn:fileshare:problem"))!.Value);
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PATCH")]
    [InlineData("REPORT")]
    [InlineData("TRACE")]
    public async Task Other_methods_are_told_which_there_are(string method)
    {
        using var ann = await DavClient.OpenAsync(world);
        using var answer = await ann.SendAsync(method, "a.txt", null);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Contains("PROPFIND", answer.Content.Headers.Allow);
    }

    [Fact]
    public async Task What_happens_here_is_on_record()
    {
        using var ann = await DavClient.OpenAsync(world);
        await ann.PutAsync("a.txt", "one");
        await ann.GetAsync("a.txt");
        await ann.PutAsync("._a.txt", "one");
        await ann.StatusAsync("DELETE", "a.txt");
        await using var connection = await world.Database.OpenConnectionAsync(Cancelled);
        await using var command = new Npgsql.NpgsqlCommand("select action || ' ' || auth_kind from audit_events where space_id = $1 order by id", connection);
        command.Parameters.AddWithValue(ann.Space.Id.Value);
        var actions = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(Cancelled);
        while (await reader.ReadAsync(Cancelled))
            actions.Add(reader.GetString(0));
        Assert.Equal(["file.put 2", "file.read 2", "ephemeral.put 2", "node.delete 2"], actions.Where(action => action.EndsWith(" 2", StringComparison.Ordinal)));
    }
}
