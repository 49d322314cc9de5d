using FileServer.Access;
using FileServer.Audit;
using FileServer.Database;
using FileServer.Files;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.Uploads;

/// <summary>Where an upload goes, as far as that is there now.</summary>
/// <param name="Folder">The deepest folder of the wished path that is there.</param>
/// <param name="Missing">Folders to be made below it.</param>
/// <param name="Taken">What has the name already; never told to those who may not list the folder.</param>
sealed record UploadPlace(NodeRow Folder, IReadOnlyList<string> Missing, NodeRow? Taken);

/// <summary>Finds the places that uploads go to, and asks whether the caller may put something there: when an upload begins and again when it ends.</summary>
sealed class UploadPlaces(NpgsqlDataSource db, Spaces spaces, AccessCheck access, AuditWriter audit)
{
    /// <summary>The space, folder and place that a new upload names, once it is certain that the caller may put this upload there.</summary>
    public async Task<(SpaceRow Space, NodeId Folder, UploadPlace Place)> AdmitAsync(Caller caller, UploadWish wish, CancellationToken ct)
    {
        var space = await SpaceAsync(caller, wish.Space, ct);
        await using var connection = await db.OpenConnectionAsync(ct);
        var folder = wish.ParentId ?? await FolderAsync(connection, space.Id, wish.Folder, ct);
        if (await FindAsync(connection, caller, space.Id, folder, wish, ct) is not { } place)
        {
            // Says it, and records it, as for every other door.
            await access.RequireAsync(connection, caller, space.Id, folder, Rights.Create, ct);
            throw Refusal.NotFound("folder");
        }
        if (Demand(place, wish) is var (node, right))
            await access.RequireAsync(connection, caller, space.Id, node, right, ct);
        if (place.Taken is { } taken && (wish.OnConflict == OnConflict.Fail || (wish.OnConflict == OnConflict.Version && taken.Kind != NodeKind.File)))
            throw Refusal.NameTaken($"The name '{taken.Name}' is taken in this folder.");
        return (space, folder, place);
    }

    /// <summary>A space into which the caller may put something somewhere: what it takes to send chunks.</summary>
    public async Task<SpaceRow> AdmitPackAsync(Caller caller, UploadMetadata metadata, CancellationToken ct)
    {
        var space = await SpaceAsync(caller, metadata["space"], ct);
        await using var connection = await db.OpenConnectionAsync(ct);
        var sight = await access.SightAsync(connection, caller, space.Id, ct);
        if (sight.Scopes.Values.Any(rights => (rights & (Rights.Create | Rights.Write)) != Rights.None))
            return space;
        await RefuseAsync(caller, space.Id, space.Id.Root, ct);
        throw Refusal.Forbidden("You may not put anything into this space.");
    }

    /// <summary>The place of an upload whose bytes have all come.</summary>
    /// <exception cref="Refusal">The folder is gone: not found. The caller may not put anything there any more: forbidden.</exception>
    public async Task<UploadPlace> ReadmitAsync(Caller caller, SpaceId space, NodeId folder, UploadWish wish, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        var place = await FindAsync(connection, caller, space, folder, wish, ct) ?? throw Refusal.NotFound("folder");
        var (node, right) = Demand(place, wish);
        if ((await access.OnNodeAsync(connection, caller, space, node, ct))?.Allows(right) is true)
            return place;
        await RefuseAsync(caller, space, node, ct);
        throw Refusal.Forbidden("You may not put this upload there any more.");
    }

    /// <summary>The first name like this one that is free in the folder: with a number in front of the extension.</summary>
    public async Task<string> FreeNameAsync(SpaceId space, NodeId folder, string name, CancellationToken ct)
    {
        const int Batch = 100;
        var dot = name.LastIndexOf('.') is var at and > 0 ? at : name.Length;
        for (var first = 2; ; first += Batch)
        {
            var names = Enumerable.Range(first, Batch).Select(number => NodeName.Fit(name[..dot], $" ({number}){name[dot..]}")).ToArray();
            const string sql = "select name_key from nodes where space_id = @space and parent_id = @folder and state = 0 and name_key = any(@keys)";
            var taken = (await db.QueryAsync<string>(sql, new { space, folder, keys = names.Select(NodeName.KeyOf).ToArray() }, ct)).ToHashSet(StringComparer.Ordinal);
            if (Array.Find(names, candidate => !taken.Contains(NodeName.KeyOf(candidate))) is { } free)
                return free;
        }
    }

    Task<SpaceRow> SpaceAsync(Caller caller, string? space, CancellationToken ct) =>
        spaces.ResolveAsync(caller, space ?? throw Refusal.Invalid("'Upload-Metadata' must name a 'space'."), ct);

    static async Task<NodeId> FolderAsync(NpgsqlConnection connection, SpaceId space, IReadOnlyList<string> names, CancellationToken ct)
    {
        if (names.Count == 0)
            return space.Root;
        var way = await Paths.ResolveAsync(connection, space, names, ct);
        return way.Count == names.Count + 1 ? way[^1].Id : throw Refusal.NotFound("folder");
    }

    async Task<UploadPlace?> FindAsync(NpgsqlConnection connection, Caller caller, SpaceId space, NodeId folder, UploadWish wish, CancellationToken ct)
    {
        IReadOnlyList<string> names = wish.Name is { } name ? [.. wish.Below, name] : wish.Below;
        var way = await Paths.ResolveAsync(connection, space, folder, names, ct);
        if (way.Count == 0)
            return null;
        var depth = Math.Min(way.Count - 1, wish.Below.Count);
        if (way[depth].Kind != NodeKind.Folder)
            return null;
        var taken = way.Count == wish.Below.Count + 2 ? way[^1] : null;
        // Who may put something in but not look must not learn what is there.
        if (taken is not null && (await access.OnNodeAsync(connection, caller, space, way[depth].Id, ct))?.Allows(Rights.List) is not true)
            taken = null;
        return new UploadPlace(way[depth], [.. wish.Below.Skip(depth)], taken);
    }

    static (NodeId Node, Rights Right) Demand(UploadPlace place, UploadWish wish) =>
        place.Taken is { Kind: NodeKind.File } taken && wish.OnConflict == OnConflict.Version ? (taken.Id, Rights.Write) : (place.Folder.Id, Rights.Create);

    Task RefuseAsync(Caller caller, SpaceId space, NodeId node, CancellationToken ct) =>
        audit.RecordAsync(new AuditRecord(caller.Actor, "access.refuse", AuditOutcome.Refused, space, node), ct);
}
