using FileServer.Database;
using FileServer.Http;
using FileServer.Protocol;
using Npgsql;

namespace FileServer.Access;

/// <summary>
/// The row of a space, locked until the transaction ends: whoever changes anything in a space holds it, so revisions commit
/// in their order and a reader that has seen one never later finds an older one.
/// </summary>
static class SpaceLock
{
    /// <returns>Null when there is no such space (any more).</returns>
    public static async Task<SpaceRow?> TakeAsync(NpgsqlConnection tx, SpaceId space, int waitSeconds, CancellationToken ct)
    {
        await tx.ExecuteAsync("select set_config('lock_timeout', @wait, true)", new { wait = $"{waitSeconds}s" }, ct);
        const string sql =
            $"""
            select {SpaceRow.Columns}
            from spaces s
            where s.id = @space and s.deleted_at is null
            for no key update of s
            """;
        return await tx.QuerySingleOrDefaultAsync<SpaceRow>(sql, new { space }, ct);
    }

    /// <summary>Runs work that takes the lock; who waited too long is asked to try again.</summary>
    public static async Task<T> RefuseWhenBusyAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (PostgresException busy) when (busy.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.QueryCanceled or
            PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure)
        {
            throw Refusal.Unavailable("Others are changing this space; nothing was changed. Send the same request again.", 1, busy);
        }
    }
}
