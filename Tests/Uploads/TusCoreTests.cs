using System.Security.Cryptography;
using FileServer.Uploads;
using Microsoft.Extensions.DependencyInjection;
using Tests.Protocol;
using Tests.Support;

namespace Tests.Uploads;

/// <summary>The requirements of tus 1.0.0, one fact each, with the numbers of the checklist that the server was built by. Parts stand for all uploads where it does not matter.</summary>
public sealed class TusCoreTests(World world) : IClassFixture<World>
{
    static readonly byte[] Bytes = FastCdcTests.SplitMix(1, 10_000);

    async Task<TusClient> AnnAsync() => new(await world.SignedInAsync("ann", TestContext.Current.CancellationToken));

    [Fact]
    public async Task R01_Every_answer_names_the_version_errors_too()
    {
        var ann = await AnnAsync();
        var url = await ann.PartAsync(10);
        Assert.Equal("1.0.0", TusClient.Value(await ann.HeadAsync(url), "Tus-Resumable"));
        Assert.Equal("1.0.0", TusClient.Value(await ann.HeadAsync($"{TusClient.Endpoint}/nothing"), "Tus-Resumable"));
        Assert.Equal("1.0.0", TusClient.Value(await ann.SendAsync("GET", url, null), "Tus-Resumable"));
        using var stranger = world.Anonymous();
        var refused = await new TusClient(stranger).HeadAsync(url);
        TusClient.Is(401, refused);
        Assert.Equal("1.0.0", TusClient.Value(refused, "Tus-Resumable"));
    }

    [Theory]
    [InlineData("POST", "")]
    [InlineData("HEAD", "/x")]
    [InlineData("PATCH", "/x")]
    [InlineData("DELETE", "/x")]
    public async Task R02_Another_version_is_refused_with_412(string method, string path)
    {
        var answer = await (await AnnAsync()).SendAsync(method, TusClient.Endpoint + path, null, ("Tus-Resumable", "0.2.2"));
        TusClient.Is(412, answer);
        Assert.Equal("1.0.0", TusClient.Value(answer, "Tus-Version"));
    }

    [Fact]
    public async Task R03_R04_R26_OPTIONS_tells_strangers_what_the_server_can_do_whatever_version_they_speak()
    {
        using var stranger = world.Anonymous();
        foreach (var path in new[] { TusClient.Endpoint, $"{TusClient.Endpoint}/anything" })
        {
            var answer = await new TusClient(stranger).SendAsync("OPTIONS", path, null, ("Tus-Resumable", "9.9.9"));
            TusClient.Is(204, answer);
            Assert.Equal("1.0.0", TusClient.Value(answer, "Tus-Version"));
            Assert.Equal(
                "creation,creation-with-upload,creation-defer-length,expiration,checksum,checksum-trailer,termination,concatenation",
                TusClient.Value(answer, "Tus-Extension"));
            Assert.True(long.Parse(TusClient.Value(answer, "Tus-Max-Size")!) > 0);
            Assert.Equal("sha1,sha256,crc32", TusClient.Value(answer, "Tus-Checksum-Algorithm"));
            Assert.Null(TusClient.Value(answer, "Tus-Resumable"));
        }
    }

    [Fact]
    public async Task R05_The_overriding_method_is_the_one_that_is_carried_out_and_checked()
    {
        var ann = await AnnAsync();
        var url = await ann.PartAsync(Bytes.Length);
        TusClient.Is(204, await ann.SendAsync("POST", url, Bytes[..100], ("X-HTTP-Method-Override", "PATCH"), ("Upload-Offset", "0")));
        var head = await ann.SendAsync("POST", url, null, ("X-HTTP-Method-Override", "HEAD"));
        TusClient.Is(204, head);
        Assert.Equal("100", TusClient.Value(head, "Upload-Offset"));
        var bob = new TusClient(await world.SignedInAsync("bob", TestContext.Current.CancellationToken));
        TusClient.Is(404, await bob.SendAsync("POST", url, null, ("X-HTTP-Method-Override", "DELETE")));
        TusClient.Is(204, await ann.SendAsync("GET", url, null, ("X-HTTP-Method-Override", "DELETE")));
        TusClient.Is(400, await ann.SendAsync("POST", url, null, ("X-HTTP-Method-Override", "TRACE")));
    }

