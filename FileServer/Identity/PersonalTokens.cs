using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using FileServer.Audit;
using FileServer.Database;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Identity;

/// <summary>Where a personal token is narrowed to.</summary>
sealed record TokenTarget(SpaceId Space, NodeId? Node);

/// <summary>
/// Finds the space and the folder that a personal token is to be narrowed to, as far as the caller may see them. Whoever
/// knows nodes registers it; a path that the caller may not see must not exist for them here either.
/// </summary>
delegate Task<TokenTarget> FindTokenTarget(Caller caller, string space, string? path, CancellationToken ct);

/// <summary>Personal access tokens: for programs, sent like an access token, shown once, narrowed as their owner wishes.</summary>
sealed class PersonalTokens(NpgsqlDataSource db, AuditLog log, Callers callers, IServiceProvider services, IOptions<IdentityOptions> options, TimeProvider clock)
{
    /// <summary>Lets secret scanners recognise a token that strayed into a repository.</summary>
    const string Prefix = "fs_pat_";
    const int SecretBytes = 32;
    const int ShownChars = 12;

    // In the order of the flags that grants use: list = 1, read = 2, create = 4, …
    static readonly string[] RightWords = ["list", "read", "create", "write", "delete", "share", "manage"];

    public static bool IsOne(string? token) => token?.StartsWith(Prefix, StringComparison.Ordinal) == true;

    /// <summary>What the database knows of a token. 256 random bits need no slow hash.</summary>
    public static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    public async Task<CreatedToken> CreateAsync(Caller caller, TokenRequest request, CancellationToken ct)
    {
        // A stolen token must not outlive its revocation in tokens that it made.
        if (caller.Auth != AuthKind.Session)
            throw Refusal.Forbidden("A personal access token cannot make further ones: sign in with your password.");
        var name = AuditRecord.Canonical(request.Name?.Trim(), 128);
        if (string.IsNullOrEmpty(name))
            throw Refusal.Invalid("A token needs a 'name', so that you recognise it later.");
        if (request.ExpiresAt <= clock.GetUtcNow())
            throw Refusal.Invalid("'expiresAt' lies in the past.");
        var rights = Rights(request.Rights);
        var target = await TargetAsync(caller, request, ct);
        var id = Guid.CreateVersion7();
        var token = Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes));
        await db.InTransactionAsync(
            async tx =>
            {
                await RequireRoomAsync(tx, caller.UserId, ct);
                await tx.ExecuteAsync(
                    """
                    insert into personal_tokens (id, user_id, name, prefix, token_hash, space_id, node_id, path, rights, created_at, expires_at)
                    values (@id, @user, @name, @prefix, @hash, @space, @node, @path, @rights, @now, @expires)
                    """,
                    new
                    {
                        id,
                        user = caller.UserId,
                        name,
                        prefix = token[..ShownChars],
                        hash = Hash(token),
                        space = target?.Space,
                        node = target?.Node,
                        path = target?.Node is null ? null : AuditRecord.Canonical(request.Path),
                        rights,
                        now = clock.GetUtcNow(),
                        expires = request.ExpiresAt,
                    },
                    ct);
                await log.AppendAsync(tx, new AuditRecord(caller.Actor, "token.create", AuditOutcome.Done, target?.Space, target?.Node, name, Detail.Of(("token", id.ToString()))), ct);
            },
            ct);
        return new CreatedToken(id.ToString(), token);
    }

    /// <summary>Tokens that have not been revoked, the newest first: of one account, or of all.</summary>
    public async Task<List<TokenInfo>> ListAsync(UserId? user, Guid? before, int count, CancellationToken ct)
    {
        var rows = await db.QueryAsync<Row>(
            """
            select t.id, t.name, t.prefix, t.created_at, t.expires_at, t.last_used_at, s.name as space, t.path, t.rights, u.name as owner
            from personal_tokens t join users u on u.id = t.user_id left join spaces s on s.id = t.space_id
            where (@user::uuid is null or t.user_id = @user) and t.revoked_at is null and (@before::uuid is null or t.id < @before)
            order by t.id desc
            limit @count
            """,
            new { user, before, count },
            ct);
        return rows.ConvertAll(row => new TokenInfo(
            row.Id.ToString(), row.Name, row.Prefix, row.CreatedAt, row.ExpiresAt, row.LastUsedAt, row.Space, row.Path, Words(row.Rights), row.Owner));
    }

    /// <param name="anybodys">An administrator ends a token that strayed, whosoever it is.</param>
    public async Task RevokeAsync(Caller caller, Guid id, CancellationToken ct, bool anybodys = false)
    {
        await db.InTransactionAsync(
            async tx =>
            {
                var name = await tx.QuerySingleOrDefaultAsync<string>(
                    "update personal_tokens set revoked_at = @now where id = @id and (@user::uuid is null or user_id = @user) and revoked_at is null returning name",
                    new { id, user = anybodys ? (UserId?)null : caller.UserId, now = clock.GetUtcNow() },
                    ct) ?? throw Refusal.NotFound("token");
                await log.AppendAsync(tx, new AuditRecord(caller.Actor, "token.revoke", AuditOutcome.Done, Subject: name, DetailJson: Detail.Of(("token", id.ToString()))), ct);
            },
            ct);
        callers.Forget();
    }

    async Task<TokenTarget?> TargetAsync(Caller caller, TokenRequest request, CancellationToken ct)
    {
        if (request.Space is null)
            return request.Path is null ? null : throw Refusal.Invalid("A 'path' needs a 'space'.");
        var find = services.GetRequiredService<FindTokenTarget>();
        return await find(caller, request.Space, request.Path, ct);
    }

    async Task RequireRoomAsync(NpgsqlConnection tx, UserId user, CancellationToken ct)
    {
        var max = options.Value.MaxTokensPerUser;
        // The owner's row is locked, so that requests in parallel count one after the other.
        var held = await tx.QuerySingleAsync<long>(
            """
            with owner as materialized (select id from users where id = @user for update)
            select count(*) from owner o join personal_tokens t on t.user_id = o.id
            where t.revoked_at is null and (t.expires_at is null or t.expires_at > @now)
            """,
            new { user, now = clock.GetUtcNow() },
            ct);
        if (held >= max)
            throw new Refusal(RefusalKind.Unprocessable, $"You hold {held} tokens already. Revoke some of them first.") { Limit = max };
    }

    static int? Rights(IReadOnlyList<string>? words)
    {
        if (words is null)
            return null;
        var flags = 0;
        foreach (var word in words)
        {
            var bit = Array.IndexOf(RightWords, word);
            flags |= bit >= 0 ? 1 << bit : throw Refusal.Invalid($"'rights' takes {string.Join(", ", RightWords)}.");
        }
        return flags;
    }

    static string[]? Words(int? rights) => rights is { } flags ? [.. RightWords.Where((_, bit) => (flags & (1 << bit)) != 0)] : null;

    sealed record Row(
        Guid Id, string Name, string Prefix, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? LastUsedAt, string? Space, string? Path, int? Rights, string Owner);
}
