namespace FileServer.Protocol.Contracts;

/// <summary>Who keeps others from changing a node, until when and why.</summary>
/// <param name="NodeId">The node that was locked; for what stands below a folder that is locked with all below it, that folder.</param>
/// <param name="Holder">The account's name.</param>
/// <param name="Scope">exclusive or shared.</param>
/// <param name="Depth">0 or infinity.</param>
/// <param name="Door">The door it came through: rest, webdav, portal.</param>
/// <param name="Owner">What the locking program said about its owner.</param>
/// <param name="Token">For the holder only: <c>urn:uuid:…</c>, as <c>Lock-Token</c>, <c>If</c> and <c>lockTokens</c> take it.</param>
public sealed record NodeLock(
    NodeId NodeId,
    string Holder,
    DateTimeOffset ExpiresAt,
    DateTimeOffset CreatedAt,
    string? Reason = null,
    string Scope = "exclusive",
    string Depth = "0",
    string? Door = null,
    string? Owner = null,
    string? Token = null);

/// <summary>Body of <c>POST …/nodes/{id}/lock</c>: a check-out, or the extension of one's own.</summary>
/// <param name="ExpiresIn">Seconds; with neither this nor <paramref name="ExpiresAt"/> the server's usual time.</param>
/// <param name="Depth">0 or infinity (with everything below); default 0 for files, infinity for folders.</param>
/// <param name="Scope">exclusive (default) or shared.</param>
public sealed record LockRequest(
    string? Reason = null,
    DateTimeOffset? ExpiresAt = null,
    long? ExpiresIn = null,
    string? Depth = null,
    string? Scope = null,
    string? Owner = null);
