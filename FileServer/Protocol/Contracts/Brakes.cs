namespace FileServer.Protocol.Contracts;

/// <summary>A caller who is paused in a space because they took away or rewrote too many files at once; or a permission to do so.</summary>
/// <param name="Kind"><c>pause</c> or <c>permission</c>.</param>
/// <param name="User">Who; a permission without one is for everybody.</param>
/// <param name="Files">Files that were taken away or rewritten within the window, the refused changeset included.</param>
/// <param name="Limit">The limit that was passed.</param>
/// <param name="SinceRevision">The first revision of the window: what a rollback goes back before.</param>
/// <param name="Until">End of a permission.</param>
/// <param name="Outcome">Once ended: <c>lifted</c> or <c>rolled-back</c>.</param>
public sealed record Brake(
    string Id,
    string Kind,
    string? User,
    string? Device,
    int Files,
    long Limit,
    long SinceRevision,
    DateTimeOffset CreatedAt,
    DateTimeOffset? Until,
    DateTimeOffset? EndedAt,
    string? EndedBy,
    string? Outcome);

/// <summary>Body of <c>POST /spaces/{space}/brakes/allow</c>: for so many seconds the limit does not count, for one user or for all.</summary>
public sealed record BrakePermission(int Seconds, string? User = null);

/// <summary>When the brake of a space acts; what is left out is the server's own. <c>files</c> 0: never.</summary>
/// <param name="Files">So many files taken away or rewritten by one caller within the window.</param>
/// <param name="Percent">Or so much of all files, from a hundred files on.</param>
/// <param name="Minutes">The window.</param>
public sealed record BrakeSettings(int? Files = null, int? Percent = null, int? Minutes = null);
