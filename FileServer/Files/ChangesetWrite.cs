using FileServer.Access;
using FileServer.Database;
using FileServer.Protocol;
using Npgsql;

namespace FileServer.Files;

/// <summary>Writes what judged changesets leave behind, each table by one statement.</summary>
static class ChangesetWrite
{
    /// <param name="space">As it is when all of them are done.</param>
    public static async Task RunAsync(NpgsqlConnection tx, SpaceRow space, IReadOnlyList<SettledWork> settled, CancellationToken ct)
    {
        var moves = settled.Select(one => ScopeMoves.Settle(one.Work)).ToArray();
        var changed = settled.SelectMany(one => one.Work.Tree.All.Where(node => node is { IsNew: false, Changed: true }).Select(node => new WrittenNode(one, node))).ToArray();
        var made = settled.SelectMany(one => one.Work.Tree.All.Where(node => node.IsNew).Select(node => new WrittenNode(one, node))).ToArray();
        await KeepHistoryAsync(tx, space.Id, changed, ct);
        await ParkNamesAsync(tx, space.Id, changed, made, ct);
        await UpdateNodesAsync(tx, space.Id, changed, ct);
        await InsertNodesAsync(tx, space.Id, made, ct);
        await InsertVersionsAsync(tx, space.Id, settled, ct);
        foreach (var (move, one) in moves.Zip(settled))
            await move.WriteAsync(tx, one.Work, one.Revision, ct);
        await CloseAsync(tx, space, settled, ct);
    }

    /// <summary>The state that ends with this revision. What is new has none.</summary>
    static async Task KeepHistoryAsync(NpgsqlConnection tx, SpaceId space, WrittenNode[] changed, CancellationToken ct)
    {
        if (changed.Length == 0)
            return;
        const string sql =
            """
            insert into node_history (
                space_id, node_id, from_revision, to_revision, from_at, to_at, changed_by, parent_id, name, name_key, kind, state, access_id, version,
                size, content_id, modified_at, executable, target)
            select n.space_id, n.id, n.changed_revision, ended.revision, n.changed_at, @now, n.changed_by, n.parent_id, n.name, n.name_key, n.kind, n.state,
                n.access_id, n.version, n.size, n.content_id, n.modified_at, n.executable, n.target
            from unnest(@ids, @revisions) as ended (id, revision)
            join nodes n on n.space_id = @space and n.id = ended.id
            """;
        await tx.ExecuteAsync(sql, new { space, now = changed[0].Of.Work.Now, ids = Ids(changed), revisions = Revisions(changed) }, ct);
    }

    /// <summary>
    /// The unique index looks at each row as it changes, so a swap would fail halfway. Those whose name another one takes
    /// first get a key that no name can have.
    /// </summary>
    static async Task ParkNamesAsync(NpgsqlConnection tx, SpaceId space, WrittenNode[] changed, WrittenNode[] made, CancellationToken ct)
    {
        var wanted = changed.Concat(made)
            .Where(node => node.Node.PlacedBy >= 0 && node.Now.State == NodeLife.Live)
            .Select(node => (node.Now.ParentId, node.Now.NameKey))
            .ToHashSet();
        var parked = changed
            .Where(node => node.Node.Before is { State: NodeLife.Live } before && wanted.Contains((before.ParentId, before.NameKey))
                && (node.Now.State != NodeLife.Live || (node.Now.ParentId, node.Now.NameKey) != (before.ParentId, before.NameKey)))
            .ToArray();
        if (parked.Length == 0)
            return;
        await tx.ExecuteAsync(
            "update nodes set name_key = chr(1) || id::text where space_id = @space and id = any(@ids)", new { space, ids = Ids(parked) }, ct);
    }