    [Fact]
    public async Task R06_HEAD_tells_offset_and_length_and_is_not_cached()
    {
        var ann = await AnnAsync();
        var url = await ann.PartAsync(Bytes.Length);
        var head = await ann.HeadAsync(url);
        TusClient.Is(200, head);
        Assert.Equal("0", TusClient.Value(head, "Upload-Offset"));
        Assert.Equal(Bytes.Length.ToString(), TusClient.Value(head, "Upload-Length"));
        Assert.Equal("no-store", TusClient.Value(head, "Cache-Control"));
        TusClient.Is(204, await ann.PatchAsync(url, 0, Bytes));
        Assert.Equal(Bytes.Length, await ann.OffsetAsync(url));
    }

    [Theory]
    [InlineData("0198f3b2-0000-7000-8000-000000000001")]
    [InlineData("..%2f..%2fetc%2fpasswd")]
    [InlineData("0198f3b20000700080000000000000001")]
    public async Task R07_R11_An_unknown_upload_is_not_found(string id)
    {
        var ann = await AnnAsync();
        var head = await ann.HeadAsync($"{TusClient.Endpoint}/{id}");
        TusClient.Is(404, head);
        Assert.Null(TusClient.Value(head, "Upload-Offset"));
        TusClient.Is(404, await ann.PatchAsync($"{TusClient.Endpoint}/{id}", 0, Bytes));
        TusClient.Is(404, await ann.DeleteAsync($"{TusClient.Endpoint}/{id}"));
    }

    [Fact]
    public async Task R08_Bytes_of_another_content_type_are_refused()
    {
        var ann = await AnnAsync();
        var url = await ann.PartAsync(Bytes.Length);
        TusClient.Is(415, await ann.PatchAsync(url, 0, Bytes, ("Content-Type", "application/octet-stream")));
        Assert.Equal(0, await ann.OffsetAsync(url));
    }

    [Fact]
    public async Task R09_Another_offset_is_refused_and_nothing_changes()
    {
        var ann = await AnnAsync();
        var url = await ann.PartAsync(Bytes.Length);
        TusClient.Is(204, await ann.PatchAsync(url, 0, Bytes[..10]));
        TusClient.Is(409, await ann.PatchAsync(url, 0, Bytes[..10]));
        TusClient.Is(409, await ann.PatchAsync(url, 11, Bytes[11..]));
        Assert.Equal(10, await ann.OffsetAsync(url));
    }

    [Fact]
    public async Task R10_Bytes_come_in_pieces_and_each_answer_tells_the_new_offset()
    {
        var ann = await AnnAsync();
        var url = await ann.PartAsync(Bytes.Length);
        for (var at = 0; at < Bytes.Length; at += 2500)
        {
            var answer = await ann.PatchAsync(url, at, Bytes[at..(at + 2500)]);
            TusClient.Is(204, answer);
            Assert.Equal((at + 2500).ToString(), TusClient.Value(answer, "Upload-Offset"));
        }
        TusClient.Is(409, await ann.PatchAsync(url, 7500, Bytes[7500..]));
        TusClient.Is(204, await ann.PatchAsync(url, Bytes.Length, []));
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("+1")]
    [InlineData("0x10")]
    [InlineData("1.5")]
    [InlineData("")]
    [InlineData("ten")]
    public async Task R12_T77_Lengths_and_offsets_are_plain_numbers(string value)
    {
        var ann = await AnnAsync();
        TusClient.Is(400, await ann.PostAsync(null, ("Upload-Length", value), ("Upload-Concat", "partial")));
        var url = await ann.PartAsync(10);
        TusClient.Is(400, await ann.SendAsync("PATCH", url, Bytes[..10], ("Upload-Offset", value)));
        Assert.Equal(0, await ann.OffsetAsync(url));
    }

