using FileServer.Access;
using FileServer.Files;
using FileServer.Files.Locks;
using FileServer.Http;
using FileServer.Protocol;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.WebDav;

/// <summary>LOCK and UNLOCK (RFC 4918 §9.10, §9.11), over the same locks as check-outs.</summary>
sealed class Locking(
    NpgsqlDataSource db, DavResources resources, DavGuard guard, DavWrite write, NodeLocks locks, EphemeralLocks ephemeralLocks, Ephemerals ephemerals, AccessCheck access,
    TimeProvider clock, IOptions<WebDavOptions> options)
{
    public async Task LockAsync(DavCall call, CancellationToken ct)
    {
        var deep = DavHeaders.WholeDepth(call.InSpace().Request) == DavDepth.Infinity;
        var info = await LockInfo.ReadAsync(call.Context, options.Value, ct);
        var time = Lifetime(call.Request);
        DavResource resource;
        Submitted submitted;
        await using (var connection = await db.OpenConnectionAsync(ct))
        {
            resource = await resources.FindAsync(connection, call.Caller, call.Path, ct);
            if (resource.Exists && resource.Ephemeral is null)
                await access.RequireAsync(connection, call.Caller, resource.SpaceId, resource.Node!.Id, Rights.Write, ct);
            submitted = await guard.RequireConditionsAsync(call.Context, connection, call.Caller, resource, ct);
            if (info is not null && !resource.Exists)
                await RequireMakableAsync(call, connection, resource, submitted, ct);
        }
        if (info is null)
        {
            await AnswerAsync(call, resource, await RefreshAsync(call, resource, submitted, time, ct), ct);
            return;
        }
        var made = !resource.Exists;
        if (made)
            resource = await MakeAsync(call, resource, submitted, ct);
        var held = await TakeAsync(call, resource, info, deep, time, ct);
        call.Response.StatusCode = made ? StatusCodes.Status201Created : StatusCodes.Status200OK;
        call.Response.Headers["Lock-Token"] = $"<{LockTokens.Text(held.Token)}>";
        await AnswerAsync(call, resource, held, ct);
    }

    public async Task UnlockAsync(DavCall call, CancellationToken ct)
    {
        var text = DavHeaders.Single(call.InSpace().Request, "Lock-Token") ?? throw Refusal.Invalid("'Lock-Token' says which lock to give back; it was not sent.");
        // Old versions of Windows send it without its brackets.
        if (LockXml.TokenIn(text.Trim('<', '>', ' ')) is not { } token)
            throw NotHeld(null);
        DavResource resource;
        await using (var connection = await db.OpenConnectionAsync(ct))
        {
            resource = await resources.FindAsync(connection, call.Caller, call.Path, ct);
            resource.RequireThere();
        }
        try
        {
            if (resource.Ephemeral is { } row)
                await ephemeralLocks.ReleaseAsync(call.Caller, resource.SpaceId, row.Id, token, ct);
            else
                await locks.ReleaseAsync(call.Caller, resource.SpaceId, resource.Node!.Id, token, ct);
        }
        catch (Refusal other) when (other.Kind == RefusalKind.Conflict)
        {
            throw NotHeld(other);
        }
        call.Answer(made: false);
    }

    static Refusal NotHeld(Refusal? cause) => new(DavRefusals.TokenElsewhere, "You hold no lock of this token here.", cause);

    /// <summary>RFC 4918 §7.3: an address that is not taken is locked by making an empty file there.</summary>
    async Task RequireMakableAsync(DavCall call, NpgsqlConnection connection, DavResource resource, Submitted submitted, CancellationToken ct)
    {
        if (call.Path.Slash)
            throw new Refusal(DavRefusals.ParentMissing, "There is no folder at this address to lock. Make it first with MKCOL.");
        await write.RequireCreateAsync(connection, call.Caller, resource, ct);
        await guard.RequireMembersOpenAsync(call.Context, connection, call.Caller, resource, submitted, ct);
    }

    async Task<DavResource> MakeAsync(DavCall call, DavResource resource, Submitted submitted, CancellationToken ct)
    {
        var ephemeral = ephemerals.Names.Match(resource.Name)
            && await ephemerals.PutAsync(call.Caller, resource.SpaceId, resource.Folder!.Id, resource.Name, [], null, ct) is not null;
        if (!ephemeral)
            await write.CommitAsync(call.Caller, resource, ChangesetId.New(), submitted, conditional: false, put => put with { Chunks = [] }, null, [], ct);
        await using var connection = await db.OpenConnectionAsync(ct);
        var made = await resources.FindAsync(connection, call.Caller, call.Path, ct);
        made.RequireThere();
        return made;
    }

    async Task<LockRow> TakeAsync(DavCall call, DavResource resource, LockInfo info, bool deep, TimeSpan time, CancellationToken ct)
    {
        var wish = new LockWish(Origin.WebDav, info.Shared, deep, time, info.Owner);
        try
        {
            return resource.Ephemeral is { } row
                ? await ephemeralLocks.TakeAsync(call.Caller, resource.SpaceId, row.Id, wish, ct)
                : (await locks.TakeAsync(call.Caller, resource.SpaceId, resource.Node!.Id, wish, ct)).Lock;
        }
        catch (Refusal locked) when (locked.Kind == RefusalKind.Locked)
        {
            throw new Refusal(DavRefusals.ConflictingLock, locked.Message, locked) { Lock = locked.Lock };
        }
    }

    async Task<LockRow> RefreshAsync(DavCall call, DavResource resource, Submitted submitted, TimeSpan time, CancellationToken ct)
    {
        resource.RequireThere();
        foreach (var token in submitted.Ids)
        {
            try
            {
                return resource.Ephemeral is { } row
                    ? await ephemeralLocks.RefreshAsync(call.Caller, resource.SpaceId, row.Id, token, time, ct)
                    : await locks.RefreshAsync(call.Caller, resource.SpaceId, resource.Node!.Id, token, time, ct);
            }
            catch (Refusal gone) when (gone.Kind == RefusalKind.PreconditionFailed && token != submitted.Ids.Last())
            {
                // Of several tokens one may be of another resource.
            }
        }
        throw Refusal.Invalid("Without a body a lock is refreshed: 'If' must name its token (RFC 4918 §9.10.2).");
    }

    async Task AnswerAsync(DavCall call, DavResource resource, LockRow held, CancellationToken ct)
    {
        call.Response.ContentType = DavErrors.ContentType;
        using var xml = new DavWriter(call.Response.BodyWriter);
        xml.Raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:prop xmlns:D=\"DAV:\"><D:lockdiscovery>"u8);
        foreach (var shown in DavGuard.Shown(call.Context, resource, [held]))
            LockXml.Write(xml, shown, call.Caller, clock.GetUtcNow());
        xml.Raw("</D:lockdiscovery></D:prop>\n"u8);
        await xml.FlushAsync(ct);
    }

    TimeSpan Lifetime(HttpRequest request)
    {
        var asked = DavHeaders.Timeout(request) ?? TimeSpan.FromSeconds(options.Value.LockSeconds);
        var most = TimeSpan.FromSeconds(options.Value.MaxLockSeconds);
        return asked < most ? asked : most;
    }
}
