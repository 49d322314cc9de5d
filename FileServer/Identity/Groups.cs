using FileServer.Audit;
using FileServer.Database;
using FileServer.Http;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.Identity;

/// <summary>Groups of users and of groups, nested at most five deep and never in a circle.</summary>
sealed class Groups(NpgsqlDataSource db, AuditLog log, Callers callers)
{
    const int MaxDepth = 5;
    const int MaxMembers = 100_000;

    public async Task<Group> CreateAsync(Actor actor, GroupRequest request, CancellationToken ct)
    {
        var name = AccountNames.RequireGroup(request.Name);
        var group = await db.InTransactionAsync(
            async tx =>
            {
                var id = await tx.QuerySingleOrDefaultAsync<Guid?>(
                    "insert into groups (id, name, name_key) values (@id, @name, @key) on conflict (name_key) do nothing returning id",
                    new { id = Guid.CreateVersion7(), name, key = AccountNames.Key(name) },
                    ct) ?? throw Refusal.NameTaken($"There is already a group '{name}'.");
                await log.AppendAsync(tx, new AuditRecord(actor, "group.create", AuditOutcome.Done, Subject: name), ct);
                foreach (var member in request.Members ?? [])
                    await AddAsync(tx, actor, new GroupRow(id, name), member, ct);
                return await ReadAsync(tx, id, ct);
            },
            ct);
        callers.Forget();
        return group;
    }

    public async Task<Group> FindAsync(string nameOrId, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        return await ReadAsync(connection, (await RequireAsync(connection, nameOrId, ct)).Id, ct);
    }

    /// <summary>Groups in the order of their names, with the key to continue behind.</summary>
    public async Task<List<(string Key, Group Group)>> ListAsync(string? afterKey, int count, CancellationToken ct)
    {
        var rows = await db.QueryAsync<MemberedRow>(
            """
            select g.id, g.name, g.name_key, array(
                select case when m.is_group then 'group:' || mg.name else 'user:' || u.name end
                from group_members m left join users u on not m.is_group and u.id = m.member_id left join groups mg on m.is_group and mg.id = m.member_id
                where m.group_id = g.id order by 1 limit @maxMembers) as members
            from groups g
            where @afterKey::text is null or g.name_key > @afterKey
            order by g.name_key
            limit @count
            """,
            new { afterKey, count, maxMembers = MaxMembers },
            ct);
        return rows.ConvertAll(row => (row.NameKey, row.ToGroup()));
    }

    public async Task DeleteAsync(Actor actor, string nameOrId, Expectation expected, CancellationToken ct)
    {
        await db.InTransactionAsync(
            async tx =>
            {
                await LockAsync(tx, ct);
                var group = await RequireAsync(tx, nameOrId, ct);
                await RequireAsync(tx, group.Id, expected, ct);
                await tx.ExecuteAsync(
                    "with memberships as (delete from group_members where member_id = @id and is_group) delete from groups where id = @id", new { id = group.Id }, ct);
                await log.AppendAsync(tx, new AuditRecord(actor, "group.delete", AuditOutcome.Done, Subject: group.Name, DetailJson: Detail.Of(("group", group.Id.ToString()))), ct);
            },
            ct);
        callers.Forget();
    }

    public async Task<Group> AddMemberAsync(Actor actor, string nameOrId, string? member, Expectation expected, CancellationToken ct)
    {
        var group = await db.InTransactionAsync(
            async tx =>
            {
                var row = await RequireAsync(tx, nameOrId, ct);
                await RequireAsync(tx, row.Id, expected, ct);
                await AddAsync(tx, actor, row, member, ct);
                return await ReadAsync(tx, row.Id, ct);
            },
            ct);
        callers.Forget();
        return group;
    }

    public async Task RemoveMemberAsync(Actor actor, string nameOrId, string member, Expectation expected, CancellationToken ct)
    {
        await db.InTransactionAsync(
            async tx =>
            {
                var group = await RequireAsync(tx, nameOrId, ct);
                await RequireAsync(tx, group.Id, expected, ct);
                var row = await MemberAsync(tx, member, ct);
                var removed = await tx.ExecuteAsync(
                    "delete from group_members where group_id = @group and member_id = @id and is_group = @isGroup", new { group = group.Id, id = row.Id, isGroup = row.IsGroup }, ct);
                if (removed == 0)
                    throw Refusal.NotFound("member");
                await log.AppendAsync(tx, new AuditRecord(actor, "group.remove", AuditOutcome.Done, Subject: group.Name, DetailJson: Detail.Of(("member", row.Word))), ct);
            },
            ct);
        callers.Forget();
    }