    [Theory]
    [InlineData("9223372036854775808")]
    [InlineData("18446744073709551616")]
    [InlineData("99999999999999999999999")]
    public async Task R15_T77_Enormous_lengths_are_too_large(string length) =>
        TusClient.Is(413, await (await AnnAsync()).PostAsync(null, ("Upload-Length", length), ("Upload-Concat", "partial")));

    [Fact]
    public async Task R13_A_creation_says_its_length_or_that_it_comes_later_but_not_both()
    {
        var ann = await AnnAsync();
        TusClient.Is(400, await ann.PostAsync(null, ("Upload-Concat", "partial")));
        TusClient.Is(400, await ann.PostAsync(null, ("Upload-Concat", "partial"), ("Upload-Length", "1"), ("Upload-Defer-Length", "1")));
        TusClient.Is(400, await ann.PostAsync(null, ("Upload-Concat", "partial"), ("Upload-Length", "1"), ("Upload-Length", "2")));
    }

    [Fact]
    public async Task R14_Location_is_a_path_on_this_server()
    {
        var ann = await AnnAsync();
        Assert.StartsWith($"{TusClient.Endpoint}/", await ann.PartAsync(1));
    }

    [Fact]
    public async Task R16_An_upload_of_no_bytes_is_complete_at_once()
    {
        var ann = await AnnAsync();
        var url = await ann.PartAsync(0);
        var head = await ann.HeadAsync(url);
        Assert.Equal("0", TusClient.Value(head, "Upload-Offset"));
        Assert.Null(TusClient.Value(head, "Upload-Expires"));
    }

    [Theory]
    [InlineData("filename YS50eHQ=,empty ,bare")]
    [InlineData("filename YS50eHQ=, filetype dGV4dC9wbGFpbg==")]
    public async Task R17_Metadata_come_back_as_they_were_sent(string metadata)
    {
        var ann = await AnnAsync();
        var url = TusClient.Url(await ann.PostAsync(null, ("Upload-Length", "1"), ("Upload-Concat", "partial"), ("Upload-Metadata", metadata)));
        Assert.Equal(metadata, TusClient.Value(await ann.HeadAsync(url), "Upload-Metadata"));
    }

    [Theory]
    [InlineData("filename !!!")]
    [InlineData("filename YQ==,filename Yg==")]
    [InlineData(",")]
    [InlineData("filename /w==")]
    public async Task R18_Metadata_that_cannot_be_read_are_refused(string metadata) =>
        TusClient.Is(400, await (await AnnAsync()).PostAsync(null, ("Upload-Length", "1"), ("Upload-Concat", "partial"), ("Upload-Metadata", metadata)));

    [Fact]
    public async Task R19_R20_R21_A_deferred_length_comes_once_and_stays()
    {
        var ann = await AnnAsync();
        TusClient.Is(400, await ann.PostAsync(null, ("Upload-Concat", "partial"), ("Upload-Defer-Length", "2")));
        var url = TusClient.Url(await ann.PostAsync(null, ("Upload-Concat", "partial"), ("Upload-Defer-Length", "1")));
        TusClient.Is(204, await ann.PatchAsync(url, 0, Bytes[..100]));
        var head = await ann.HeadAsync(url);
        Assert.Equal("1", TusClient.Value(head, "Upload-Defer-Length"));
        Assert.Null(TusClient.Value(head, "Upload-Length"));
        TusClient.Is(400, await ann.PatchAsync(url, 100, Bytes[100..200], ("Upload-Length", "50")));
        TusClient.Is(204, await ann.PatchAsync(url, 100, Bytes[100..200], ("Upload-Length", "300")));
        head = await ann.HeadAsync(url);
        Assert.Equal("300", TusClient.Value(head, "Upload-Length"));
        Assert.Null(TusClient.Value(head, "Upload-Defer-Length"));
        TusClient.Is(400, await ann.PatchAsync(url, 200, Bytes[200..300], ("Upload-Length", "301")));
        TusClient.Is(204, await ann.PatchAsync(url, 200, Bytes[200..300], ("Upload-Length", "300")));
        Assert.Equal(300, await ann.OffsetAsync(url));
    }

