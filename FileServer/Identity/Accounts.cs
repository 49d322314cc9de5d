using FileServer.Audit;
using FileServer.Database;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.Identity;

/// <summary>The accounts of this server. None is ever deleted or given to another person: one that is no longer needed is disabled.</summary>
sealed class Accounts(NpgsqlDataSource db, AuditLog log, Sessions sessions, PasswordHasher hasher, PasswordPolicy policy, Callers callers, TimeProvider clock)
{
    public async Task<User> CreateAsync(Actor actor, UserRequest request, CancellationToken ct)
    {
        var name = AccountNames.RequireUser(request.Name);
        var role = RequireRole(request.Role ?? "member");
        policy.Require(request.Password, name);
        return await CreateAsync(actor, name, request.Password, request.DisplayName, role, ct);
    }

    /// <summary>Creates an account whose password is not held against the policy: the first administrator's, which its operator chose.</summary>
    public async Task<User> CreateAsync(Actor actor, string name, string password, string? displayName, AccountRole role, CancellationToken ct)
    {
        var hash = await hasher.HashAsync(password, ct);
        return await db.InTransactionAsync(tx => InsertAsync(tx, actor, name, hash, displayName, role, ct), ct);
    }

    public async Task<User> FindAsync(string nameOrId, CancellationToken ct) =>
        (await db.QuerySingleOrDefaultAsync<UserRow>(
            """
            select id, name, display_name, role, disabled_at is not null as disabled, created_at, last_seen_at
            from users where id = @id or name_key = @key
            """,
            Named(nameOrId),
            ct) ?? throw Refusal.NotFound("user")).ToUser();

    /// <summary>Accounts in the order of their names.</summary>
    public Task<List<UserRow>> ListAsync(string? afterKey, int count, CancellationToken ct) => db.QueryAsync<UserRow>(
        """
        select id, name, display_name, role, disabled_at is not null as disabled, created_at, last_seen_at
        from users
        where @afterKey::text is null or name_key > @afterKey
        order by name_key
        limit @count
        """,
        new { afterKey, count },
        ct);

    /// <summary>The names of the groups among some principals.</summary>
    public Task<List<string>> GroupNamesAsync(IReadOnlyList<Guid> principals, CancellationToken ct) =>
        db.QueryAsync<string>("select name from groups where id = any(@ids) order by name_key", new { ids = principals.ToArray() }, ct);

    /// <summary>Changes an account. A new password, role or state ends its sessions everywhere.</summary>
    public async Task<User> PatchAsync(Actor actor, string nameOrId, UserPatch patch, Expectation expected, CancellationToken ct)
    {
        var role = patch.Role is null ? (AccountRole?)null : RequireRole(patch.Role);
        var before = await FindAsync(nameOrId, ct);
        if (patch.Password is not null)
            policy.Require(patch.Password, before.Name);
        var hash = patch.Password is null ? null : await hasher.HashAsync(patch.Password, ct);
        var user = await db.InTransactionAsync(tx => UpdateAsync(tx, actor, before.Id, patch, role, hash, expected, ct), ct);
        callers.Forget();
        return user;
    }

    /// <summary>Over all that an administrator can change; when somebody was last seen is nobody's change.</summary>
    public static string ETag(User user) => EntityTags.Of(user.Id, user.Name, user.DisplayName, user.Role, user.Disabled);

    /// <summary>Sets a password at an administrator's word on the server, whatever the state of the account.</summary>
    public async Task<User> ResetPasswordAsync(Actor actor, string nameOrId, string password, CancellationToken ct)
    {
        var user = await FindAsync(nameOrId, ct);
        var hash = await hasher.HashAsync(password, ct);
        return await db.InTransactionAsync(tx => UpdateAsync(tx, actor, user.Id, new UserPatch(), null, hash, Expectation.None, ct), ct);
    }

    internal async Task<User> InsertAsync(NpgsqlConnection tx, Actor actor, string name, string hash, string? displayName, AccountRole role, CancellationToken ct)
    {
        var row = await tx.QuerySingleOrDefaultAsync<UserRow>(
            """
            insert into users (id, name, name_key, display_name, role, password_hash, security_stamp, created_at)
            values (@id, @name, @key, @displayName, @role, @hash, @stamp, @now)
            on conflict (name_key) do nothing
            returning id, name, display_name, role, false as disabled, created_at, last_seen_at
            """,
            new
            {
                id = UserId.New(),
                name,
                key = AccountNames.Key(name),
                displayName = AuditRecord.Canonical(displayName, 128),
                role,
                hash,
                stamp = Guid.CreateVersion7(),
                now = clock.GetUtcNow(),
            },
            ct) ?? throw Refusal.NameTaken($"There is already a user '{name}'.");
        await log.AppendAsync(tx, new AuditRecord(actor, "user.create", AuditOutcome.Done, Subject: name, DetailJson: Detail.Of(("role", role.Word()))), ct);
        return row.ToUser();
    }

