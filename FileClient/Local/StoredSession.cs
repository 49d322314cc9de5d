using FileClient.Terminal;
using FileServer.Protocol.Contracts;

namespace FileClient.Local;

/// <summary>
/// The sign-in that <c>fileshare login</c> stored. Refresh tokens are good once, and one that comes twice ends the session: so
/// processes take turns by a lock, and each looks first whether another has renewed meanwhile.
/// </summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Reliability", "CA1001", Justification = "A semaphore whose wait handle nobody takes holds nothing to free.")]
sealed class StoredSession(ConfigFolder folder, Credential credential, TimeProvider clock) : ITokens
{
    static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(60);
    static readonly TimeSpan Margin = TimeSpan.FromSeconds(5);

    readonly SemaphoreSlim turn = new(1, 1);
    volatile Credential credential = credential;

    public string? Current => credential.Token ?? credential.AccessToken;

    public bool Expired => credential is { Token: null, ExpiresAt: { } end } && end - Margin <= clock.GetUtcNow();

    public async Task<bool> RenewAsync(string refused, Func<string, CancellationToken, Task<SessionTokens>> refresh, CancellationToken ct)
    {
        await turn.WaitAsync(ct);
        try
        {
            if (Current != refused)
                return true;
            if (credential.RefreshToken is null)
                return false;
            using var held = await FileLock.TakeAsync(folder.LockFile, LockPatience, clock, ct)
                ?? throw new Failure(ExitCode.Temporary, $"Another fileshare process has held {folder.LockFile} for a minute.");
            return await RenewLockedAsync(refused, refresh, ct);
        }
        finally
        {
            turn.Release();
        }
    }

    async Task<bool> RenewLockedAsync(string refused, Func<string, CancellationToken, Task<SessionTokens>> refresh, CancellationToken ct)
    {
        var stored = folder.Credentials;
        if (stored.For(credential.Url) is not { } latest)
            return false;
        if ((latest.Token ?? latest.AccessToken) != refused)
        {
            credential = latest;
            return true;
        }
        if (latest.RefreshToken is not { } refreshToken)
            return false;
        SessionTokens pair;
        try
        {
            // Once sent, the answer must be kept: giving up now would throw the only good token away.
            pair = await refresh(refreshToken, CancellationToken.None);
        }
        catch (Failure refusedToo) when (refusedToo.Exit == ExitCode.NotSignedIn)
        {
            return false;
        }
        var renewed = latest with
        {
            AccessToken = pair.AccessToken,
            ExpiresAt = clock.GetUtcNow().AddSeconds(pair.ExpiresIn),
            RefreshToken = pair.RefreshToken,
        };
        AtomicFile.Write(folder.CredentialsFile, stored.With(renewed), LocalJson.Default.Credentials);
        credential = renewed;
        return true;
    }
}
