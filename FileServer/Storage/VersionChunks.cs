using System.Runtime.CompilerServices;
using FileServer.Database;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.Storage;

/// <summary>A version and the chunks it names; null where its chunk list cannot be read.</summary>
sealed record VersionChunks(SpaceId Space, NodeId Node, int Number, long Revision, long Size, Digest ContentId, IReadOnlyList<ChunkRef>? Chunks)
{
    const int PageSize = 500;

    /// <summary>All versions of all spaces, page by page in the order of their keys.</summary>
    public static async IAsyncEnumerable<IReadOnlyList<VersionChunks>> ReadAllAsync(NpgsqlDataSource db, [EnumeratorCancellation] CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        var last = new Row(Guid.Empty, Guid.Empty, 0, 0, 0, [], []);
        while (true)
        {
            const string sql =
                """
                select space_id, node_id, number, revision, size, content_id, chunk_list
                from versions
                where (space_id, node_id, number) > (@space, @node, @number)
                order by space_id, node_id, number
                limit @limit
                """;
            var rows = await connection.QueryAsync<Row>(sql, new { space = last.SpaceId, node = last.NodeId, number = last.Number, limit = PageSize }, ct);
            if (rows.Count == 0)
                yield break;
            var page = new List<VersionChunks>(rows.Count);
            foreach (var space in rows.GroupBy(row => row.SpaceId))
                page.AddRange(await DecodeAsync(connection, new SpaceId(space.Key), [.. space], ct));
            yield return page;
            last = rows[^1];
        }
    }

    static async Task<IEnumerable<VersionChunks>> DecodeAsync(NpgsqlConnection connection, SpaceId space, Row[] rows, CancellationToken ct)
    {
        var ids = rows.SelectMany(row => SegmentIds(row.ChunkList) ?? []).ToHashSet();
        var segments = await Segments.LoadAsync(connection, space, ids, ct);
        return rows.Select(row => new VersionChunks(
            space, new NodeId(row.NodeId), row.Number, row.Revision, row.Size, new Digest(row.ContentId), Decode(row.ChunkList, segments)));
    }

    static IReadOnlyList<ChunkRef>? Decode(byte[] list, Dictionary<Digest, ReadOnlyMemory<byte>> segments)
    {
        if (SegmentIds(list)?.All(segments.ContainsKey) is not true)
            return null;
        try
        {
            return ChunkListCodec.Decode(list, id => segments[id]);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    static IReadOnlyList<Digest>? SegmentIds(byte[] list)
    {
        try
        {
            return ChunkListCodec.SegmentIds(list);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    sealed record Row(Guid SpaceId, Guid NodeId, int Number, long Revision, long Size, byte[] ContentId, byte[] ChunkList);
}
