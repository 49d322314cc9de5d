using FileServer.Protocol.Contracts;

namespace FileServer.Http;

/// <summary>
/// The one way to say no. Whatever a feature must refuse it throws as a refusal from <see cref="RefusalKind"/>'s catalogue;
/// each door maps it once to its own protocol.
/// </summary>
public sealed class Refusal(RefusalKind kind, string detail, Exception? cause = null) : Exception(detail, cause)
{
    public RefusalKind Kind { get; } = kind;

    /// <summary>After how many seconds trying again makes sense.</summary>
    public int? RetryAfterSeconds { get; init; }

    /// <summary>The limit that was hit.</summary>
    public long? Limit { get; init; }

    /// <summary>Every operation of a changeset that could not be done.</summary>
    public IReadOnlyList<Conflict>? Conflicts { get; init; }

    /// <summary>The lock that stands in the way.</summary>
    public NodeLock? Lock { get; init; }

    /// <summary>Every member of a request that is not valid, one sentence each.</summary>
    public IReadOnlyList<string>? Errors { get; init; }

    /// <summary>Not there, or not to be seen by this caller: the two must not differ in anything.</summary>
    public static Refusal NotFound(string what) => new(RefusalKind.NotFound, $"There is no such {what}, or you may not see it.");

    public static Refusal Forbidden(string what) => new(RefusalKind.Forbidden, what);

    public static Refusal NotSignedIn(string why = "Sign in first: send 'Authorization: Bearer …' with an access token or a personal access token.") =>
        new(RefusalKind.NotSignedIn, why);

    public static Refusal Invalid(string detail, IReadOnlyList<string>? errors = null) => new(RefusalKind.Invalid, detail) { Errors = errors };

    public static Refusal InvalidName(string detail) => new(RefusalKind.InvalidName, detail);

    public static Refusal Conflict(IReadOnlyList<Conflict> conflicts) => new(
        RefusalKind.Conflict,
        $"{conflicts.Count} operation(s) conflict with the current state; nothing was changed. See 'conflicts'.")
    { Conflicts = conflicts };

    public static Refusal NameTaken(string detail) => new(RefusalKind.NameTaken, detail);

    public static Refusal PreconditionFailed(string detail) => new(RefusalKind.PreconditionFailed, detail);

    public static Refusal TooLarge(string detail, long limit) => new(RefusalKind.TooLarge, detail) { Limit = limit };

    public static Refusal QuotaExceeded(long limit) =>
        new(RefusalKind.QuotaExceeded, $"The space's quota of {limit} bytes would be exceeded. Delete for good what is not needed, or ask for more.") { Limit = limit };

    public static Refusal StorageFull(Exception? cause = null) =>
        new(RefusalKind.StorageFull, "The server's disk is full; nothing of this request was kept. Try again when there is space.", cause);

    public static Refusal Unavailable(string detail, int retryAfterSeconds, Exception? cause = null) =>
        new(RefusalKind.Unavailable, detail, cause) { RetryAfterSeconds = retryAfterSeconds };

    public static Refusal TooManyRequests(string detail, int retryAfterSeconds) =>
        new(RefusalKind.TooManyRequests, detail) { RetryAfterSeconds = retryAfterSeconds };
}