    async Task<User> UpdateAsync(NpgsqlConnection tx, Actor actor, UserId id, UserPatch patch, AccountRole? role, string? hash, Expectation expected, CancellationToken ct)
    {
        var before = (await LockAsync(tx, id, ct)).ToUser();
        expected.Require(ETag(before));
        var ends = hash is not null || (role is { } word && word.Word() != before.Role) || (patch.Disabled is { } disabled && disabled != before.Disabled);
        var after = (await tx.QuerySingleAsync<UserRow>(
            """
            update users set
                display_name = nullif(coalesce(@displayName, display_name), ''),
                role = coalesce(@role, role),
                password_hash = coalesce(@hash, password_hash),
                disabled_at = case when @disabled is null then disabled_at when @disabled then coalesce(disabled_at, @now) end,
                security_stamp = case when @ends then @stamp else security_stamp end
            where id = @id
            returning id, name, display_name, role, disabled_at is not null as disabled, created_at, last_seen_at
            """,
            new
            {
                id,
                displayName = AuditRecord.Canonical(patch.DisplayName, 128),
                role = (short?)role,
                hash,
                disabled = patch.Disabled,
                ends,
                stamp = Guid.CreateVersion7(),
                now = clock.GetUtcNow(),
            },
            ct)).ToUser();
        await RequireAdministratorAsync(tx, before, ct);
        if (ends)
            await sessions.EndAllAsync(tx, id, except: null, "account changed", ct);
        if (hash is not null)
            await LoginThrottle.ClearAsync(tx, AccountNames.Key(after.Name), ct);
        await log.AppendAsync(tx, Changes(actor, before, after, hash is not null), ct);
        return after;
    }

    static Task<UserRow> LockAsync(NpgsqlConnection tx, UserId id, CancellationToken ct) => tx.QuerySingleAsync<UserRow>(
        """
        select id, name, display_name, role, disabled_at is not null as disabled, created_at, last_seen_at
        from users where id = @id for update
        """,
        new { id },
        ct);

    /// <summary>A server without an administrator could be managed by nobody any more.</summary>
    static async Task RequireAdministratorAsync(NpgsqlConnection tx, User before, CancellationToken ct)
    {
        if (before.Role != AccountRole.Admin.Word() || before.Disabled)
            return;
        // Two administrators who remove each other at the same time come one after the other here.
        await tx.ExecuteAsync("select pg_advisory_xact_lock(hashtext('administrators'))", null, ct);
        if (!await tx.QuerySingleAsync<bool>("select exists (select from users where role = @admin and disabled_at is null)", new { admin = AccountRole.Admin }, ct))
            throw new Refusal(RefusalKind.Unprocessable, "This is the last administrator. Make somebody else one first.");
    }

    static IReadOnlyCollection<AuditRecord> Changes(Actor actor, User before, User after, bool password)
    {
        List<AuditRecord> records = [];
        if (password)
            records.Add(new AuditRecord(actor, "user.password", AuditOutcome.Done, Subject: after.Name));
        if (before != after with { LastSeenAt = before.LastSeenAt })
            records.Add(new AuditRecord(actor, "user.change", AuditOutcome.Done, Subject: after.Name, DetailJson: Detail.Of(
                ("displayName", before.DisplayName == after.DisplayName ? null : after.DisplayName),
                ("role", before.Role == after.Role ? null : after.Role),
                ("state", before.Disabled == after.Disabled ? null : after.Disabled ? "disabled" : "enabled"))));
        return records;
    }

    static AccountRole RequireRole(string word) => AccountRoles.Parse(word) ?? throw Refusal.Invalid("'role' takes member, admin or auditor.");

    static object Named(string nameOrId) => new { id = Guid.TryParse(nameOrId, out var id) ? id : Guid.Empty, key = AccountNames.IsUserName(nameOrId) ? AccountNames.Key(nameOrId) : "" };
}

/// <summary>An account as its table holds it, without its secrets.</summary>
sealed record UserRow(UserId Id, string Name, string? DisplayName, AccountRole Role, bool Disabled, DateTimeOffset CreatedAt, DateTimeOffset? LastSeenAt)
{
    public User ToUser() => new(Id, Name, DisplayName, Role.Word(), Disabled, CreatedAt, LastSeenAt);
}
