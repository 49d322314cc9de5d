using System.Buffers.Binary;
using System.IO.Hashing;
using FileServer.Access;
using FileServer.Database;
using FileServer.Identity;
using FileServer.Protocol;
using Npgsql;

namespace FileServer.Sync;

/// <summary>
/// A digest of what gives a caller sight in a space. Grants are taken as they stood at a revision; groups and expiry, which have
/// no revision, as they are now. So it changes exactly by what the feed cannot tell otherwise.
/// </summary>
sealed class FeedSight(TimeProvider clock)
{
    public async Task<ulong> DigestAsync(NpgsqlConnection connection, Caller caller, SpaceId space, long revision, CancellationToken ct)
    {
        var grants = await connection.QueryAsync<Guid>(
            """
            select g.id
            from grants g
            where g.space_id = @space and g.principal_id = any(@principals)
                and g.from_revision <= @revision and (g.to_revision is null or g.to_revision > @revision)
                and (g.expires_at is null or g.expires_at > @now)
            order by g.id
            """,
            new { space, principals = AccessCheck.PrincipalsOf(caller), revision, now = clock.GetUtcNow() },
            ct);
        var hash = new XxHash3();
        Add(hash, caller.UserId.Value);
        Add(hash, caller.Scope?.Node?.Value ?? Guid.Empty);
        Add(hash, caller.Scope?.Space?.Value ?? Guid.Empty);
        Span<byte> rights = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(rights, caller.Scope?.Rights ?? (int)Rights.All);
        hash.Append(rights);
        foreach (var grant in grants)
            Add(hash, grant);
        return hash.GetCurrentHashAsUInt64();
    }

    static void Add(XxHash3 hash, Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        hash.Append(bytes);
    }
}
