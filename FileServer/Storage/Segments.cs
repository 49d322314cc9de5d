using FileServer.Database;
using FileServer.Protocol;
using Npgsql;

namespace FileServer.Storage;

/// <summary>Runs of chunk references that long versions share.</summary>
static class Segments
{
    /// <summary>The entries of these segments, as <see cref="ChunkListCodec"/> reads them; those that the space lacks are absent.</summary>
    public static async Task<Dictionary<Digest, ReadOnlyMemory<byte>>> LoadAsync(
        NpgsqlConnection connection, SpaceId space, IReadOnlyCollection<Digest> ids, CancellationToken ct)
    {
        var segments = new Dictionary<Digest, ReadOnlyMemory<byte>>(ids.Count);
        foreach (var part in ids.Chunk(1000))
        {
            const string sql = "select id, entries from segments where space_id = @space and id = any(@ids)";
            var rows = await connection.QueryAsync<Row>(sql, new { space, ids = part.Select(id => id.ToArray()).ToArray() }, ct);
            foreach (var row in rows)
                segments[new Digest(row.Id)] = row.Entries;
        }
        return segments;
    }

    sealed record Row(byte[] Id, byte[] Entries);
}
