using FileServer.Audit;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.Files.Holds;

/// <summary>The accounts that may release legal holds: a right that no role has, given and taken by administrators on record.</summary>
sealed class HoldReleasers(NpgsqlDataSource db, AuditLog audit, TimeProvider clock)
{
    public async Task<Page<HoldReleaser>> ListAsync(CancellationToken ct)
    {
        const string sql =
            """
            select u.name as user, r.given_at, coalesce(g.name, '') as given_by
            from hold_releasers r
            join users u on u.id = r.user_id
            left join users g on g.id = r.given_by
            order by u.name_key
            """;
        return new Page<HoldReleaser>((await db.QueryAsync<Row>(sql, null, ct)).ConvertAll(row => new HoldReleaser(row.User, row.GivenAt, row.GivenBy)), null);
    }

    public Task AllowAsync(Caller admin, string name, CancellationToken ct) => db.InTransactionAsync(
        async tx =>
        {
            const string sql =
                """
                insert into hold_releasers (user_id, given_by, given_at)
                select u.id, @admin, @now from users u where u.name_key = @key and u.disabled_at is null
                on conflict (user_id) do update set given_by = excluded.given_by
                """;
            if (await tx.ExecuteAsync(sql, new { admin = admin.UserId, now = clock.GetUtcNow(), key = NameRules.FoldKey(name) }, ct) == 0)
                throw Refusal.NotFound("user");
            await audit.AppendAsync(tx, new AuditRecord(admin.Actor, "hold-releaser.add", AuditOutcome.Done, Subject: name), ct);
        },
        ct);

    public Task DenyAsync(Caller admin, string name, CancellationToken ct) => db.InTransactionAsync(
        async tx =>
        {
            const string sql = "delete from hold_releasers r using users u where u.id = r.user_id and u.name_key = @key";
            if (await tx.ExecuteAsync(sql, new { key = NameRules.FoldKey(name) }, ct) == 0)
                throw Refusal.NotFound("user");
            await audit.AppendAsync(tx, new AuditRecord(admin.Actor, "hold-releaser.remove", AuditOutcome.Done, Subject: name), ct);
        },
        ct);

    sealed record Row(string User, DateTimeOffset GivenAt, string GivenBy);
}
