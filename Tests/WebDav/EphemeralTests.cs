using System.Net.Http.Json;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.DependencyInjection;
using Tests.Support;

namespace Tests.WebDav;

/// <summary>Files that programs make for themselves.</summary>
public sealed class EphemeralTests(World world) : IClassFixture<World>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    static async Task<string[]> NamesAsync(DavClient user) =>
        [.. (await user.Api.GetFromJsonAsync($"{user.Files}/", WireJson.Default.PageNode, Cancelled))!.Items.Select(node => node.Name)];

    static async Task<long> RevisionAsync(DavClient user) =>
        (await user.Api.GetFromJsonAsync($"/api/v1/spaces/{user.Space.Id}", WireJson.Default.Space, Cancelled))!.Revision;

    [Theory]
    [InlineData("._a.txt")]
    [InlineData(".DS_Store")]
    [InlineData("~$report.docx")]
    [InlineData(".~lock.report.odt%23")]
    [InlineData("~WRD0001.tmp")]
    [InlineData("3F2A.tmp")]
    public async Task They_are_read_and_written_here_and_seen_nowhere_else(string name)
    {
        using var ann = await DavClient.OpenAsync(world);
        var before = await RevisionAsync(ann);
        using var put = await ann.SendAsync("PUT", name, "junk");
        Assert.Equal(201, (int)put.StatusCode);
        Assert.Equal(204, await ann.PutAsync(name, "more junk"));
        Assert.Equal("more junk", await ann.GetAsync(name));
        Assert.Equal([$"{ann.Root}/", $"{ann.Root}/{name}"], await ann.ListAsync(""));
        Assert.Equal(200, await ann.StatusAsync("HEAD", name));
        Assert.Equal(412, await ann.PutAsync(name, "x", ("If-Match", put.Headers.ETag!.Tag)));
        Assert.Equal(207, await ann.StatusAsync("PROPPATCH", name, "<propertyupdate xmlns='DAV:'><set><prop><Win32FileAttributes xmlns='urn:schemas-microsoft-com:'>00000022</Win32FileAttributes></prop></set></propertyupdate>"));
        Assert.Empty(await NamesAsync(ann));
        Assert.Equal(before, await RevisionAsync(ann));
        Assert.Equal(204, await ann.StatusAsync("DELETE", name));
        Assert.Equal(404, await ann.StatusAsync("GET", name));
        Assert.Empty((await ann.Api.GetFromJsonAsync($"/api/v1/spaces/{ann.Space.Id}/trash", WireJson.Default.PageNode, Cancelled))!.Items);
    }

    [Fact]
    public async Task Renamed_they_are_files_like_any_other_and_go_on_as_the_name_did()
    {
        using var ann = await DavClient.OpenAsync(world);
        Assert.Equal(201, await ann.PutAsync("one.tmp", "one"));
        Assert.Equal(201, await ann.StatusAsync("MOVE", "one.tmp", null, ("Destination", $"{ann.Root}/a.txt")));
        Assert.Equal(201, await ann.PutAsync("two.tmp", "two"));
        Assert.Equal(204, await ann.StatusAsync("MOVE", "two.tmp", null, ("Destination", $"{ann.Root}/a.txt")));
        Assert.Equal(2, (await ann.NodeAsync("a.txt")).Version);
        Assert.Equal("two", await ann.GetAsync("a.txt"));
        Assert.Equal(404, await ann.StatusAsync("GET", "two.tmp"));
        Assert.Equal(["a.txt"], await NamesAsync(ann));
        Assert.Equal(201, await ann.PutAsync("x.tmp", "x"));
        Assert.Equal(201, await ann.StatusAsync("MOVE", "x.tmp", null, ("Destination", $"{ann.Root}/y.tmp")));
        Assert.Equal("x", await ann.GetAsync("y.tmp"));
        Assert.Equal(201, await ann.StatusAsync("COPY", "y.tmp", null, ("Destination", $"{ann.Root}/z.tmp")));
        Assert.Equal(["a.txt"], await NamesAsync(ann));
    }

    [Fact]
    public async Task A_large_one_is_a_file_like_any_other()
    {
        using var ann = await DavClient.OpenAsync(world);
        Assert.Equal(201, await ann.PutAsync("a.tmp", "small"));
        var large = new string('x', 1_100_000);
        Assert.Equal(204, await ann.PutAsync("a.tmp", large));
        Assert.Equal(large, await ann.GetAsync("a.tmp"));
        Assert.Equal(["a.tmp"], await NamesAsync(ann));
        var body = $"{large.Length:x}\r\n{large}\r\n0\r\n\r\n";
        var chunked = await RawDav.SendAsync(ann, world.Url, "PUT", $"{ann.Root}/b.tmp", body, ("Transfer-Encoding", "chunked"));
        Assert.Equal(201, chunked.Status);
        Assert.Equal(large, await ann.GetAsync("b.tmp"));
    }

    [Fact]
    public async Task A_file_that_has_the_name_already_stays_one()
    {
        using var ann = await DavClient.OpenAsync(world);
        using var put = await ann.Api.PutAsync($"{ann.Files}/data.tmp", new StringContent("one"), Cancelled);
        Assert.True(put.IsSuccessStatusCode);
        Assert.Equal(204, await ann.PutAsync("data.tmp", "two"));
        Assert.Equal(2, (await ann.NodeAsync("data.tmp")).Version);
    }

    [Fact]
    public async Task What_nobody_writes_any_more_is_dropped()
    {
        using var ann = await DavClient.OpenAsync(world);
        await ann.PutAsync("._old", "x");
        await ann.PutAsync("._new", "x");
        await using (var connection = await world.Database.OpenConnectionAsync(Cancelled))
        {
            await using var age = new Npgsql.NpgsqlCommand("update dav_ephemerals set written_at = written_at - interval '31 days' where space_id = $1 and name = '._old'", connection);
            age.Parameters.AddWithValue(ann.Space.Id.Value);
            Assert.Equal(1, await age.ExecuteNonQueryAsync(Cancelled));
        }
        await world.Services.GetRequiredService<FileServer.WebDav.Ephemerals>().SweepAsync(Cancelled);
        Assert.Equal([$"{ann.Root}/", $"{ann.Root}/._new"], await ann.ListAsync(""));
    }
}
