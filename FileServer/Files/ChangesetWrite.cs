using FileServer.Database;
using Npgsql;

namespace FileServer.Files;

/// <summary>Writes what a judged changeset leaves behind, each table by one statement.</summary>
static class ChangesetWrite
{
    public static async Task RunAsync(NpgsqlConnection tx, ChangesetWork work, long revision, CancellationToken ct)
    {
        var moves = ScopeMoves.Settle(work);
        var changed = work.Tree.All.Where(node => node is { IsNew: false, Changed: true }).ToArray();
        await KeepHistoryAsync(tx, work, changed, revision, ct);
        await ParkNamesAsync(tx, work, changed, ct);
        await UpdateNodesAsync(tx, work, changed, revision, ct);
        await InsertNodesAsync(tx, work, work.Tree.All.Where(node => node.IsNew).ToArray(), revision, ct);
        await InsertVersionsAsync(tx, work, revision, ct);
        await moves.WriteAsync(tx, work, revision, ct);
        await CloseAsync(tx, work, revision, ct);
    }

    /// <summary>The state that ends with this revision. What is new has none.</summary>
    static async Task KeepHistoryAsync(NpgsqlConnection tx, ChangesetWork work, TouchedNode[] changed, long revision, CancellationToken ct)
    {
        if (changed.Length == 0)
            return;
        const string sql =
            """
            insert into node_history (
                space_id, node_id, from_revision, to_revision, from_at, to_at, changed_by, parent_id, name, name_key, kind, state, access_id, version,
                size, content_id, modified_at, executable, target)
            select n.space_id, n.id, n.changed_revision, @revision, n.changed_at, @now, n.changed_by, n.parent_id, n.name, n.name_key, n.kind, n.state,
                n.access_id, n.version, n.size, n.content_id, n.modified_at, n.executable, n.target
            from nodes n
            where n.space_id = @space and n.id = any(@ids)
            """;
        await tx.ExecuteAsync(sql, new { space = work.Space.Id, revision, now = work.Now, ids = Ids(changed) }, ct);
    }

    /// <summary>
    /// The unique index looks at each row as it changes, so a swap would fail halfway. Those whose name another one takes
    /// first get a key that no name can have.
    /// </summary>
    static async Task ParkNamesAsync(NpgsqlConnection tx, ChangesetWork work, TouchedNode[] changed, CancellationToken ct)
    {
        var wanted = work.Tree.All
            .Where(node => node.PlacedBy >= 0 && node.Now.State == NodeLife.Live)
            .Select(node => (node.Now.ParentId, node.Now.NameKey))
            .ToHashSet();
        var parked = changed
            .Where(node => node.Before!.State == NodeLife.Live && wanted.Contains((node.Before.ParentId, node.Before.NameKey)))
            .Where(node => node.Now.State != NodeLife.Live || (node.Now.ParentId, node.Now.NameKey) != (node.Before!.ParentId, node.Before.NameKey))
            .ToArray();
        if (parked.Length == 0)
            return;
        await tx.ExecuteAsync(
            "update nodes set name_key = chr(1) || id::text where space_id = @space and id = any(@ids)", new { space = work.Space.Id, ids = Ids(parked) }, ct);
    }

    static async Task UpdateNodesAsync(NpgsqlConnection tx, ChangesetWork work, TouchedNode[] changed, long revision, CancellationToken ct)
    {
        if (changed.Length == 0)
            return;
        const string sql =
            """
            update nodes n
            set parent_id = u.parent_id, name = u.name, name_key = u.name_key, state = u.state, access_id = u.access_id, version = u.version, size = u.size,
                content_id = u.content_id, sha256 = u.sha256, modified_at = u.modified_at, executable = u.executable,
                changed_revision = @revision, changed_at = @now, changed_by = @user
            from unnest(@ids, @parents, @names, @keys, @states, @accessIds, @versions, @sizes, @contentIds, @sha256s, @modified, @executables)
                as u (id, parent_id, name, name_key, state, access_id, version, size, content_id, sha256, modified_at, executable)
            where n.space_id = @space and n.id = u.id
            """;
        var args = new
        {
            space = work.Space.Id,
            revision,
            now = work.Now,
            user = work.Caller.UserId,
            ids = Ids(changed),
            parents = Column(changed, row => row.ParentId?.Value),
            names = Column(changed, row => row.Name),
            keys = Column(changed, row => row.NameKey),
            states = Column(changed, row => (short)row.State),
            accessIds = Column(changed, row => row.AccessId),
            versions = Column(changed, row => row.Version),
            sizes = Column(changed, row => row.Size),
            contentIds = Column(changed, row => row.ContentId?.ToArray()),
            sha256s = Column(changed, row => row.Sha256?.ToArray()),
            modified = Column(changed, row => row.ModifiedAt),
            executables = Column(changed, row => row.Executable),
        };
        await tx.ExecuteAsync(sql, args, ct);
    }

