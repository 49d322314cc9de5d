using FileServer.Protocol.Contracts;

namespace FileClient.Local;

/// <summary>Where the bearer token comes from: given by the environment, or kept in the credentials file and renewed.</summary>
interface ITokens
{
    /// <summary>The token to send now; null: none.</summary>
    string? Current { get; }

    /// <summary>Whether the current token is known to have expired, so that sending it would be a wasted round trip.</summary>
    bool Expired { get; }

    /// <summary>Gets another token after the server refused this one; false when there is none to be had and the user must sign in.</summary>
    /// <param name="refresh">Trades a refresh token for a new pair.</param>
    Task<bool> RenewAsync(string refused, Func<string, CancellationToken, Task<SessionTokens>> refresh, CancellationToken ct);
}

/// <summary>A token that somebody else looks after: <c>FILESHARE_TOKEN</c>, or none at all.</summary>
sealed class FixedToken(string? token) : ITokens
{
    public string? Current => token;

    public bool Expired => false;

    public Task<bool> RenewAsync(string refused, Func<string, CancellationToken, Task<SessionTokens>> refresh, CancellationToken ct) => Task.FromResult(false);
}
