using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using FileServer.Database;
using FileServer.Protocol.Contracts;
using Tests.Support;

namespace Tests.Files;

/// <summary>Bytes over the wire, as RFC 9110 wants them.</summary>
public sealed class DownloadTests(World world) : IClassFixture<World>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_whole_file_comes_with_all_that_a_cache_and_a_browser_need()
    {
        var (ann, bytes, url) = await FileAsync("whole", "Grüße 1.html", 3_000_000);
        using var answer = await ann.GetAsync(url, Cancelled);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(bytes, await answer.Content.ReadAsByteArrayAsync(Cancelled));
        Assert.False(answer.Headers.ETag!.IsWeak);
        Assert.Equal(bytes.Length, answer.Content.Headers.ContentLength);
        Assert.Equal("bytes", Header(answer, "Accept-Ranges"));
        Assert.NotNull(answer.Content.Headers.LastModified);
        Assert.Equal($"sha-256=:{Convert.ToBase64String(SHA256.HashData(bytes))}:", Header(answer, "Repr-Digest"));
        Assert.Equal("no-cache, private", Header(answer, "Cache-Control"));
        Assert.Equal("nosniff", Header(answer, "X-Content-Type-Options"));
        Assert.Equal("same-origin", Header(answer, "Cross-Origin-Resource-Policy"));
        Assert.StartsWith("sandbox; default-src 'none'", Header(answer, "Content-Security-Policy"), StringComparison.Ordinal);
        Assert.Equal("attachment; filename=\"Gr__e 1.html\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%201.html", Header(answer, "Content-Disposition"));
        Assert.Equal("text/html; charset=utf-8", Header(answer, "Content-Type"));
        Assert.False(answer.Headers.Contains("Server"));
    }

    [Fact]
    public async Task HEAD_says_the_same_as_GET_and_ignores_ranges()
    {
        var (ann, bytes, url) = await FileAsync("head", "a.bin", 5000);
        using var get = await ann.GetAsync(url, Cancelled);
        using var head = await SendAsync(ann, url, HttpMethod.Head, ("Range", "bytes=0-9"));
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        Assert.Equal(bytes.Length, head.Content.Headers.ContentLength);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync(Cancelled));
        foreach (var name in new[] { "ETag", "Last-Modified", "Accept-Ranges", "Repr-Digest", "Content-Type", "Content-Disposition", "Cache-Control" })
            Assert.Equal(Header(get, name), Header(head, name));
    }

    [Theory]
    [InlineData("bytes=0-0", 0, 1)]
    [InlineData("bytes=1000000-", 1_000_000, 2_000_000)]
    [InlineData("bytes=-5", 2_999_995, 5)]
    [InlineData("bytes=1048570-1048580", 1_048_570, 11)]
    public async Task One_range_is_sent_as_206(string range, int start, int length)
    {
        var (ann, bytes, url) = await FileAsync("range", "a.bin", 3_000_000);
        using var answer = await SendAsync(ann, url, HttpMethod.Get, ("Range", range));
        Assert.Equal(HttpStatusCode.PartialContent, answer.StatusCode);
        Assert.Equal($"bytes {start}-{start + length - 1}/{bytes.Length}", Header(answer, "Content-Range"));
        Assert.Equal(length, answer.Content.Headers.ContentLength);
        Assert.Equal(bytes[start..(start + length)], await answer.Content.ReadAsByteArrayAsync(Cancelled));
        // Of the whole, on a part too.
        Assert.Equal($"sha-256=:{Convert.ToBase64String(SHA256.HashData(bytes))}:", Header(answer, "Repr-Digest"));
    }

    [Fact]
    public async Task Several_ranges_are_sent_as_parts_in_their_order()
    {
        var (ann, bytes, url) = await FileAsync("multi", "a.txt", 3000);
        using var answer = await SendAsync(ann, url, HttpMethod.Get, ("Range", "bytes=2990-, 0-4,5000-"));
        Assert.Equal(HttpStatusCode.PartialContent, answer.StatusCode);
        var boundary = answer.Content.Headers.ContentType!.Parameters.Single(parameter => parameter.Name == "boundary").Value!;
        var body = await answer.Content.ReadAsByteArrayAsync(Cancelled);
        Assert.Equal(body.Length, answer.Content.Headers.ContentLength);
        byte[] expected =
        [
            .. Encoding.ASCII.GetBytes($"\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 2990-2999/3000\r\n\r\n"), .. bytes[2990..],
            .. Encoding.ASCII.GetBytes($"\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-4/3000\r\n\r\n"), .. bytes[..5],
            .. Encoding.ASCII.GetBytes($"\r\n--{boundary}--\r\n"),
        ];
        Assert.Equal(expected, body);
        Assert.False(answer.Content.Headers.Contains("Content-Range"));
    }

    [Fact]
    public async Task A_range_behind_the_end_is_416_and_says_how_long_the_file_is()
    {
        var (ann, _, url) = await FileAsync("416", "a.bin", 100);
        using var answer = await SendAsync(ann, url, HttpMethod.Get, ("Range", "bytes=100-"));
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, answer.StatusCode);
        Assert.Equal("bytes */100", Header(answer, "Content-Range"));
        Assert.Equal("range-not-satisfiable", (await ProblemAsync(answer)).Code);
        Assert.False(answer.Headers.Contains("Repr-Digest"));
    }

    [Fact]
    public async Task If_Range_resumes_only_the_same_bytes()
    {
        var (ann, bytes, url) = await FileAsync("ifrange", "a.bin", 1000);
        using var first = await ann.GetAsync(url, Cancelled);
        using var same = await SendAsync(ann, url, HttpMethod.Get, ("Range", "bytes=500-"), ("If-Range", Header(first, "ETag")));
        Assert.Equal(HttpStatusCode.PartialContent, same.StatusCode);
        var changed = await PutAsync(ann, url, 1001);
        using var other = await SendAsync(ann, url, HttpMethod.Get, ("Range", "bytes=500-"), ("If-Range", Header(first, "ETag")));
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
        Assert.Equal(changed, await other.Content.ReadAsByteArrayAsync(Cancelled));
        using var later = await SendAsync(ann, url, HttpMethod.Get, ("Range", "bytes=500-"), ("If-Range", DateTimeOffset.UnixEpoch.AddYears(200).ToString("R")));
        Assert.Equal(HttpStatusCode.OK, later.StatusCode);
        Assert.NotEqual(bytes, changed);
    }

    [Fact]
    public async Task What_the_caller_has_is_304_and_what_has_changed_is_412()
    {
        var (ann, _, url) = await FileAsync("304", "a.bin", 1000);
        using var first = await ann.GetAsync(url, Cancelled);
        using var known = await SendAsync(ann, url, HttpMethod.Get, ("If-None-Match", Header(first, "ETag")));
        Assert.Equal(HttpStatusCode.NotModified, known.StatusCode);
        Assert.Equal(Header(first, "ETag"), Header(known, "ETag"));
        Assert.Equal("no-cache, private", Header(known, "Cache-Control"));
        using var since = await SendAsync(ann, url, HttpMethod.Get, ("If-Modified-Since", Header(first, "Last-Modified")));
        Assert.Equal(HttpStatusCode.NotModified, since.StatusCode);
        await PutAsync(ann, url, 1000);
        using var failed = await SendAsync(ann, url, HttpMethod.Get, ("If-Match", Header(first, "ETag")));
        Assert.Equal(HttpStatusCode.PreconditionFailed, failed.StatusCode);
        Assert.Equal("precondition-failed", (await ProblemAsync(failed)).Code);
        using var anew = await SendAsync(ann, url, HttpMethod.Get, ("If-None-Match", Header(first, "ETag")));
        Assert.Equal(HttpStatusCode.OK, anew.StatusCode);
    }

    [Fact]
    public async Task No_condition_is_decided_for_strangers()
    {
        var (ann, _, url) = await FileAsync("strangers", "a.bin", 10);
        using var first = await ann.GetAsync(url, Cancelled);
        using var stranger = await SendAsync(await world.SignedInAsync("stranger", Cancelled), url, HttpMethod.Get, ("If-None-Match", Header(first, "ETag")));
        Assert.Equal(HttpStatusCode.NotFound, stranger.StatusCode);
        using var nobody = await SendAsync(world.Anonymous(), url, HttpMethod.Get, ("If-None-Match", Header(first, "ETag")));
        Assert.Equal(HttpStatusCode.Unauthorized, nobody.StatusCode);
    }

    [Fact]
    public async Task A_version_s_own_address_never_changes()
    {
        var (ann, bytes, url) = await FileAsync("pinned", "a.bin", 700);
        var node = await NodeAsync(ann, url);
        await PutAsync(ann, url, 900);
        using var old = await ann.GetAsync($"/api/v1/spaces/pinned/nodes/{node.Id}/content?version=1", Cancelled);
        Assert.Equal(bytes, await old.Content.ReadAsByteArrayAsync(Cancelled));
        Assert.Equal("max-age=31536000, private, immutable", Header(old, "Cache-Control"));
        using var none = await ann.GetAsync($"/api/v1/spaces/pinned/nodes/{node.Id}/content?version=9", Cancelled);
        Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
    }

    [Theory]
    [InlineData("a.png", "inline", "image/png")]
    [InlineData("a.txt", "inline", "text/plain; charset=utf-8")]
    [InlineData("a.svg", "attachment", "image/svg+xml")]
    [InlineData("a.html", "attachment", "text/html; charset=utf-8")]
    [InlineData("a.xml", "attachment", "application/xml")]
    [InlineData("a.pdf", "attachment", "application/pdf")]
    [InlineData("a.unknown", "attachment", "application/octet-stream")]
    public async Task Only_what_cannot_run_is_ever_shown_in_place(string name, string kind, string type)
    {
        var (ann, _, url) = await FileAsync("inline", name, 10);
        using var asked = await ann.GetAsync($"{url}?inline", Cancelled);
        Assert.StartsWith($"{kind};", Header(asked, "Content-Disposition"), StringComparison.Ordinal);
        Assert.Equal(type, Header(asked, "Content-Type"));
        using var plain = await ann.GetAsync(url, Cancelled);
        Assert.StartsWith("attachment;", Header(plain, "Content-Disposition"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_file_is_sent_as_such()
    {
        var (ann, _, url) = await FileAsync("empty", "a.bin", 0);
        using var whole = await ann.GetAsync(url, Cancelled);
        Assert.Equal(HttpStatusCode.OK, whole.StatusCode);
        Assert.Equal(0, whole.Content.Headers.ContentLength);
        Assert.Equal($"sha-256=:{Convert.ToBase64String(SHA256.HashData([]))}:", Header(whole, "Repr-Digest"));
        using var first = await SendAsync(ann, url, HttpMethod.Get, ("Range", "bytes=0-"));
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, first.StatusCode);
    }

    [Fact]
    public async Task Each_read_is_on_record_with_its_ranges_and_nothing_else_is()
    {
        var (ann, _, url) = await FileAsync("audited", "a.bin", 1000);
        var node = await NodeAsync(ann, url);
        using var whole = await ann.GetAsync(url, Cancelled);
        using var known = await SendAsync(ann, url, HttpMethod.Get, ("If-None-Match", Header(whole, "ETag")));
        using var head = await SendAsync(ann, url, HttpMethod.Head);
        using var part = await SendAsync(ann, url, HttpMethod.Get, ("Range", "bytes=1-2,10-19"));
        var rows = await world.Database.QueryAsync<(string Actor, string Subject, string Detail)>(
            "select actor, subject, detail from audit_events where action = 'file.read' and node_id = @node order by id", new { node = node.Id }, Cancelled);
        Assert.Equal(
            [("ann", "/a.bin", """{"version":1,"bytes":1000}"""), ("ann", "/a.bin", """{"version":1,"bytes":12,"ranges":"1-2,10-19"}""")], rows);
    }

    [Fact]
    public async Task A_folder_s_bytes_and_a_hidden_file_s_are_not_found_alike()
    {
        var (ann, _, url) = await FileAsync("hidden", "a.bin", 10);
        var stranger = await world.SignedInAsync("stranger", Cancelled);
        var texts = new List<string>();
        foreach (var target in new[] { url, "/api/v1/spaces/hidden/files/none.bin", "/api/v1/spaces/none/files/none.bin" })
        {
            using var answer = await stranger.GetAsync(target, Cancelled);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            texts.Add((await ProblemAsync(answer)).Code!);
        }
        Assert.Single(texts.Distinct());
        using var folder = await ann.GetAsync("/api/v1/spaces/hidden/nodes/" + (await NodeAsync(ann, url)).ParentId + "/content", Cancelled);
        Assert.Equal(HttpStatusCode.NotFound, folder.StatusCode);
    }

    async Task<(HttpClient Ann, byte[] Bytes, string Url)> FileAsync(string space, string name, int length)
    {
        var ann = await world.SignedInAsync("ann", Cancelled);
        using (var there = await ann.GetAsync($"/api/v1/spaces/{space}", Cancelled))
        {
            if (!there.IsSuccessStatusCode)
                await world.SpaceAsync(space, "editor", ["ann"], Cancelled);
        }
        var url = $"/api/v1/spaces/{space}/files/{Uri.EscapeDataString(name)}";
        return (ann, await PutAsync(ann, url, length), url);
    }

    static async Task<byte[]> PutAsync(HttpClient client, string url, int length)
    {
        var bytes = RandomNumberGenerator.GetBytes(length);
        using var answer = await client.PutAsync(url, new ByteArrayContent(bytes), Cancelled);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Cancelled));
        return bytes;
    }

    static async Task<Node> NodeAsync(HttpClient client, string url) => (await client.GetFromJsonAsync($"{url}?stat", WireJson.Default.Node, Cancelled))!;

    static async Task<HttpResponseMessage> SendAsync(HttpClient client, string url, HttpMethod method, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, url);
        foreach (var (name, value) in headers)
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        return await client.SendAsync(request, Cancelled);
    }

    static async Task<Problem> ProblemAsync(HttpResponseMessage answer)
    {
        Assert.Equal(new MediaTypeHeaderValue("application/problem+json"), answer.Content.Headers.ContentType);
        return (await answer.Content.ReadFromJsonAsync(WireJson.Default.Problem, Cancelled))!;
    }

    static string Header(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) || answer.Content.Headers.TryGetValues(name, out values) ? string.Join(", ", values) : "";
}