    async Task AddAsync(NpgsqlConnection tx, Actor actor, GroupRow group, string? member, CancellationToken ct)
    {
        var row = await MemberAsync(tx, member, ct);
        if (row.IsGroup)
        {
            await LockAsync(tx, ct);
            await RequireNestableAsync(tx, group.Id, row.Id, ct);
        }
        var added = await tx.ExecuteAsync(
            "insert into group_members (group_id, member_id, is_group) values (@group, @id, @isGroup) on conflict do nothing",
            new { group = group.Id, id = row.Id, isGroup = row.IsGroup },
            ct);
        if (added > 0)
            await log.AppendAsync(tx, new AuditRecord(actor, "group.add", AuditOutcome.Done, Subject: group.Name, DetailJson: Detail.Of(("member", row.Word))), ct);
    }

    /// <summary>Two additions that close a circle only together must come one after the other.</summary>
    static Task LockAsync(NpgsqlConnection tx, CancellationToken ct) => tx.ExecuteAsync("select pg_advisory_xact_lock(hashtext('group_members'))", null, ct);

    static async Task RequireNestableAsync(NpgsqlConnection tx, Guid group, Guid member, CancellationToken ct)
    {
        var nesting = await tx.QuerySingleAsync<Nesting>(
            """
            with recursive above (id, depth) as (
                select @group::uuid, 1
                union
                select m.group_id, a.depth + 1 from above a join group_members m on m.member_id = a.id and m.is_group where a.depth <= @max),
            below (id, depth) as (
                select @member::uuid, 1
                union
                select m.member_id, b.depth + 1 from below b join group_members m on m.group_id = b.id and m.is_group where b.depth <= @max)
            select exists (select from above where id = @member) as circle, (select max(depth) from above) + (select max(depth) from below) as depth
            """,
            new { group, member, max = MaxDepth },
            ct);
        if (nesting.Circle)
            throw new Refusal(RefusalKind.Unprocessable, "A group cannot hold itself, directly or through others.");
        if (nesting.Depth > MaxDepth)
            throw new Refusal(RefusalKind.Unprocessable, $"Groups nest at most {MaxDepth} deep.") { Limit = MaxDepth };
    }

    static async Task<GroupRow> RequireAsync(NpgsqlConnection connection, string nameOrId, CancellationToken ct) =>
        await connection.QuerySingleOrDefaultAsync<GroupRow>(
            "select id, name from groups where id = @id or name_key = @key",
            new { id = Guid.TryParse(nameOrId, out var id) ? id : Guid.Empty, key = AccountNames.Key(AuditRecord.Canonical(nameOrId)!) },
            ct) ?? throw Refusal.NotFound("group");

    public static string ETag(Group group) => EntityTags.Of([group.Id, group.Name, .. group.Members]);

    /// <summary>Holds the group while its state is compared with what the request expects; conditional changes come one after the other.</summary>
    static async Task RequireAsync(NpgsqlConnection tx, Guid id, Expectation expected, CancellationToken ct)
    {
        if (expected.IsNone)
            return;
        await tx.ExecuteAsync("select from groups where id = @id for update", new { id }, ct);
        expected.Require(ETag(await ReadAsync(tx, id, ct)));
    }

    static async Task<MemberRow> MemberAsync(NpgsqlConnection tx, string? member, CancellationToken ct)
    {
        if (member?.Split(':', 2) is not [("user" or "group") and var kind, var nameOrId])
            throw Refusal.Invalid("A member is 'user:NAME' or 'group:NAME', by name or id.");
        return await tx.QuerySingleOrDefaultAsync<MemberRow>(
            """
            select id, false as is_group, 'user:' || name as word from users where @kind = 'user' and (id = @id or name_key = @key)
            union all
            select id, true, 'group:' || name from groups where @kind = 'group' and (id = @id or name_key = @key)
            """,
            new { kind, id = Guid.TryParse(nameOrId, out var id) ? id : Guid.Empty, key = AccountNames.Key(AuditRecord.Canonical(nameOrId)!) },
            ct) ?? throw Refusal.NotFound(kind);
    }

    static async Task<Group> ReadAsync(NpgsqlConnection connection, Guid id, CancellationToken ct) =>
        (await connection.QuerySingleAsync<MemberedRow>(
            """
            select g.id, g.name, g.name_key, array(
                select case when m.is_group then 'group:' || mg.name else 'user:' || u.name end
                from group_members m left join users u on not m.is_group and u.id = m.member_id left join groups mg on m.is_group and mg.id = m.member_id
                where m.group_id = g.id order by 1 limit @maxMembers) as members
            from groups g where g.id = @id
            """,
            new { id, maxMembers = MaxMembers },
            ct)).ToGroup();

    sealed record GroupRow(Guid Id, string Name);

    sealed record MemberRow(Guid Id, bool IsGroup, string Word);

    sealed record Nesting(bool Circle, int Depth);

    sealed record MemberedRow
    {
        public Guid Id { get; init; }

        public string Name { get; init; } = "";

        public string NameKey { get; init; } = "";

        public string[] Members { get; init; } = [];

        public Group ToGroup() => new(Id.ToString(), Name, Members);
    }
}