    [Fact]
    public async Task R21_The_length_may_come_with_an_empty_last_request()
    {
        var ann = await AnnAsync();
        var url = TusClient.Url(await ann.PostAsync(null, ("Upload-Concat", "partial"), ("Upload-Defer-Length", "1")));
        TusClient.Is(204, await ann.PatchAsync(url, 0, Bytes));
        TusClient.Is(204, await ann.PatchAsync(url, Bytes.Length, [], ("Upload-Length", Bytes.Length.ToString())));
        Assert.Null(TusClient.Value(await ann.HeadAsync(url), "Upload-Expires"));
    }

    [Fact]
    public async Task R22_The_first_bytes_may_come_with_the_creation()
    {
        var ann = await AnnAsync();
        var answer = await ann.PostAsync(Bytes[..10], ("Upload-Length", "20"), ("Upload-Concat", "partial"));
        Assert.Equal("10", TusClient.Value(answer, "Upload-Offset"));
        TusClient.Is(204, await ann.PatchAsync(TusClient.Url(answer), 10, Bytes[10..20]));
        TusClient.Is(415, await ann.PostAsync(Bytes[..10], ("Upload-Length", "20"), ("Upload-Concat", "partial"), ("Content-Type", "text/plain")));
        TusClient.Is(413, await ann.PostAsync(Bytes[..21], ("Upload-Length", "20"), ("Upload-Concat", "partial")));
    }

    [Fact]
    public async Task R23_Who_asks_before_sending_is_told_to_go_on_or_not_to()
    {
        var ann = await AnnAsync();
        var answer = await ann.PostAsync(Bytes, ("Upload-Length", Bytes.Length.ToString()), ("Upload-Concat", "partial"), ("Expect", "100-continue"));
        Assert.Equal(Bytes.Length.ToString(), TusClient.Value(answer, "Upload-Offset"));
        TusClient.Is(409, await ann.PatchAsync(TusClient.Url(answer), 5, Bytes, ("Expect", "100-continue")));
    }

    [Fact]
    public async Task R24_An_unfinished_upload_says_when_it_expires()
    {
        var ann = await AnnAsync();
        var created = await ann.PostAsync(null, ("Upload-Length", "20"), ("Upload-Concat", "partial"));
        Assert.True(DateTimeOffset.Parse(TusClient.Value(created, "Upload-Expires")!) > DateTimeOffset.Parse(TusClient.Value(created, "Date")!).AddHours(23));
        var patched = await ann.PatchAsync(TusClient.Url(created), 0, Bytes[..10]);
        Assert.EndsWith("GMT", TusClient.Value(patched, "Upload-Expires"));
    }

    [Theory]
    [InlineData("sha1")]
    [InlineData("sha256")]
    [InlineData("crc32")]
    public async Task R27_Bytes_count_only_if_their_checksum_is_right(string algorithm)
    {
        var ann = await AnnAsync();
        var url = await ann.PartAsync(Bytes.Length);
        TusClient.Is(204, await ann.PatchAsync(url, 0, Bytes[..1000], ("Upload-Checksum", Sum(algorithm, Bytes[..1000]))));
        TusClient.Is(460, await ann.PatchAsync(url, 1000, Bytes[1000..2000], ("Upload-Checksum", Sum(algorithm, Bytes[..1000]))));
        Assert.Equal(1000, await ann.OffsetAsync(url));
        TusClient.Is(204, await ann.PatchAsync(url, 1000, Bytes[1000..], ("Upload-Checksum", Sum(algorithm, Bytes[1000..]))));
        Assert.Equal(Bytes.Length, await ann.OffsetAsync(url));
    }

