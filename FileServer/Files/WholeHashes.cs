using System.Security.Cryptography;
using FileServer.Database;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Storage;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Files;

/// <summary>
/// Fills in the plain SHA-256 of versions that came as chunks, so that a long file can be committed at once and still be
/// compared with what other programs print. One process of all does it, at a set pace.
/// </summary>
sealed partial class WholeHashes(NpgsqlDataSource db, ContentReader reader, TimeProvider clock, IOptions<DownloadOptions> options, ILogger<WholeHashes> logger)
    : BackgroundService
{
    /// <summary>Names the advisory lock that the one process holds.</summary>
    const long LockKey = 0x46535F68617368;

    const int VersionsAtOnce = 200;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(options.Value.HashEverySeconds), clock);
        while (await NextAsync(timer, stoppingToken))
        {
            try
            {
                await PassAsync(stoppingToken);
            }
            catch (Exception fault) when (fault is NpgsqlException or IOException or TimeoutException)
            {
                Log.PassFailed(logger, fault);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    static async Task<bool> NextAsync(PeriodicTimer timer, CancellationToken ct)
    {
        try
        {
            return await timer.WaitForNextTickAsync(ct);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Goes once over all versions whose hash is not known.</summary>
    /// <returns>How many it has filled in.</returns>
    public async Task<int> PassAsync(CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        if (!await connection.QuerySingleAsync<bool>("select pg_try_advisory_lock(@key)", new { key = LockKey }, ct))
            return 0;
        var filled = 0;
        try
        {
            var at = new UnhashedRow(default, default, 0, 0, 0, []);
            while (await NextAsync(connection, at, ct) is { Count: > 0 } rows)
            {
                foreach (var row in rows)
                    filled += await FillAsync(row, ct) ? 1 : 0;
                at = rows[^1];
            }
            return filled;
        }
        finally
        {
            await connection.ExecuteAsync("select pg_advisory_unlock(@key)", new { key = LockKey }, CancellationToken.None);
        }
    }

    static Task<List<UnhashedRow>> NextAsync(NpgsqlConnection connection, UnhashedRow after, CancellationToken ct) => connection.QueryAsync<UnhashedRow>(
        """
        select v.space_id, v.node_id, v.number, v.size, v.revision, v.chunk_list
        from versions v
        where v.sha256 is null and (v.space_id, v.revision, v.node_id, v.number) > (@space, @revision, @node, @number)
        order by v.space_id, v.revision, v.node_id, v.number
        limit @count
        """,
        new { space = after.SpaceId, revision = after.Revision, node = after.NodeId, number = after.Number, count = VersionsAtOnce },
        ct);

    async Task<bool> FillAsync(UnhashedRow version, CancellationToken ct)
    {
        if (await HashAsync(version, ct) is not { } sha256)
            return false;
        // One version a statement: its two rows are locked in an order that no commit can cross.
        await db.ExecuteAsync(
            """
            with version as (
                update versions set sha256 = @sha256
                where space_id = @space and node_id = @node and number = @number
            )
            update nodes set sha256 = @sha256
            where space_id = @space and id = @node and version = @number
            """,
            new { sha256, space = version.SpaceId, node = version.NodeId, number = version.Number },
            ct);
        return true;
    }

    async Task<Digest?> HashAsync(UnhashedRow version, CancellationToken ct)
    {
        // A chunk is named by its SHA-256, so a file of one chunk needs no reading.
        if (ChunkListCodec.SegmentIds(version.ChunkList).Count == 0 && ChunkListCodec.Decode(version.ChunkList, _ => default) is var chunks && chunks.Count <= 1)
            return chunks is [var only] ? only.Hash : Digest.Of([]);
        try
        {
            var map = await reader.MapAsync(db, version.SpaceId, version.ChunkList, ct);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            await using var stream = new PacedHashing(hash, clock, options.Value.HashMegabytesPerSecond * 1_000_000L);
            await reader.CopyToAsync(map, 0, version.Size, stream, ct);
            return new Digest(hash.GetHashAndReset());
        }
        catch (Refusal damaged)
        {
            // The scrub tells of damage; here it only means that there is nothing to hash.
            Log.NotReadable(logger, damaged, version.NodeId, version.Number);
            return null;
        }
    }

    sealed record UnhashedRow(SpaceId SpaceId, NodeId NodeId, int Number, long Size, long Revision, byte[] ChunkList);

    static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Hashing of whole versions broke off; it goes on with the next pass")]
        public static partial void PassFailed(ILogger logger, Exception fault);

        [LoggerMessage(LogLevel.Warning, "Version {Number} of {Node} cannot be read, so its SHA-256 stays unknown")]
        public static partial void NotReadable(ILogger logger, Exception fault, NodeId node, int number);
    }
}

/// <summary>Takes bytes into a hash, no faster than a set pace, so that background work leaves the disk to people.</summary>
sealed class PacedHashing(IncrementalHash hash, TimeProvider clock, long bytesPerSecond) : Stream
{
    readonly long began = clock.GetTimestamp();
    long taken;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => taken;

    public override long Position
    {
        get => taken;
        set => throw new NotSupportedException();
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        hash.AppendData(buffer.Span);
        taken += buffer.Length;
        var ahead = TimeSpan.FromSeconds((double)taken / bytesPerSecond) - clock.GetElapsedTime(began);
        if (ahead > TimeSpan.FromMilliseconds(20))
            await Task.Delay(ahead, clock, cancellationToken);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count) => hash.AppendData(buffer, offset, count);

    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