    static async Task UpdateNodesAsync(NpgsqlConnection tx, SpaceId space, WrittenNode[] changed, CancellationToken ct)
    {
        if (changed.Length == 0)
            return;
        const string sql =
            """
            update nodes n
            set parent_id = u.parent_id, name = u.name, name_key = u.name_key, state = u.state, access_id = u.access_id, version = u.version, size = u.size,
                content_id = u.content_id, sha256 = u.sha256, modified_at = u.modified_at, executable = u.executable,
                changed_revision = u.revision, changed_at = @now, changed_by = u.changed_by
            from unnest(@ids, @parents, @names, @keys, @states, @accessIds, @versions, @sizes, @contentIds, @sha256s, @modified, @executables, @revisions, @users)
                as u (id, parent_id, name, name_key, state, access_id, version, size, content_id, sha256, modified_at, executable, revision, changed_by)
            where n.space_id = @space and n.id = u.id
            """;
        var args = new
        {
            space,
            now = changed[0].Of.Work.Now,
            revisions = Revisions(changed),
            users = Array.ConvertAll(changed, node => node.Of.Work.Caller.UserId.Value),
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

    static async Task InsertNodesAsync(NpgsqlConnection tx, SpaceId space, WrittenNode[] made, CancellationToken ct)
    {
        if (made.Length == 0)
            return;
        const string sql =
            """
            insert into nodes (
                space_id, id, parent_id, name, name_key, kind, state, access_id, version, size, content_id, sha256, modified_at, executable, target,
                conflict_of, changed_revision, changed_by, changed_at)
            select @space, u.*, @now
            from unnest(@ids, @parents, @names, @keys, @kinds, @states, @accessIds, @versions, @sizes, @contentIds, @sha256s, @modified, @executables, @targets,
                @conflictsOf, @revisions, @users) as u
            """;
        var args = new
        {
            space,
            now = made[0].Of.Work.Now,
            revisions = Revisions(made),
            users = Array.ConvertAll(made, node => node.Of.Work.Caller.UserId.Value),
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

    static async Task InsertVersionsAsync(NpgsqlConnection tx, SpaceId space, IReadOnlyList<SettledWork> settled, CancellationToken ct)
    {
        var rows = settled.SelectMany(one => one.Work.NewVersions.Select(version => (Of: one, version.Row, version.Content, version.Comment))).ToArray();
        if (rows.Length == 0)
            return;
        await InsertSegmentsAsync(tx, space, rows.SelectMany(version => version.Content?.Segments ?? []), ct);
        const string sql =
            """
            insert into versions (
                space_id, node_id, number, size, content_id, sha256, chunk_list, modified_at, executable, comment, revision, created_by, device, origin, created_at)
            select @space, u.*, @now
            from unnest(@nodes, @numbers, @sizes, @contentIds, @sha256s, @chunkLists, @modified, @executables, @comments, @revisions, @users, @devices, @origins) as u
            """;
        var args = new
        {
            space,
            now = settled[0].Work.Now,
            nodes = Array.ConvertAll(rows, version => version.Row.NodeId.Value),
            numbers = Array.ConvertAll(rows, version => version.Row.Number),
            sizes = Array.ConvertAll(rows, version => version.Row.Size),
            contentIds = Array.ConvertAll(rows, version => version.Row.ContentId.ToArray()),
            sha256s = Array.ConvertAll(rows, version => version.Row.Sha256?.ToArray()),
            chunkLists = Array.ConvertAll(rows, version => version.Row.ChunkList),
            modified = Array.ConvertAll(rows, version => version.Row.ModifiedAt),
            executables = Array.ConvertAll(rows, version => version.Row.Executable),
            comments = Array.ConvertAll(rows, version => version.Comment),
            revisions = Array.ConvertAll(rows, version => version.Of.Revision),
            users = Array.ConvertAll(rows, version => version.Of.Work.Caller.UserId.Value),
            devices = Array.ConvertAll(rows, version => version.Of.Work.Request.Changeset.Device),
            origins = Array.ConvertAll(rows, version => (short)version.Of.Work.Request.Origin),
        };
        await tx.ExecuteAsync(sql, args, ct);
    }

    static async Task InsertSegmentsAsync(NpgsqlConnection tx, SpaceId space, IEnumerable<Segment> named, CancellationToken ct)
    {
        var segments = named.DistinctBy(segment => segment.Id).OrderBy(segment => segment.Id).ToArray();
        if (segments.Length == 0)
            return;
        const string sql =
            """
            insert into segments (space_id, id, entries)
            select @space, u.* from unnest(@ids, @entries) as u
            on conflict do nothing
            """;
        var columns = new
        {
            space,
            ids = Array.ConvertAll(segments, segment => segment.Id.ToArray()),
            entries = Array.ConvertAll(segments, segment => segment.Entries.ToArray()),
        };
        await tx.ExecuteAsync(sql, columns, ct);
    }

    /// <summary>The revisions themselves: the changesets' rows, the space's counter and its used bytes, the uploads that are versions now.</summary>
    static async Task CloseAsync(NpgsqlConnection tx, SpaceRow space, IReadOnlyList<SettledWork> settled, CancellationToken ct)
    {
        const string sql =
            """
            with counted as (
                update spaces set revision = @revision, used_bytes = used_bytes + @bytes where id = @space
            ), finished as (
                update uploads set state = 2 where id = any(@uploads)
            ), used as (
                delete from quota_reservations where space_id = @space and id = any(@reservations)
            )
            insert into changesets (space_id, revision, id, created_by, session_id, device, origin, request, destroyed, created_at)
            select @space, u.*, @now
            from unnest(@revisions, @ids, @users, @sessions, @devices, @origins, @requests, @destroyed) as u
            """;
        var works = settled.Select(one => one.Work).ToArray();
        var args = new
        {
            space = space.Id,
            revision = space.Revision,
            bytes = works.Sum(work => work.NewVersions.Sum(version => version.Row.Size)),
            // Each changeset has those uploads of its caller that it names.
            uploads = works.SelectMany(work => work.Request.Operations).Select(op => op.Upload).OfType<Guid>().ToArray(),
            now = works[0].Now,
            revisions = settled.Select(one => one.Revision).ToArray(),
            ids = Array.ConvertAll(works, work => work.Request.Changeset.Id.Value),
            users = Array.ConvertAll(works, work => work.Caller.UserId.Value),
            sessions = Array.ConvertAll(works, work => work.Caller.SessionId),
            devices = Array.ConvertAll(works, work => work.Request.Changeset.Device),
            origins = Array.ConvertAll(works, work => (short)work.Request.Origin),
            requests = Array.ConvertAll(works, work => work.Request.Digest),
            destroyed = Array.ConvertAll(works, work => work.Destroyed),
            // Nothing is reserved where nothing is limited.
            reservations = space.QuotaBytes is null ? [] : works.SelectMany(work => work.Reservations).ToArray(),
        };
        await tx.ExecuteAsync(sql, args, ct);
    }

    static Guid[] Ids(WrittenNode[] nodes) => Array.ConvertAll(nodes, node => node.Node.Id.Value);

    static long[] Revisions(WrittenNode[] nodes) => Array.ConvertAll(nodes, node => node.Of.Revision);

    static T[] Column<T>(WrittenNode[] nodes, Func<NodeRow, T> value) => Array.ConvertAll(nodes, node => value(node.Now));

    /// <summary>A node that is new or changed, and the changeset that made it so.</summary>
    readonly record struct WrittenNode(SettledWork Of, TouchedNode Node)
    {
        public NodeRow Now => Node.Now;
    }
}
