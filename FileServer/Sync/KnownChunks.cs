using FileServer.Access;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Storage;
using Npgsql;

namespace FileServer.Sync;

/// <summary>
/// Which chunks a caller need not send. Knowing a hash is not a right: a chunk counts as there only for somebody who may read
/// a version that holds it, or who has sent its bytes. To everybody else it is missing, whether the space has it or not.
/// </summary>
sealed class KnownChunks(NpgsqlDataSource db, AccessCheck access, ChunkIndex index, TimeProvider clock)
{
    /// <summary>Those of the chunks whose bytes the caller has to send, in the order asked.</summary>
    public async Task<IReadOnlyList<Digest>> MissingAsync(Caller caller, SpaceId space, IReadOnlyList<Digest> asked, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        var sight = await access.SightAsync(connection, caller, space, ct);
        // Deduplication is a service to writers; a reader has no use for the answer.
        if (!sight.Scopes.Values.Any(rights => (rights & (Rights.Create | Rights.Write)) != Rights.None))
            throw sight.SeesNothing ? Refusal.NotFound("space") : Refusal.Forbidden("Your role in this space does not let you write, so there is nothing to send.");
        var known = await ClaimedAsync(connection, caller, space, ct);
        var found = await index.FindAsync(connection, space, [.. asked.Where(chunk => !known.Contains(chunk)).Distinct()], ct);
        var readable = sight.SeesEverything ? null : await ReadableAsync(connection, sight, space, found.Values.Select(chunk => chunk.Node), ct);
        known.UnionWith(found.Where(chunk => readable is null || readable.Contains(chunk.Value.Node)).Select(chunk => chunk.Key));
        return [.. asked.Where(chunk => !known.Contains(chunk)).Distinct()];
    }

    /// <summary>What the caller has sent in packs that nothing names yet.</summary>
    async Task<HashSet<Digest>> ClaimedAsync(NpgsqlConnection connection, Caller caller, SpaceId space, CancellationToken ct)
    {
        var packs = await connection.QueryAsync<byte[]>(
            """
            select entries from pack_claims where space_id = @space and user_id = @user and expires_at > @now
            """,
            new { space, user = caller.UserId, now = clock.GetUtcNow() },
            ct);
        return [.. packs.SelectMany(entries => ChunkListCodec.DecodeEntries(entries)).Select(chunk => chunk.Hash)];
    }

    /// <summary>Those of the nodes that are live and that the caller may read.</summary>
    static async Task<HashSet<NodeId>> ReadableAsync(NpgsqlConnection connection, SpaceSight sight, SpaceId space, IEnumerable<NodeId> nodes, CancellationToken ct)
    {
        var ids = nodes.Distinct().Select(node => node.Value).ToArray();
        var ancestry = await Ancestry.OfAsync(connection, space, ids, ct);
        return [.. ids
            .Where(id => ancestry.IsLive(id) && ancestry.ScopeOf(id) is { } scope && sight.On(scope).HasFlag(Rights.Read))
            .Select(id => new NodeId(id))];
    }
}
