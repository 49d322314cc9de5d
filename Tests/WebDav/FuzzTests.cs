using System.Text;
using FileServer.Http;
using FileServer.WebDav;
using Tests.Support;

namespace Tests.WebDav;

/// <summary>
/// Requests that no sane client sends. Whatever comes, the answer is no fault of the server's. WEBDAV_FUZZ=100000 asks for a long run; WEBDAV_SEED for one
/// that went before.
/// </summary>
public sealed class FuzzTests(World world, ITestOutputHelper output) : IClassFixture<World>
{
    const long MostMemory = 512L << 20;

    static readonly string[] Methods = ["PROPFIND", "PROPPATCH", "LOCK", "UNLOCK", "COPY", "MOVE", "PUT", "DELETE", "MKCOL", "GET", "HEAD"];
    static readonly string[] Names = ["a.txt", "b.txt", "folder", "folder/c.txt", "folder/", "._x", "~$y", "no/where", "", "%20", "a%2Fb", "%ff", "%zz", "x.tmp", "..", "%C3%A4", "//", "?q", ";p"];

    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    static int Rounds(int usual) => int.TryParse(Environment.GetEnvironmentVariable("WEBDAV_FUZZ"), out var asked) ? asked : usual;

    Random Seeded()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("WEBDAV_SEED"), out var asked) ? asked : Environment.TickCount;
        output.WriteLine($"WEBDAV_SEED={seed}");
        return new Random(seed);
    }

    [Fact]
    public async Task No_request_is_answered_with_a_fault_of_the_server()
    {
        var random = Seeded();
        using var ann = await DavClient.OpenAsync(world);
        var tokens = new List<string> { $"urn:uuid:{Guid.CreateVersion7()}" };
        await ann.StatusAsync("MKCOL", "folder");
        await ann.PutAsync("a.txt", "one");
        tokens.Add(await ann.LockAsync("a.txt"));
        for (var i = 0; i < Rounds(2000); i++)
        {
            var request = new Wish(
                Pick(random, Methods), $"{ann.Root}/{Pick(random, Names)}", random.Next(2) == 0 ? "" : Body(random),
                [.. Headers(random, ann, tokens).Where(_ => random.Next(3) > 0)]);
            var (status, lockToken) = await SendAsync(ann, request);
            Assert.True(status is > 0 and < 500 or 502 or 507, $"{status} for {request}");
            if (lockToken is not null)
                tokens.Add(lockToken);
        }
        Assert.True(GC.GetTotalMemory(forceFullCollection: true) < MostMemory);
    }

    [Fact]
    public void No_If_header_is_read_with_a_fault_of_the_server()
    {
        var random = Seeded();
        var refused = 0;
        for (var i = 0; i < Rounds(20_000); i++)
        {
            var text = Condition(random, ["urn:uuid:01a2118e-9724-751a-82ea-7ee0d461fae0"]);
            try
            {
                IfHeader.Parse(text).Holds(_ => IfState.Nothing);
            }
            catch (Refusal)
            {
                refused++;
            }
        }
        Assert.NotEqual(0, refused);
    }

    sealed record Wish(string Method, string Target, string Body, IReadOnlyList<(string Name, string Value)> Headers)
    {
        public override string ToString() => $"{Method} {Target}\n{string.Join('\n', Headers.Select(header => $"{header.Name}: {header.Value}"))}\n\n{Body}";
    }

    static async Task<(int Status, string? Token)> SendAsync(DavClient user, Wish wish)
    {
        using var request = new HttpRequestMessage(new HttpMethod(wish.Method), new Uri(user.Http.BaseAddress!, wish.Target));
        if (wish.Body.Length > 0)
            request.Content = new StringContent(wish.Body, Encoding.UTF8, "application/xml");
        foreach (var (name, value) in wish.Headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using var answer = await user.Http.SendAsync(request, Cancelled);
        return ((int)answer.StatusCode, answer.Headers.TryGetValues("Lock-Token", out var token) ? token.Single().Trim('<', '>') : null);
    }

    static IEnumerable<(string, string)> Headers(Random random, DavClient user, List<string> tokens)
    {
        yield return ("If", Condition(random, tokens));
        yield return ("Depth", Pick(random, ["0", "1", "infinity", "INFINITY", "2", "-1", "", "0, 1", "x"]));
        yield return ("Overwrite", Pick(random, ["T", "F", "t", "", "TF"]));
        yield return ("Timeout", Pick(random, ["Second-60", "Infinite, Second-5", "Second-99999999999", "Second-", "", "Second-0", "Infinite"]));
        yield return ("Destination", Pick(random, [$"{user.Root}/{Pick(random, Names)}", $"{user.Http.BaseAddress}dav/{Pick(random, Names)}", "http://", "://", "http://[::1", "//x/y", "", "/", "/dav", "x", Noise(random)]));
        yield return ("Lock-Token", Pick(random, [$"<{Pick(random, tokens)}>", Pick(random, tokens), "<>", "", Noise(random)]));
        yield return ("X-OC-Mtime", Pick(random, ["1577934245", "-1", "1e99", "99999999999999999999", "", "1.5", "NaN"]));
        yield return ("If-Match", Pick(random, ["*", "\"x\"", "W/\"x\"", "x", "", "\"a\", \"b\""]));
        yield return ("Range", Pick(random, ["bytes=0-0", "bytes=-0", "bytes=9-", "bytes=0-0,1-1", "x"]));
        yield return ("Content-Range", Pick(random, ["bytes 0-0/1", "", "x"]));
    }

    static string Condition(Random random, List<string> tokens)
    {
        var text = new StringBuilder();
        for (var i = random.Next(1, 10); i > 0; i--)
            text.Append(Pick(random, ["(", ")", "(", ")", "Not ", $"<{Pick(random, tokens)}>", "[\"x\"]", "[W/\"x\"]", "<", ">", "[", "]", " ", "</dav/x/a.txt>", $"(<{Pick(random, tokens)}>)", "(<DAV:no-lock>)", Noise(random)]));
        return text.ToString();
    }

    static string Body(Random random)
    {
        var text = new StringBuilder(Pick(random, ["", "<?xml version=\"1.0\"?>", "<?xml version='1.0' encoding='utf-16'?>", "<!DOCTYPE a [<!ENTITY b 'c'>]>"]));
        var open = new Stack<string>();
        for (var i = random.Next(1, 25); i > 0; i--)
        {
            var name = Pick(random, ["D:propfind", "D:prop", "D:allprop", "D:propname", "D:include", "D:propertyupdate", "D:set", "D:remove", "D:lockinfo", "D:lockscope", "D:locktype", "D:exclusive", "D:shared", "D:write", "D:owner", "D:getetag", "x", "m:x", "D:" + Noise(random)]);
            switch (random.Next(6))
            {
                case 0 or 1 or 2:
                    text.Append($"<{name} xmlns:D=\"DAV:\" xmlns:m=\"urn:m\">");
                    open.Push(name);
                    break;
                case 3:
                    text.Append($"<{name} xmlns:D=\"DAV:\"/>");
                    break;
                case 4:
                    text.Append(Pick(random, ["text", "&amp;", "&#x1F3A8;", "&#0;", "&b;", "<![CDATA[x]]>", "<!--x-->", "<?x y?>", Noise(random)]));
                    break;
                default:
                    if (open.TryPop(out var close))
                        text.Append($"</{close}>");
                    break;
            }
        }
        while (random.Next(20) > 0 && open.TryPop(out var close))
            text.Append($"</{close}>");
        return text.ToString();
    }

    static string Noise(Random random) => new([.. Enumerable.Range(0, random.Next(8)).Select(_ => (char)random.Next(' ', '\u007f'))]);

    static T Pick<T>(Random random, IReadOnlyList<T> from) => from[random.Next(from.Count)];
}
