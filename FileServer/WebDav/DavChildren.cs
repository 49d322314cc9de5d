using FileServer.Access;
using FileServer.Database;
using FileServer.Files.Locks;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.WebDav;

/// <summary>A folder that is being listed, and its current page.</summary>
sealed class DavListing(SpaceRow space, NodeId folder, NodeAccess access, PropertyPlan plan)
{
    public SpaceId Space => space.Id;

    /// <summary>Of the space, before anything of the folder was read.</summary>
    public long Revision => space.Revision;

    public NodeId Folder => folder;

    public NodeAccess Access => access;

    public PropertyPlan Plan => plan;

    /// <summary>The caller's rights by scope, as far as they were looked at.</summary>
    public Dictionary<Guid, Rights> Sight { get; } = new() { [access.Scope] = access.Rights };

    public List<DavEntry> Entries { get; } = [];

    /// <summary>What belongs to <see cref="Entries"/>; null behind the last page.</summary>
    public DavPage? Page { get; set; }

    /// <summary>The folded name behind which the next page begins; null when there is none.</summary>
    public string? After { get; set; } = "";
}

/// <summary>Reads the members of a folder that the caller may list, page by page: one statement for the rows, and one each for properties and locks where there are any.</summary>
sealed class DavChildren(NpgsqlDataSource db, AccessCheck access, NodeLocks locks, RecentListings recent, IOptions<WebDavOptions> options)
{
    /// <summary>The first page, with the ephemeral files.</summary>
    public async Task FirstAsync(NpgsqlConnection connection, Caller caller, DavListing listing, CancellationToken ct)
    {
        await ReadAsync(connection, caller, listing, ct);
        foreach (var row in await Ephemerals.InAsync(connection, listing.Space, listing.Folder, ct))
            listing.Entries.Add(row.Entry);
        await DescribeAsync(connection, listing, ct);
    }

    /// <summary>The next page, on a connection that nobody's slow reading keeps.</summary>
    public async Task NextAsync(Caller caller, DavListing listing, CancellationToken ct)
    {
        listing.Entries.Clear();
        listing.Page = null;
        if (listing.After is null)
            return;
        await using var connection = await db.OpenConnectionAsync(ct);
        await ReadAsync(connection, caller, listing, ct);
        await DescribeAsync(connection, listing, ct);
    }

    /// <summary>Adds the members that the caller may list; all the others leave no trace.</summary>
    async Task ReadAsync(NpgsqlConnection connection, Caller caller, DavListing listing, CancellationToken ct)
    {
        var first = listing.After!.Length == 0;
        var members = first ? recent.Find(listing.Folder, listing.Revision) : null;
        if (members is null)
        {
            members = await RowsAsync(connection, listing, ct);
            if (first && listing.After is null)
                recent.Remember(listing.Folder, members);
        }
        else
            listing.After = null;
        var scopes = members.Scopes.OfType<Guid>().ToHashSet();
        if (scopes.Count == 0)
        {
            listing.Entries.AddRange(members.Entries);
            return;
        }
        await LookAsync(connection, caller, listing, scopes, ct);
        for (var i = 0; i < members.Entries.Count; i++)
        {
            if (members.Scopes[i] is not { } scope || listing.Sight[scope].HasFlag(Rights.List))
                listing.Entries.Add(members.Entries[i]);
        }
    }

    /// <summary>A page of rows, read without Dapper: on a page of a thousand, boxing its ids and digests would be most of the work.</summary>
    async Task<Members> RowsAsync(NpgsqlConnection connection, DavListing listing, CancellationToken ct)
    {
        const string sql =
            """
            select n.id, n.name, n.name_key, n.kind, n.access_id, n.size, n.content_id, n.modified_at, n.executable, n.target
            from nodes n
            where n.space_id = @space and n.parent_id = @folder and n.state = 0 and n.name_key > @after
            order by n.name_key
            limit @count
            """;
        var (entries, scopes) = (new List<DavEntry>(), new List<Guid?>());
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.Add(new NpgsqlParameter<Guid>("space", listing.Space.Value));
        command.Parameters.Add(new NpgsqlParameter<Guid>("folder", listing.Folder.Value));
        command.Parameters.Add(new NpgsqlParameter<string>("after", listing.After!));
        command.Parameters.Add(new NpgsqlParameter<int>("count", options.Value.PageItems + 1));
        await using var reader = await command.ExecuteReaderAsync(ct);
        var last = "";
        listing.After = null;
        while (await reader.ReadAsync(ct))
        {
            // One more than a page holds: there is another one.
            if (entries.Count == options.Value.PageItems)
            {
                listing.After = last;
                break;
            }
            entries.Add(Entry(reader));
            scopes.Add(reader.IsDBNull(4) ? null : reader.GetGuid(4));
            last = reader.GetString(2);
        }
        return new Members(listing.Revision, entries, scopes);
    }

    static DavEntry Entry(NpgsqlDataReader reader)
    {
        var (id, modifiedAt, kind) = (reader.GetGuid(0), new DateTimeOffset(reader.GetDateTime(7)), (NodeKind)reader.GetInt16(3));
        var size = kind == NodeKind.Symlink ? System.Text.Encoding.UTF8.GetByteCount(reader.GetString(9)) : reader.GetInt64(5);
        var tag = reader.IsDBNull(6) ? null : reader.GetFieldValue<byte[]>(6);
        return new DavEntry(new NodeId(id), reader.GetString(1), kind, size, tag, modifiedAt, DavEntry.MadeAt(id, modifiedAt), reader.GetBoolean(8));
    }

    async Task LookAsync(NpgsqlConnection connection, Caller caller, DavListing listing, IEnumerable<Guid> scopes, CancellationToken ct)
    {
        var unseen = scopes.Where(scope => !listing.Sight.ContainsKey(scope)).ToHashSet();
        if (unseen.Count == 0)
            return;
        var rights = await access.OnScopesAsync(connection, caller, listing.Space, unseen, ct);
        foreach (var scope in unseen)
            listing.Sight[scope] = rights.GetValueOrDefault(scope);
    }

    /// <summary>Most folders hold neither: whether the space has any is one short look.</summary>
    async Task DescribeAsync(NpgsqlConnection connection, DavListing listing, CancellationToken ct)
    {
        const string sql =
            """
            select exists (select from dav_properties where space_id = @space) as kept, exists (select from node_locks where space_id = @space) as locks
            """;
        var there = listing.Plan is { NeedsKept: false, NeedsLocks: false } ? new There(false, false) : await connection.QuerySingleAsync<There>(sql, new { space = listing.Space }, ct);
        var ids = there is { Kept: false, Locks: false } ? [] : listing.Entries.ConvertAll(entry => entry.Id);
        var kept = there.Kept && listing.Plan.NeedsKept
            ? await KeptProperties.OfAsync(connection, listing.Space, [.. ids.Select(id => id.Value)], ct)
            : KeptProperties.None;
        var held = await locks.OnAsync(connection, listing.Space, there.Locks && listing.Plan.NeedsLocks ? ids : [], ct);
        listing.Page = new DavPage(kept, held, []);
    }

    sealed record There(bool Kept, bool Locks);
}