    [Theory]
    [InlineData("md5 1B2M2Y8AsgTpgAmY7PhCfg==")]
    [InlineData("sha1 !!!")]
    [InlineData("sha1 AAAA")]
    [InlineData("sha1")]
    public async Task R27_A_checksum_that_cannot_be_used_is_refused_and_nothing_is_kept(string checksum)
    {
        var ann = await AnnAsync();
        var url = await ann.PartAsync(Bytes.Length);
        TusClient.Is(400, await ann.PatchAsync(url, 0, Bytes, ("Upload-Checksum", checksum)));
        Assert.Equal(0, await ann.OffsetAsync(url));
        TusClient.Is(460, await ann.PostAsync(Bytes, ("Upload-Length", Bytes.Length.ToString()), ("Upload-Concat", "partial"), ("Upload-Checksum", Sum("sha1", [1]))));
    }

    [Fact]
    public async Task R29_R30_A_deleted_upload_is_gone()
    {
        var ann = await AnnAsync();
        foreach (var url in new[] { await ann.PartAsync(5), await ann.PartAsync([1, 2, 3]) })
        {
            TusClient.Is(204, await ann.DeleteAsync(url));
            TusClient.Is(410, await ann.HeadAsync(url));
            TusClient.Is(410, await ann.PatchAsync(url, 0, [1]));
            TusClient.Is(410, await ann.DeleteAsync(url));
        }
    }

    [Fact]
    public async Task R36_HEAD_of_a_part_says_that_it_is_one()
    {
        var ann = await AnnAsync();
        Assert.Equal("partial", TusClient.Value(await ann.HeadAsync(await ann.PartAsync(5)), "Upload-Concat"));
    }

    [Fact]
    public async Task A_newer_request_takes_over_and_the_offset_that_it_is_told_holds()
    {
        var ann = await AnnAsync();
        var bytes = FastCdcTests.SplitMix(4, 2_000_000);
        var url = await ann.PartAsync(bytes.Length);
        await using var held = await RawRequest.OpenAsync(ann, world.Url, "PATCH", url, ("Upload-Offset", "0"), ("Content-Length", bytes.Length.ToString()));
        await held.WriteAsync(bytes.AsMemory(0, 1_000_000));
        await UntilHeldAsync(world, url);
        var offset = (int)await ann.OffsetAsync(url);
        Assert.InRange(offset, 0, 1_000_000);
        Assert.StartsWith("HTTP/1.1 423", await held.AnswerAsync());
        TusClient.Is(204, await ann.PatchAsync(url, offset, bytes[offset..]));
    }

    /// <summary>Waits until a request works on the upload; asking the server would take it over.</summary>
    internal static async Task UntilHeldAsync(World world, string url)
    {
        var live = world.Services.GetRequiredService<LiveUploads>();
        while (!live.IsHeld(Guid.Parse(url.Split('/')[^1])))
            await Task.Delay(5, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task T76_Another_users_upload_does_not_exist()
    {
        var ann = await AnnAsync();
        var bob = new TusClient(await world.SignedInAsync("bob", TestContext.Current.CancellationToken));
        var url = await ann.PartAsync(10);
        foreach (var method in new[] { "HEAD", "DELETE" })
            TusClient.Is(404, await bob.SendAsync(method, url, null));
        TusClient.Is(404, await bob.PatchAsync(url, 0, Bytes[..10]));
        Assert.Equal(0, await ann.OffsetAsync(url));
    }

    [Fact]
    public async Task T77_A_body_beyond_the_length_is_refused_and_nothing_of_it_is_kept()
    {
        var ann = await AnnAsync();
        var url = await ann.PartAsync(20);
        TusClient.Is(413, await ann.PatchAsync(url, 0, Bytes[..21]));
        Assert.Equal(0, await ann.OffsetAsync(url));
        TusClient.Is(204, await ann.PatchAsync(url, 0, Bytes[..20]));
        TusClient.Is(413, await ann.PatchAsync(url, 20, [1]));
    }

    internal static string Sum(string algorithm, byte[] bytes)
    {
        var sum = algorithm switch
        {
            "sha1" => SHA1.HashData(bytes),
            "sha256" => SHA256.HashData(bytes),
            _ => [.. System.IO.Hashing.Crc32.Hash(bytes).Reverse()],
        };
        return $"{algorithm} {Convert.ToBase64String(sum)}";
    }
}
