using System.Security.Cryptography.X509Certificates;

namespace FileClient.Api;

/// <summary>Where the server is and how patient to be with it.</summary>
sealed record ApiOptions
{
    /// <summary>Address of the server, without <c>/api/v1</c>.</summary>
    public required Uri Server { get; init; }

    /// <summary>Certificates to trust instead of the system's, from <c>--ca-cert</c>.</summary>
    public X509Certificate2Collection? TrustedRoots { get; init; }

    /// <summary>A request ends when neither side has sent a byte for this long.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(90);

    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>For single requests.</summary>
    public Retry Retry { get; init; } = new();

    /// <summary>For transfers that go on where they stopped; each byte that gets through starts the count anew.</summary>
    public Retry Patience { get; init; } = new(Attempts: 10, CapMs: 30_000);
}
