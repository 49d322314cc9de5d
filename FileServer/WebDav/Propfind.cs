using FileServer.Access;
using FileServer.Database;
using FileServer.Files;
using FileServer.Files.Locks;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.WebDav;

/// <summary>
/// PROPFIND (RFC 4918 §9.1): properties of a resource, and with a depth of 1 of its members. Members are read and written page by page, so that a folder
/// of any size costs the memory of one page and a handful of statements each.
/// </summary>
sealed class Propfind(
    NpgsqlDataSource db, DavResources resources, DavGuard guard, DavChildren children, TimeProvider clock, IOptions<WebDavOptions> options, IOptions<DownloadOptions> downloads)
{
    static readonly DavPage Bare = new(KeptProperties.None, Enumerable.Empty<LockRow>().ToLookup(held => held.NodeId), []);

    public async Task RunAsync(DavCall call, CancellationToken ct)
    {
        var depth = DavHeaders.Depth(call.Request, DavDepth.Infinity);
        var plan = PropertyPlan.Of(await PropfindRequest.ReadAsync(call.Context, options.Value, ct));
        if (call.Path.IsSpaceList)
            await ListSpacesAsync(call, plan, depth, ct);
        else
            await DescribeAsync(call, plan, depth, ct);
    }

    async Task ListSpacesAsync(DavCall call, PropertyPlan plan, DavDepth depth, CancellationToken ct)
    {
        RequireFinite(depth);
        var spaces = depth == DavDepth.One ? await SpacesAsync(call.Caller, ct) : [];
        using var body = Start(call);
        using var xml = new DavWriter(body);
        var answer = new DavAnswer(xml, plan, call.Caller, null, clock.GetUtcNow());
        var href = DavAddress.Of(call.Context, call.Path, collection: true);
        answer.Begin();
        answer.Write(href, new DavEntry(default, "dav", NodeKind.Folder, 0, null, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, false), isTop: true, Bare);
        foreach (var space in spaces)
            answer.Write(href, DavEntry.Of(space), isTop: false, Bare);
        answer.End();
        await xml.FlushAsync(ct);
    }

    /// <summary>The roots that the caller may list, each under its space's name.</summary>
    async Task<List<NodeRow>> SpacesAsync(Caller caller, CancellationToken ct)
    {
        const string sql =
            $"""
            select {NodeRow.Columns}
            from (
                select r.space_id, r.id, r.parent_id, s.name, r.name_key, r.kind, r.state, r.access_id, r.version, r.size, r.content_id, r.sha256, r.modified_at,
                    r.executable, r.target, r.conflict_of, r.changed_revision, r.changed_at, r.changed_by, s.name_key as order_key
                from spaces s
                join nodes r on r.space_id = s.id and r.id = s.id
                where s.deleted_at is null and (@only::uuid is null or s.id = @only) and exists (
                    select from grants g
                    where g.space_id = s.id and g.principal_id = any(@principals) and g.to_revision is null and (g.expires_at is null or g.expires_at > @now))
            ) n
            order by n.order_key
            limit @most
            """;
        var args = new { only = caller.Scope?.Space?.Value, principals = AccessCheck.PrincipalsOf(caller), now = clock.GetUtcNow(), most = 10 * options.Value.PageItems };
        return await db.QueryAsync<NodeRow>(sql, args, ct);
    }

    async Task DescribeAsync(DavCall call, PropertyPlan plan, DavDepth depth, CancellationToken ct)
    {
        DavResource resource;
        DavPage top;
        DavListing? listing = null;
        await using (var connection = await db.OpenConnectionAsync(ct))
        {
            resource = await resources.FindAsync(connection, call.Caller, call.Path, ct);
            resource.RequireThere();
            if (resource.IsCollection)
                RequireFinite(depth);
            top = await TopAsync(call, connection, resource, plan, ct);
            if (resource.IsCollection && depth == DavDepth.One)
            {
                listing = new DavListing(resource.Space, resource.Node!.Id, resource.Access!, plan);
                await children.FirstAsync(connection, call.Caller, listing, ct);
            }
        }
        using var body = Start(call);
        using var xml = new DavWriter(body);
        var answer = new DavAnswer(xml, plan, call.Caller, resource.Space, clock.GetUtcNow());
        var href = DavAddress.Of(call.Context, call.Path, resource.IsCollection);
        answer.Begin();
        answer.Write(href, resource.Entry, isTop: true, top);
        var above = top.Above.Where(shown => shown.Lock.Deep).Concat(top.Locks[resource.Id!.Value].Where(held => held.Deep).Select(held => new ShownLock(held, href))).ToArray();
        for (; listing?.Page is { } page; await children.NextAsync(call.Caller, listing, ct))
        {
            var shown = page with { Above = above };
            foreach (var entry in listing.Entries)
            {
                answer.Write(href, entry, isTop: false, shown);
                await xml.BreatheAsync(ct);
            }
        }
        answer.End();
        await xml.FlushAsync(ct);
    }

    async Task<DavPage> TopAsync(DavCall call, NpgsqlConnection connection, DavResource resource, PropertyPlan plan, CancellationToken ct)
    {
        var id = resource.Id!.Value;
        var kept = plan.NeedsKept ? await KeptProperties.OfAsync(connection, resource.SpaceId, [id.Value], ct) : KeptProperties.None;
        if (!plan.NeedsLocks)
            return Bare with { Kept = kept };
        var locks = await guard.CoveringAsync(connection, resource, ct);
        return new DavPage(
            kept, locks.Where(held => held.NodeId == id).ToLookup(held => held.NodeId), DavGuard.Shown(call.Context, resource, [.. locks.Where(held => held.NodeId != id)]));
    }

    static void RequireFinite(DavDepth depth)
    {
        if (depth == DavDepth.Infinity)
            throw new Refusal(DavRefusals.FiniteDepth, "Ask with 'Depth: 0' or 'Depth: 1', level by level.");
    }

    StallGuard Start(DavCall call)
    {
        call.Response.StatusCode = StatusCodes.Status207MultiStatus;
        call.Response.ContentType = DavErrors.ContentType;
        return new StallGuard(call.Context, clock, TimeSpan.FromSeconds(downloads.Value.StallSeconds));
    }
}
