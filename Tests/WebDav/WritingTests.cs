using System.Net;
using System.Net.Http.Json;
using FileServer.Protocol.Contracts;
using Tests.Support;

namespace Tests.WebDav;

/// <summary>GET, HEAD, PUT, MKCOL, DELETE.</summary>
public sealed class WritingTests(World world) : IClassFixture<World>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Put_makes_a_file_and_then_versions_of_it()
    {
        using var ann = await DavClient.OpenAsync(world);
        using var made = await ann.SendAsync("PUT", "a.txt", "one");
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        Assert.False(made.Headers.ETag!.IsWeak);
        using var over = await ann.SendAsync("PUT", "a.txt", "two");
        Assert.Equal(HttpStatusCode.NoContent, over.StatusCode);
        Assert.NotEqual(made.Headers.ETag, over.Headers.ETag);
        var versions = (await ann.Api.GetFromJsonAsync($"/api/v1/spaces/{ann.Space.Id}/nodes/{(await ann.NodeAsync("a.txt")).Id}/versions", WireJson.Default.PageFileVersion, Cancelled))!;
        Assert.Equal([2, 1], versions.Items.Select(version => version.Number));
        Assert.All(versions.Items, version => Assert.Equal("webdav", version.Origin));
    }

    [Fact]
    public async Task Put_head_get_and_propfind_name_the_same_tag_and_date()
    {
        using var ann = await DavClient.OpenAsync(world);
        using var put = await ann.SendAsync("PUT", "a.txt", "one", ("X-OC-Mtime", "1577934245"));
        Assert.Equal("accepted", put.Headers.GetValues("X-OC-Mtime").Single());
        using var head = await ann.SendAsync("HEAD", "a.txt", null);
        using var get = await ann.SendAsync("GET", "a.txt", null);
        var properties = await ann.PropertiesAsync("a.txt", "<propfind xmlns='DAV:'><prop><getetag/><getlastmodified/><getcontentlength/><getcontenttype/></prop></propfind>");
        Assert.Equal(put.Headers.ETag, head.Headers.ETag);
        Assert.Equal(put.Headers.ETag, get.Headers.ETag);
        Assert.Equal(put.Headers.ETag!.Tag, properties[DavClient.Dav + "getetag"].Property.Value);
        Assert.Equal("Thu, 02 Jan 2020 03:04:05 GMT", properties[DavClient.Dav + "getlastmodified"].Property.Value);
        Assert.Equal(properties[DavClient.Dav + "getlastmodified"].Property.Value, get.Content.Headers.LastModified!.Value.ToString("R"));
        Assert.Equal("3", properties[DavClient.Dav + "getcontentlength"].Property.Value);
        Assert.Equal(get.Content.Headers.ContentType!.ToString(), properties[DavClient.Dav + "getcontenttype"].Property.Value);
        Assert.Equal(3, head.Content.Headers.ContentLength);
        Assert.Equal(3, get.Content.Headers.ContentLength);
    }

    [Fact]
    public async Task Parts_are_read_but_never_put()
    {
        using var ann = await DavClient.OpenAsync(world);
        await ann.PutAsync("a.txt", "0123456789");
        using var part = await ann.SendAsync("GET", "a.txt", null, ("Range", "bytes=2-4"));
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal("234", await part.Content.ReadAsStringAsync(Cancelled));
        Assert.Equal(400, await ann.PutAsync("a.txt", "xyz", ("Content-Range", "bytes 2-4/10")));
        Assert.Equal("0123456789", await ann.GetAsync("a.txt"));
    }

    [Fact]
    public async Task Conditions_are_decided_before_the_body()
    {
        using var ann = await DavClient.OpenAsync(world);
        using var first = await ann.SendAsync("PUT", "a.txt", "one", ("If-None-Match", "*"));
        Assert.Equal(HttpStatusCode.Created, first.StatusCode);
        var tag = first.Headers.ETag!.Tag;
        Assert.Equal(412, await ann.PutAsync("a.txt", "two", ("If-None-Match", "*")));
        Assert.Equal(204, await ann.PutAsync("a.txt", "two", ("If-Match", tag)));
        Assert.Equal(412, await ann.PutAsync("a.txt", "three", ("If-Match", tag)));
        Assert.Equal(412, await ann.PutAsync("b.txt", "one", ("If-Match", tag)));
        Assert.Equal(412, await ann.PutAsync("a.txt", "three", ("If-Unmodified-Since", "Thu, 02 Jan 2020 03:04:05 GMT")));
        Assert.Equal(412, await ann.StatusAsync("DELETE", "a.txt", null, ("If-Match", tag)));
        Assert.Equal("two", await ann.GetAsync("a.txt"));
        var refused = await RawDav.SendAsync(ann, world.Url, "PUT", $"{ann.Root}/a.txt", "", ("If-Match", tag), ("Expect", "100-continue"), ("Content-Length", "1000000"));
        Assert.Equal(412, refused.Status);
    }

    [Fact]
    public async Task A_body_without_a_length_is_taken()
    {
        using var ann = await DavClient.OpenAsync(world);
        var chunked = await RawDav.SendAsync(
            ann, world.Url, "PUT", $"{ann.Root}/a.txt", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", ("Transfer-Encoding", "chunked"), ("X-Expected-Entity-Length", "11"));
        Assert.Equal(201, chunked.Status);
        Assert.Equal("hello world", await ann.GetAsync("a.txt"));
    }

    [Fact]
    public async Task A_body_that_breaks_off_leaves_the_old_file()
    {
        using var ann = await DavClient.OpenAsync(world);
        await ann.PutAsync("a.txt", "one");
        using (var client = new System.Net.Sockets.TcpClient())
        {
            await client.ConnectAsync(world.Url.Host, world.Url.Port, Cancelled);
            var head = $"PUT {ann.Root}/a.txt HTTP/1.1\r\nHost: {world.Url.Authority}\r\nAuthorization: {ann.Http.DefaultRequestHeaders.Authorization}\r\nContent-Length: 100\r\n\r\ntwo";
            await client.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(head), Cancelled);
        }
        Assert.Equal("one", await ann.GetAsync("a.txt"));
        Assert.Equal(1, (await ann.NodeAsync("a.txt")).Version);
    }

    [Fact]
    public async Task A_file_needs_its_folder_and_its_own_address()
    {
        using var ann = await DavClient.OpenAsync(world);
        Assert.Equal(201, await ann.StatusAsync("MKCOL", "folder"));
        Assert.Equal(409, await ann.PutAsync("no/a.txt", "x"));
        Assert.Equal(405, await ann.PutAsync("folder", "x"));
        Assert.Equal(405, await ann.PutAsync("folder/", "x"));
        Assert.Equal(400, await ann.PutAsync("file/", "x"));
        Assert.Equal(405, await ann.PutAsync("", "x"));
        Assert.Equal(201, await ann.PutAsync("a.txt", "x"));
        Assert.Equal(409, await ann.PutAsync("a.txt/b.txt", "x"));
    }

    [Fact]
    public async Task Folders_are_made_once_in_folders_that_are_there()
    {
        using var ann = await DavClient.OpenAsync(world);
        Assert.Equal(201, await ann.StatusAsync("MKCOL", "folder/"));
        Assert.Equal(405, await ann.StatusAsync("MKCOL", "folder"));
        Assert.Equal(405, await ann.StatusAsync("MKCOL", "FOLDER"));
        Assert.Equal(409, await ann.StatusAsync("MKCOL", "no/folder"));
        Assert.Equal(415, await ann.StatusAsync("MKCOL", "other", "<x/>"));
        Assert.Equal(405, await ann.StatusAsync("MKCOL", ""));
        await ann.PutAsync("a.txt", "x");
        Assert.Equal(405, await ann.StatusAsync("MKCOL", "a.txt"));
    }

    [Fact]
    public async Task Folders_answer_get_and_head()
    {
        using var ann = await DavClient.OpenAsync(world);
        await ann.StatusAsync("MKCOL", "folder");
        foreach (var path in new[] { "", "folder", "folder/", "/dav/" })
        {
            Assert.Equal(200, await ann.StatusAsync("HEAD", path));
            Assert.Equal(200, await ann.StatusAsync("GET", path));
        }
    }

    [Fact]
    public async Task What_is_deleted_is_in_the_trash()
    {
        using var ann = await DavClient.OpenAsync(world);
        await ann.StatusAsync("MKCOL", "folder");
        await ann.PutAsync("folder/a.txt", "x");
        Assert.Equal(400, await ann.StatusAsync("DELETE", "folder", null, ("Depth", "0")));
        Assert.Equal(204, await ann.StatusAsync("DELETE", "folder/"));
        Assert.Equal(404, await ann.StatusAsync("GET", "folder/a.txt"));
        Assert.Equal(404, await ann.StatusAsync("DELETE", "folder"));
        Assert.Equal(403, await ann.StatusAsync("DELETE", ""));
        var trash = (await ann.Api.GetFromJsonAsync($"/api/v1/spaces/{ann.Space.Id}/trash", WireJson.Default.PageNode, Cancelled))!;
        Assert.Equal("folder", Assert.Single(trash.Items).Name);
    }

    [Fact]
    public async Task A_full_space_says_so()
    {
        var space = await world.SpaceAsync($"s{Guid.CreateVersion7():N}", "editor", ["ann"], Cancelled);
        var admin = await world.AdminAsync(Cancelled);
        using var patch = await admin.PatchAsync($"/api/v1/spaces/{space.Id}", new StringContent("{\"quotaBytes\":5}", System.Text.Encoding.UTF8, "application/json"), Cancelled);
        Assert.True(patch.IsSuccessStatusCode, await patch.Content.ReadAsStringAsync(Cancelled));
        using var ann = await DavClient.OpenAsync(world, space: space);
        Assert.Equal(201, await ann.PutAsync("a.txt", "123"));
        using var full = await ann.SendAsync("PUT", "b.txt", "456789");
        Assert.Equal(507, (int)full.StatusCode);
        Assert.Contains("quota-not-exceeded", await full.Content.ReadAsStringAsync(Cancelled), StringComparison.Ordinal);
        var chunked = await RawDav.SendAsync(ann, world.Url, "PUT", $"{ann.Root}/c.txt", "6\r\n456789\r\n0\r\n\r\n", ("Transfer-Encoding", "chunked"), ("X-Expected-Entity-Length", "6"));
        Assert.Equal(507, chunked.Status);
        var properties = await ann.PropertiesAsync("", "<propfind xmlns='DAV:'><prop><quota-available-bytes/><quota-used-bytes/></prop></propfind>");
        Assert.Equal(("200", "2"), (properties[DavClient.Dav + "quota-available-bytes"].Status, properties[DavClient.Dav + "quota-available-bytes"].Property.Value));
        Assert.Equal("3", properties[DavClient.Dav + "quota-used-bytes"].Property.Value);
    }
}
