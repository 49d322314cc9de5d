using FileServer.Access;
using FileServer.Audit;
using FileServer.Database;
using FileServer.Files;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Storage;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Sync;

/// <summary>
/// Streams many versions in one answer: a frame before each, in the order asked. Looking up, checking and recording costs a
/// fixed number of statements for any number of files.
/// </summary>
sealed class Contents(NpgsqlDataSource db, AccessCheck access, ContentReader reader, AuditLog audit, TimeProvider clock, IOptions<SyncOptions> options)
{
    const int BytesPerWrite = 128 * 1024;

    public async Task SendAsync(HttpContext context, Caller caller, SpaceId space, IReadOnlyList<ContentsItem> items, CancellationToken ct)
    {
        var found = await FindAsync(caller, space, items, ct);
        var readable = found.Where(version => version.Status == ContentFrameStatus.Ok).ToList();
        var maps = await reader.MapManyAsync(db, space, [.. readable.Select(version => version.Row.ChunkList!)], ct);
        for (var i = 0; i < readable.Count; i++)
        {
            readable[i].Map = maps[i];
            if (maps[i] is null)
                readable[i].Status = ContentFrameStatus.Unavailable;
        }
        // All reads are on record before the first byte leaves: one commit for all of them.
        await db.InTransactionAsync(tx => audit.AppendAsync(tx, Records(caller, space, found), ct), ct);

        context.Response.ContentType = ContentTypes.Unknown;
        context.Response.ContentLength = found.Sum(version => ContentFrame.Size + version.Length);
        context.Response.Headers.CacheControl = "no-store";
        using var body = new StallGuard(context, clock, TimeSpan.FromSeconds(options.Value.StallSeconds), BytesPerWrite);
        foreach (var version in found)
        {
            new ContentFrame(version.Row.Asked, version.Row.Version ?? version.AskedVersion, version.Status, version.Length).CopyTo(body.GetSpan(ContentFrame.Size));
            body.Advance(ContentFrame.Size);
            if (version.Length > 0)
                await reader.CopyToAsync(version.Map!, 0, version.Length, body, ct);
        }
        await body.FinishAsync(ct);
    }

    async Task<List<Found>> FindAsync(Caller caller, SpaceId space, IReadOnlyList<ContentsItem> items, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        var rows = await connection.QueryAsync<AskedRow>(
            """
            select asked.id as asked, n.name, n.parent_id, n.access_id, v.number as version, v.size, v.chunk_list
            from unnest(@nodes, @versions) with ordinality as asked (id, version, position)
            left join nodes n on n.space_id = @space and n.id = asked.id and n.state = 0
            left join versions v on v.space_id = @space and v.node_id = n.id and v.number = coalesce(asked.version, n.version)
            order by asked.position
            """,
            new { space, nodes = items.Select(item => item.NodeId.Value).ToArray(), versions = items.Select(item => item.Version).ToArray() },
            ct);
        var ancestry = await Ancestry.OfAsync(connection, space, rows.Select(row => row.ParentId).OfType<Guid>(), ct);
        var rights = new NodeRights(access, caller, space, ancestry);
        await rights.LearnAsync(connection, rows.Select(row => ancestry.ScopeOf(row.AccessId, row.ParentId)), ct);
        return [.. rows.Select((row, i) =>
        {
            var allowed = row.Version is not null && ancestry.IsLive(row.ParentId)
                && rights.On(row.Asked.Value, row.AccessId, row.ParentId).HasFlag(Rights.Read);
            return new Found(row, items[i].Version ?? 0) { Status = allowed ? ContentFrameStatus.Ok : ContentFrameStatus.NotFound };
        })];
    }

    static List<AuditRecord> Records(Caller caller, SpaceId space, List<Found> found)
    {
        var records = new List<AuditRecord>(found.Count);
        foreach (var version in found)
        {
            var row = version.Row;
            if (version.Status == ContentFrameStatus.Ok)
                records.Add(new AuditRecord(
                    caller.Actor, "file.read", AuditOutcome.Done, space, row.Asked, row.Name, $$"""{"version":{{row.Version}},"bytes":{{row.Size}}}"""));
            else if (version.Status == ContentFrameStatus.NotFound && row.Version is not null)
                records.Add(new AuditRecord(caller.Actor, "access.refuse", AuditOutcome.Refused, space, row.Asked, DetailJson: """{"needed":["read"]}"""));
        }
        return records;
    }

    /// <summary>What the database has about an asked version; null where there is none.</summary>
    sealed record AskedRow(NodeId Asked, string? Name, Guid? ParentId, Guid? AccessId, int? Version, long? Size, byte[]? ChunkList);

    /// <summary>An asked version and what becomes of it.</summary>
    sealed record Found(AskedRow Row, int AskedVersion)
    {
        public ContentFrameStatus Status { get; set; }

        public ContentMap? Map { get; set; }

        public long Length => Status == ContentFrameStatus.Ok ? Row.Size!.Value : 0;
    }
}
