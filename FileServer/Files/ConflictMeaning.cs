using FileServer.Http;

namespace FileServer.Files;

/// <summary>What a conflict means to a request that changes one thing only: it gets its own kind of refusal instead of a list.</summary>
static class ConflictMeaning
{
    /// <summary>Runs a changeset behind a request about one node.</summary>
    /// <param name="conditional">The request carried a condition, so that a change in between means that it is not met.</param>
    public static async Task<T> OneAsync<T>(Task<T> commit, bool conditional)
    {
        try
        {
            return await commit;
        }
        catch (Refusal refusal) when (refusal.Conflicts is { Count: > 0 } conflicts)
        {
            throw new Refusal(KindOf(conflicts[^1].Code, conditional), conflicts[^1].Detail, refusal) { Conflicts = conflicts, Lock = conflicts[^1].Lock };
        }
    }

    static RefusalKind KindOf(string code, bool conditional) => code switch
    {
        ConflictCode.NameTaken => conditional ? RefusalKind.PreconditionFailed : RefusalKind.NameTaken,
        ConflictCode.VersionConflict or ConflictCode.RevisionConflict => conditional ? RefusalKind.PreconditionFailed : RefusalKind.VersionConflict,
        ConflictCode.NotFound or ConflictCode.ParentNotFound => RefusalKind.NotFound,
        ConflictCode.Forbidden => RefusalKind.Forbidden,
        ConflictCode.InvalidName => RefusalKind.InvalidName,
        ConflictCode.Quota => RefusalKind.QuotaExceeded,
        ConflictCode.MissingChunks => RefusalKind.MissingChunks,
        ConflictCode.Locked => RefusalKind.Locked,
        ConflictCode.Held => RefusalKind.Held,
        ConflictCode.TooDeep => RefusalKind.Unprocessable,
        _ => RefusalKind.Conflict,
    };
}
