using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using FileClient.Api;
using FileClient.Local;
using FileClient.Terminal;
using Tests.Support;

namespace Tests.Api;

public sealed class TlsTests
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    static X509Certificate2 Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
    }

    static Task<StubServer> StartAsync(X509Certificate2 certificate) => StubServer.StartAsync(
        context => StubServer.JsonAsync(context, """{"id":"01234567-89ab-7def-8123-456789abcdef","name":"ann","role":"member","groups":[]}"""), certificate);

    static ApiClient Client(StubServer server, X509Certificate2? trusted) =>
        new(new ApiOptions { Server = server.Url, TrustedRoots = trusted is null ? null : [trusted] }, new FixedToken("token"), TimeProvider.System);

    [Fact]
    public async Task A_certificate_that_is_named_is_trusted()
    {
        using var certificate = Certificate();
        await using var server = await StartAsync(certificate);
        using var api = Client(server, certificate);
        Assert.Equal("ann", (await api.MeAsync(Ct)).Name);
    }

    [Fact]
    public async Task An_unknown_certificate_ends_the_run_at_once_and_the_way_out_is_told()
    {
        using var certificate = Certificate();
        using var another = Certificate();
        await using var server = await StartAsync(certificate);
        foreach (var trusted in new[] { null, another })
        {
            using var api = Client(server, trusted);
            var failure = await Assert.ThrowsAsync<ApiException>(() => api.MeAsync(Ct));
            Assert.Equal(("tls", ExitCode.Failure), (failure.Code, failure.Exit));
            Assert.Contains("--ca-cert", failure.Hint);
        }
        Assert.Empty(server.Requests);
    }
}
