using FileServer.Files;
using FileServer.Files.Locks;
using FileServer.Http;
using FileServer.Identity;
using Npgsql;

namespace FileServer.WebDav;

/// <summary>The address of what a lock protects, for the answer to whom it stops.</summary>
sealed record LockedAddress(string Href);

/// <summary>What a request submits by its <c>If</c> header, once that holds.</summary>
/// <param name="Tokens">The lock tokens, as changesets take them.</param>
sealed record Submitted(IReadOnlyList<string> Tokens)
{
    public IReadOnlySet<Guid> Ids { get; } = Tokens.Select(LockXml.TokenIn).OfType<Guid>().ToHashSet();
}

/// <summary>
/// What stands before every change by this door: the conditions of the request, and the locks of others. The commit judges locks again, under the space's
/// lock; here they are judged before a body is read, and as WebDAV has it: a token must be shown even by its holder, and even for a change that changes nothing.
/// </summary>
sealed class DavGuard(NpgsqlDataSource db, DavResources resources, NodeLocks locks)
{
    /// <summary>Decides the <c>If</c> header and HTTP's own conditions (RFC 4918 §10.4, RFC 9110 §13).</summary>
    /// <exception cref="Refusal">412: they do not hold.</exception>
    public async Task<Submitted> RequireConditionsAsync(HttpContext context, NpgsqlConnection connection, Caller caller, DavResource resource, CancellationToken ct)
    {
        RequireHttpConditions(context.Request, resource);
        if (IfHeader.Of(context.Request) is not { } conditions)
            return new Submitted([]);
        var own = await StateAsync(connection, resource, ct);
        var states = new Dictionary<string, IfState>(StringComparer.Ordinal);
        foreach (var named in conditions.Resources)
            states[named] = await StateAsync(context, connection, caller, named, ct);
        if (!conditions.Holds(named => named is null ? own : states[named]))
            throw Refusal.PreconditionFailed("None of the lists in 'If' holds: the lock has gone, or the resource has changed.");
        // What is not exactly a token of ours opens nothing, whatever is in it.
        return new Submitted([.. conditions.Tokens.Where(token => LockXml.TokenIn(token) is not null).Distinct(StringComparer.Ordinal)]);
    }

    static void RequireHttpConditions(HttpRequest request, DavResource resource)
    {
        var headers = request.Headers;
        if (headers.IfMatch.Count + headers.IfNoneMatch.Count + headers.IfUnmodifiedSince.Count == 0)
            return;
        if (!resource.Exists)
        {
            if (headers.IfMatch.Count > 0)
                throw Refusal.PreconditionFailed("There is nothing at this address that 'If-Match' could hold for.");
            return;
        }
        var state = new Validators(resource.ETag ?? $"\"r{resource.Node!.ChangedRevision}\"", DateTimeOffset.FromUnixTimeSeconds(resource.ModifiedAt.ToUnixTimeSeconds()), DateIsStrong: false);
        if (Preconditions.Evaluate(request, state) == Precondition.Failed)
            throw Refusal.PreconditionFailed($"The resource's ETag is {state.ETag} now. Fetch it anew, then decide.");
    }

    /// <summary>The resource itself is locked by nobody else.</summary>
    public async Task RequireOpenAsync(HttpContext context, NpgsqlConnection connection, Caller caller, DavResource resource, Submitted submitted, CancellationToken ct) =>
        Require(context, caller, resource, await CoveringAsync(connection, resource, ct), submitted);

    /// <summary>The list of members that the resource is to join or leave is locked by nobody else.</summary>
    public async Task RequireMembersOpenAsync(HttpContext context, NpgsqlConnection connection, Caller caller, DavResource resource, Submitted submitted, CancellationToken ct)
    {
        if (resource.Folder is { } folder)
            Require(context, caller, resource, await locks.FindAsync(connection, resource.SpaceId, folder.Id, ct), submitted);
    }

    /// <summary>Neither the resource, nor its place, nor anything below it is locked by somebody else: it may go.</summary>
    public async Task RequireRemovableAsync(HttpContext context, NpgsqlConnection connection, Caller caller, DavResource resource, Submitted submitted, CancellationToken ct)
    {
        await RequireOpenAsync(context, connection, caller, resource, submitted, ct);
        await RequireMembersOpenAsync(context, connection, caller, resource, submitted, ct);
        if (!resource.IsCollection)
            return;
        foreach (var below in (await locks.BelowAsync(connection, resource.SpaceId, resource.Node!.Id, ct)).GroupBy(held => held.NodeId))
            Require(context, caller, resource, [.. below], submitted);
    }

    /// <summary>The locks that protect a resource: its own and deep ones above it.</summary>
    public async Task<IReadOnlyList<LockRow>> CoveringAsync(NpgsqlConnection connection, DavResource resource, CancellationToken ct)
    {
        if (resource.Node is { } node)
            return await locks.FindAsync(connection, resource.SpaceId, node.Id, ct);
        var deep = resource.Folder is { } folder ? (await locks.FindAsync(connection, resource.SpaceId, folder.Id, ct)).Where(held => held.Deep) : [];
        return resource.Ephemeral is { } row ? [.. (await locks.OnAsync(connection, resource.SpaceId, [row.Id], ct))[row.Id], .. deep] : [.. deep];
    }

    /// <summary>Locks with the addresses of what was locked, as far as they stand on the way to the resource.</summary>
    public static IReadOnlyList<ShownLock> Shown(HttpContext context, DavResource resource, IReadOnlyList<LockRow> held) =>
        [.. held.Select(one => new ShownLock(one, RootOf(context, resource, one)))];

    static void Require(HttpContext context, Caller caller, DavResource resource, IReadOnlyList<LockRow> held, Submitted submitted)
    {
        if (held.Count == 0 || held.Any(one => one.IsHeldBy(caller, submitted.Ids)))
            return;
        context.Features.Set(new LockedAddress(RootOf(context, resource, held[0])));
        throw new Refusal(RefusalKind.Locked, held[0].Sentence(resource.Name)) { Lock = held[0].View(caller) };
    }

    static string RootOf(HttpContext context, DavResource resource, LockRow held)
    {
        for (var i = 0; i < resource.Way.Count; i++)
        {
            if (resource.Way[i].Id == held.NodeId)
                return DavAddress.Of(context, new DavPath([.. resource.Path.Names.Take(i + 1)], false), resource.Way[i].Kind == Protocol.Contracts.NodeKind.Folder);
        }
        return DavAddress.Of(context, resource.Path, resource.IsCollection);
    }

    async Task<IfState> StateAsync(HttpContext context, NpgsqlConnection connection, Caller caller, string named, CancellationToken ct)
    {
        if (DavPath.ResourceOf(context, named) is not { IsSpaceList: false } path)
            return IfState.Nothing;
        try
        {
            return await StateAsync(connection, await resources.FindAsync(connection, caller, path, ct), ct);
        }
        catch (Refusal)
        {
            // Not there for this caller: it has no state.
            return IfState.Nothing;
        }
    }

    async Task<IfState> StateAsync(NpgsqlConnection connection, DavResource resource, CancellationToken ct)
    {
        var tokens = (await CoveringAsync(connection, resource, ct)).Select(held => LockTokens.Text(held.Token));
        return new IfState(resource.ETag, new HashSet<string>(tokens, StringComparer.OrdinalIgnoreCase));
    }

    /// <summary>Opens a connection, for the checks before a request's body.</summary>
    public ValueTask<NpgsqlConnection> ConnectAsync(CancellationToken ct) => db.OpenConnectionAsync(ct);
}
