using FileServer.Http;

namespace FileServer.WebDav;

/// <summary>
/// What only WebDAV refuses, or refuses with another status than the rest of the server. The codes of the first group are the names of RFC 4918's
/// preconditions and stand as such in the answer.
/// </summary>
static class DavRefusals
{
    public static readonly RefusalKind FiniteDepth = new("propfind-finite-depth", "Ask for one level at a time", 403);
    public static readonly RefusalKind ProtectedProperty = new("cannot-modify-protected-property", "This property cannot be set", 403);
    public static readonly RefusalKind ConflictingLock = new("no-conflicting-lock", "Somebody else's lock is in the way", 423);
    public static readonly RefusalKind TokenElsewhere = new("lock-token-matches-request-uri", "The token is not of a lock on this resource", 409);

    public static readonly RefusalKind ParentMissing = new("parent-missing", "The folder above is not there", 409);
    public static readonly RefusalKind OtherServer = new("other-server", "The destination is on another server", 502);
    public static readonly RefusalKind OutsideDav = new("outside-dav", "The destination is no WebDAV address", 403);
    public static readonly RefusalKind ReadOnly = new("read-only", "The past cannot be changed", 403);

    /// <summary>The preconditions of RFC 4918 §16 and RFC 4331 §6 that a code stands for; null where a status says all.</summary>
    public static string? Precondition(string code) => code switch
    {
        "propfind-finite-depth" or "cannot-modify-protected-property" or "no-conflicting-lock" or "lock-token-matches-request-uri" => code,
        "locked" => "lock-token-submitted",
        "quota-exceeded" => "quota-not-exceeded",
        "storage-full" => "sufficient-disk-space",
        _ => null,
    };

    public static Refusal NotThere() => Refusal.NotFound("resource");

    public static Refusal NoParent() => new(ParentMissing, "There is no such folder above it, or you may not see it: make it first with MKCOL.");
}