    static async Task InsertNodesAsync(NpgsqlConnection tx, ChangesetWork work, TouchedNode[] made, long revision, CancellationToken ct)
    {
        if (made.Length == 0)
            return;
        const string sql =
            """
            insert into nodes (
                space_id, id, parent_id, name, name_key, kind, state, access_id, version, size, content_id, sha256, modified_at, executable, target,
                conflict_of, changed_revision, changed_at, changed_by)
            select @space, u.*, @revision, @now, @user
            from unnest(@ids, @parents, @names, @keys, @kinds, @states, @accessIds, @versions, @sizes, @contentIds, @sha256s, @modified, @executables, @targets,
                @conflictsOf) as u
            """;
        var args = new
        {
            space = work.Space.Id,
            revision,
            now = work.Now,
            user = work.Caller.UserId,
            ids = Ids(made),
            parents = Column(made, row => row.ParentId!.Value.Value),
            names = Column(made, row => row.Name),
            keys = Column(made, row => row.NameKey),
            kinds = Column(made, row => (short)row.Kind),
            states = Column(made, row => (short)row.State),
            accessIds = Column(made, row => row.AccessId),
            versions = Column(made, row => row.Version),
            sizes = Column(made, row => row.Size),
            contentIds = Column(made, row => row.ContentId?.ToArray()),
            sha256s = Column(made, row => row.Sha256?.ToArray()),
            modified = Column(made, row => row.ModifiedAt),
            executables = Column(made, row => row.Executable),
            targets = Column(made, row => row.Target),
            conflictsOf = Column(made, row => row.ConflictOf?.Value),
        };
        await tx.ExecuteAsync(sql, args, ct);
    }

    static async Task InsertVersionsAsync(NpgsqlConnection tx, ChangesetWork work, long revision, CancellationToken ct)
    {
        if (work.NewVersions.Count == 0)
            return;
        var segments = work.NewVersions.SelectMany(version => version.Content?.Segments ?? []).DistinctBy(segment => segment.Id).OrderBy(segment => segment.Id).ToArray();
        if (segments.Length > 0)
        {
            const string insert =
                """
                insert into segments (space_id, id, entries)
                select @space, u.* from unnest(@ids, @entries) as u
                on conflict do nothing
                """;
            var columns = new
            {
                space = work.Space.Id,
                ids = segments.Select(segment => segment.Id.ToArray()).ToArray(),
                entries = segments.Select(segment => segment.Entries.ToArray()).ToArray(),
            };
            await tx.ExecuteAsync(insert, columns, ct);
        }
        const string sql =
            """
            insert into versions (
                space_id, node_id, number, size, content_id, sha256, chunk_list, modified_at, executable, comment, created_at, created_by, device, origin, revision)
            select @space, u.*, @now, @user, @device, @origin, @revision
            from unnest(@nodes, @numbers, @sizes, @contentIds, @sha256s, @chunkLists, @modified, @executables, @comments) as u
            """;
        var rows = work.NewVersions;
        var args = new
        {
            space = work.Space.Id,
            revision,
            now = work.Now,
            user = work.Caller.UserId,
            device = work.Request.Changeset.Device,
            origin = (short)work.Request.Origin,
            nodes = rows.Select(version => version.Row.NodeId.Value).ToArray(),
            numbers = rows.Select(version => version.Row.Number).ToArray(),
            sizes = rows.Select(version => version.Row.Size).ToArray(),
            contentIds = rows.Select(version => version.Row.ContentId.ToArray()).ToArray(),
            sha256s = rows.Select(version => version.Row.Sha256?.ToArray()).ToArray(),
            chunkLists = rows.Select(version => version.Row.ChunkList).ToArray(),
            modified = rows.Select(version => version.Row.ModifiedAt).ToArray(),
            executables = rows.Select(version => version.Row.Executable).ToArray(),
            comments = rows.Select(version => version.Comment).ToArray(),
        };
        await tx.ExecuteAsync(sql, args, ct);
    }

    /// <summary>The revision itself: the changeset's row, the space's counter and its used bytes, the uploads that are versions now.</summary>
    static async Task CloseAsync(NpgsqlConnection tx, ChangesetWork work, long revision, CancellationToken ct)
    {
        const string sql =
            """
            with counted as (
                update spaces set revision = @revision, used_bytes = used_bytes + @bytes where id = @space
            ), finished as (
                update uploads set state = 2 where id = any(@uploads)
            )
            insert into changesets (space_id, revision, id, created_at, created_by, session_id, device, origin, request)
            values (@space, @revision, @id, @now, @user, @session, @device, @origin, @request)
            """;
        var args = new
        {
            space = work.Space.Id,
            revision,
            bytes = work.NewVersions.Sum(version => version.Row.Size),
            uploads = work.Uploads.Keys.ToArray(),
            id = work.Request.Changeset.Id,
            now = work.Now,
            user = work.Caller.UserId,
            session = work.Caller.SessionId,
            device = work.Request.Changeset.Device,
            origin = (short)work.Request.Origin,
            request = work.Request.Digest,
        };
        await tx.ExecuteAsync(sql, args, ct);
    }

    static Guid[] Ids(TouchedNode[] nodes) => Array.ConvertAll(nodes, node => node.Id.Value);

    static T[] Column<T>(TouchedNode[] nodes, Func<NodeRow, T> value) => Array.ConvertAll(nodes, node => value(node.Now));
}
