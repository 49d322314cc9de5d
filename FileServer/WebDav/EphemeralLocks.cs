using FileServer.Database;
using FileServer.Files;
using FileServer.Files.Locks;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using Npgsql;

namespace FileServer.WebDav;

/// <summary>
/// Locks on ephemeral files, in the same table as all others: macOS locks each of its <c>._x</c> before it writes. They protect nothing that anybody would
/// miss, so they are taken without the space's lock and without a row in the audit log.
/// </summary>
sealed class EphemeralLocks(NpgsqlDataSource db, TimeProvider clock)
{
    public async Task<LockRow> TakeAsync(Caller caller, SpaceId space, NodeId id, LockWish wish, CancellationToken ct)
    {
        var now = Micros(clock.GetUtcNow());
        var made = new LockRow(
            Guid.CreateVersion7(), id, caller.UserId, caller.Name, wish.Owner, null, wish.Shared, false, Origin.WebDav, now, now, now + wish.For!.Value);
        const string sql =
            """
            with expired as (
                delete from node_locks where space_id = @space and node_id = @id and expires_at <= @now
            )
            insert into node_locks (space_id, token, node_id, user_id, owner, reason, shared, deep, origin, created_at, refreshed_at, expires_at)
            select @space, @Token, @id, @UserId, @Owner, null, @Shared, false, @origin, @now, @now, @ExpiresAt
            where not exists (
                select from node_locks l where l.space_id = @space and l.node_id = @id and l.expires_at > @now and not (l.shared and @Shared))
            """;
        var args = new { space, id, now, made.Token, made.UserId, made.Owner, made.Shared, origin = (short)made.Origin, made.ExpiresAt };
        return await db.ExecuteAsync(sql, args, ct) == 1 ? made : throw new Refusal(RefusalKind.Locked, "This is locked already.");
    }

    public async Task<LockRow> RefreshAsync(Caller caller, SpaceId space, NodeId id, Guid token, TimeSpan time, CancellationToken ct)
    {
        const string sql =
            $"""
            with l as (
                update node_locks set refreshed_at = @now, expires_at = @until
                where space_id = @space and node_id = @id and token = @token and user_id = @user and expires_at > @now
                returning *
            )
            select {LockRow.Columns} from l left join users u on u.id = l.user_id
            """;
        var now = Micros(clock.GetUtcNow());
        return await db.QuerySingleOrDefaultAsync<LockRow>(sql, new { space, id, token, now, until = now + time, user = caller.UserId }, ct)
            ?? throw Refusal.PreconditionFailed("This lock does not hold (any more). Lock anew.");
    }

    public async Task ReleaseAsync(Caller caller, SpaceId space, NodeId id, Guid token, CancellationToken ct)
    {
        const string sql = "delete from node_locks where space_id = @space and node_id = @id and token = @token and user_id = @user";
        if (await db.ExecuteAsync(sql, new { space, id, token, user = caller.UserId }, ct) == 0)
            throw new Refusal(RefusalKind.Conflict, "You hold no such lock here.");
    }

    static DateTimeOffset Micros(DateTimeOffset time) => new(time.UtcTicks - (time.UtcTicks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);
}
