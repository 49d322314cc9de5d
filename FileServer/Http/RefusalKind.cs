namespace FileServer.Http;

/// <summary>The catalogue of refusals: the stable code that programs branch on, the words for people, and the status for HTTP.</summary>
public sealed record RefusalKind(string Code, string Title, int Status)
{
    public static readonly RefusalKind Invalid = new("invalid-request", "The request is not valid", 400);
    public static readonly RefusalKind InvalidName = new("invalid-name", "This name cannot be used", 400);
    public static readonly RefusalKind MalformedJson = new("malformed-json", "The body is not the JSON that is expected here", 400);
    public static readonly RefusalKind InvalidCursor = new("invalid-cursor", "The cursor is not valid", 400);
    public static readonly RefusalKind DigestMismatch = new("digest-mismatch", "The bytes do not match the digest that was sent with them", 400);
    public static readonly RefusalKind NotSignedIn = new("not-signed-in", "Sign in first", 401);
    public static readonly RefusalKind WrongCredentials = new("wrong-credentials", "User name or password is wrong", 401);
    public static readonly RefusalKind TokenExpired = new("token-expired", "The token has expired", 401);
    public static readonly RefusalKind TokenRevoked = new("token-revoked", "The token is no longer valid", 401);
    public static readonly RefusalKind Forbidden = new("forbidden", "You may not do this", 403);
    public static readonly RefusalKind NotFound = new("not-found", "Not found", 404);
    public static readonly RefusalKind MethodNotAllowed = new("method-not-allowed", "This address does not take this method", 405);
    public static readonly RefusalKind NotAcceptable = new("not-acceptable", "None of the accepted formats can be given", 406);
    public static readonly RefusalKind RequestTimeout = new("request-timeout", "The request came too slowly", 408);
    public static readonly RefusalKind Conflict = new("conflict", "The change conflicts with the current state", 409);
    public static readonly RefusalKind NameTaken = new("name-taken", "The name is taken", 409);
    public static readonly RefusalKind VersionConflict = new("version-conflict", "Somebody else has changed this meanwhile", 409);
    public static readonly RefusalKind OffsetMismatch = new("offset-mismatch", "The upload continues at another offset", 409);
    public static readonly RefusalKind IdReused = new("id-reused", "This id was used for something else before", 409);
    public static readonly RefusalKind IdempotencyInProgress = new("idempotency-key-in-progress", "The first request with this idempotency key is under way", 409);
    public static readonly RefusalKind Held = new("held", "A hold keeps this", 409);
    public static readonly RefusalKind Braked = new("braked", "Paused: too many files were deleted or rewritten at once", 409);
    public static readonly RefusalKind Gone = new("gone", "No longer here", 410);
    public static readonly RefusalKind CursorExpired = new("cursor-expired", "The cursor is too old or from another epoch: list anew", 410);
    public static readonly RefusalKind PreconditionFailed = new("precondition-failed", "A condition of the request is not met", 412);
    public static readonly RefusalKind TooLarge = new("too-large", "Too large", 413);
    public static readonly RefusalKind UnsupportedMedia = new("unsupported-media-type", "This content type is not taken here", 415);
    public static readonly RefusalKind RangeNotSatisfiable = new("range-not-satisfiable", "The range lies outside the file", 416);
    public static readonly RefusalKind Unprocessable = new("unprocessable", "The request cannot be carried out", 422);
    public static readonly RefusalKind IdempotencyKeyReused = new("idempotency-key-reused", "This idempotency key was used for another request", 422);
    public static readonly RefusalKind MissingChunks = new("missing-chunks", "Bytes of some chunks have to be sent first", 422);
    public static readonly RefusalKind Locked = new("locked", "Locked by somebody else", 423);
    public static readonly RefusalKind PreconditionRequired = new("precondition-required", "This change needs an If-Match header", 428);
    public static readonly RefusalKind TooManyRequests = new("too-many-requests", "Too many requests", 429);
    public static readonly RefusalKind HeadersTooLarge = new("headers-too-large", "The headers are too large", 431);
    public static readonly RefusalKind ChecksumMismatch = new("checksum-mismatch", "The bytes do not have the checksum that was sent with them", 460);
    public static readonly RefusalKind Internal = new("internal-error", "Something went wrong on the server", 500);
    public static readonly RefusalKind Unavailable = new("unavailable", "Not available for the moment", 503);
    public static readonly RefusalKind QuotaExceeded = new("quota-exceeded", "The quota is used up", 507);
    public static readonly RefusalKind StorageFull = new("storage-full", "The server's disk is full", 507);
    public static readonly RefusalKind Damaged = new("damaged-content", "The stored bytes are damaged and are not served", 500);
}
