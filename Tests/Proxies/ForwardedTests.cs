using System.Net;
using FileServer.Proxies;
using Microsoft.AspNetCore.Http;

namespace Tests.Proxies;

/// <summary>Whose word counts about where a request came from.</summary>
public sealed class ForwardedTests
{
    [Theory]
    [InlineData("203.0.113.9", "203.0.113.9")]
    [InlineData("203.0.113.9:4711", "203.0.113.9")]
    [InlineData("[2001:db8::1]:4711", "2001:db8::1")]
    [InlineData("2001:db8::1", "2001:db8::1")]
    [InlineData("6.6.6.6, 203.0.113.9", "203.0.113.9")]              // The client's own claim stands before what the proxy saw.
    [InlineData("6.6.6.6, 203.0.113.9, 10.1.2.3", "203.0.113.9")]    // Two proxies of ours.
    [InlineData("10.9.9.9, 10.1.2.3", "10.9.9.9")]
    [InlineData("203.0.113.9, unknown", "127.0.0.1")]
    [InlineData("", "127.0.0.1")]
    public void The_client_is_the_first_address_that_no_trusted_proxy_has(string header, string client) =>
        Assert.Equal(IPAddress.Parse(client), Read("127.0.0.1", ("X-Forwarded-For", header))!.Value.Client);

    [Fact]
    public void A_stranger_s_headers_say_nothing()
    {
        Assert.Null(Read("203.0.113.1", ("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Proto", "https")));
        Assert.NotNull(Read("::ffff:127.0.0.1", ("X-Forwarded-For", "1.2.3.4")));
    }

    [Theory]
    [InlineData("files.example", "files.example")]
    [InlineData("files.example:8443", "files.example:8443")]
    [InlineData("evil.example/x", null)]
    [InlineData("a@evil.example", null)]
    [InlineData("evil, files.example", "files.example")]
    public void The_host_is_what_the_nearest_proxy_says(string header, string? host) =>
        Assert.Equal(host, Read("127.0.0.1", ("X-Forwarded-Host", header))!.Value.Host?.Value);

    [Theory]
    [InlineData("/files", "/files")]
    [InlineData("/a/b/", "/a/b")]
    [InlineData("/", null)]
    [InlineData("files", null)]
    [InlineData("//evil.example", null)]
    [InlineData("/a/../b", null)]
    [InlineData("/a\"onload", null)]
    public void A_prefix_is_a_plain_path(string header, string? prefix) =>
        Assert.Equal(prefix, Read("127.0.0.1", ("X-Forwarded-Prefix", header))!.Value.Prefix);

    static Forwarded? Read(string peer, params (string Name, string Value)[] headers)
    {
        Assert.True(NetworksAttribute.TryParse("127.0.0.1 10.0.0.0/8", out var trusted));
        var sent = new HeaderDictionary();
        foreach (var (name, value) in headers)
            sent[name] = value;
        return Forwarded.Read(IPAddress.Parse(peer), sent, trusted);
    }
}
