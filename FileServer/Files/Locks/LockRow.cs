using FileServer.Audit;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileServer.Files.Locks;

/// <summary>A lock that has not run out.</summary>
/// <param name="Holder">The name of the account that took it.</param>
/// <param name="Owner">What the client said about the owner: text, or the XML inside WebDAV's <c>owner</c>.</param>
/// <param name="Deep">With everything below.</param>
sealed record LockRow(
    Guid Token,
    NodeId NodeId,
    UserId UserId,
    string Holder,
    string? Owner,
    string? Reason,
    bool Shared,
    bool Deep,
    Origin Origin,
    DateTimeOffset CreatedAt,
    DateTimeOffset RefreshedAt,
    DateTimeOffset ExpiresAt)
{
    /// <summary>The columns in the order of this record, from <c>node_locks l</c> and <c>users u</c>.</summary>
    public const string Columns =
        """
        l.token, l.node_id, l.user_id, coalesce(u.name, '') as holder, l.owner, l.reason, l.shared, l.deep, l.origin::int as origin, l.created_at, l.refreshed_at,
        l.expires_at
        """;

    /// <summary>A person's own deliberate lock, as opposed to that of a WebDAV program: it binds to the person, not to who shows its token.</summary>
    public bool IsCheckOut => Origin != Origin.WebDav;

    /// <summary>
    /// Whether the caller may change what the lock protects. RFC 4918 §6.4: a token is good only in the hands of who took
    /// the lock. A share link acts for somebody and holds nothing.
    /// </summary>
    public bool IsHeldBy(Caller caller, IReadOnlySet<Guid> tokens) => IsOf(caller) && (IsCheckOut || tokens.Contains(Token));

    public bool IsOf(Caller caller) => UserId == caller.UserId && caller.Auth != AuthKind.ShareLink;

    public NodeLock View(Caller caller) => new(
        NodeId, Holder, ExpiresAt, CreatedAt, Reason, Shared ? "shared" : "exclusive", Deep ? "infinity" : "0", Origin.ToString().ToLowerInvariant(), Owner,
        IsOf(caller) ? LockTokens.Text(Token) : null);

    /// <summary>What a refusal says of it.</summary>
    public string Sentence(string name) =>
        $"'{name}' is locked by {Holder} until {ExpiresAt.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z{(Reason is null ? "" : $": {Reason}")}.";
}
