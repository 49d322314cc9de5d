using FileServer.Database;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Tests.Support;

namespace Tests.Storage;

/// <summary>A pack store on a folder of its own, put together as the server does it, with native calls of the test's choice.</summary>
sealed class StoreWorld : IAsyncDisposable
{
    readonly TemporaryFolder? ownFolder;

    public StoreWorld(NpgsqlDataSource db, INativeCalls? native = null, string? folder = null, Action<StorageOptions>? configure = null)
    {
        if (folder is null)
            ownFolder = new TemporaryFolder();
        Folder = folder ?? ownFolder!.Path;
        Options = new StorageOptions { Folder = Folder, ReserveBytes = 0 };
        configure?.Invoke(Options);
        var options = Microsoft.Extensions.Options.Options.Create(Options);
        Db = db;
        Durable = new Durable(native ?? new LibC());
        Files = new PackFiles(options, Durable, TimeProvider.System);
        Rows = new PackRows(db, options);
        OpenPacks = new OpenPacks(Files, Rows, options, TimeProvider.System, NullLogger<OpenPacks>.Instance);
        Store = new ContentStore(Files, Rows, OpenPacks, Index, db, options, TimeProvider.System);
        Writers = new ContentWriters(Store);
        Staging = new Staging(Files);
        Intake = new PackIntake(Files, Rows, TimeProvider.System);
        Handles = new PackHandles(Files, options);
        Reader = new ContentReader(Handles, Index, db, options);
        Recovery = new PackRecovery(Files, Rows, NullLogger<PackRecovery>.Instance);
    }

    public string Folder { get; }

    public StorageOptions Options { get; }

    public NpgsqlDataSource Db { get; }

    public Durable Durable { get; }

    public PackFiles Files { get; }

    public PackRows Rows { get; }

    public OpenPacks OpenPacks { get; }

    public ChunkIndex Index { get; } = new();

    public ContentStore Store { get; }

    public ContentWriters Writers { get; }

    public Staging Staging { get; }

    public PackIntake Intake { get; }

    public PackHandles Handles { get; }

    public ContentReader Reader { get; }

    public PackRecovery Recovery { get; }

    public static StoreWorld On(TestDatabase database, INativeCalls? native = null, string? folder = null, Action<StorageOptions>? configure = null)
    {
        var world = new StoreWorld(database.Source, native, folder, configure);
        world.Files.Prepare();
        return world;
    }

    /// <summary>Uploads a content whole.</summary>
    public async Task<StoredContent> StoreAsync(SpaceId space, ReadOnlyMemory<byte> content, CancellationToken ct)
    {
        await using var writer = Writers.Start(space, PackId.New());
        await writer.WriteAsync(content, ct);
        return await writer.CompleteAsync(ct);
    }

    /// <summary>Uploads a content and names it, as the commit of a version would.</summary>
    public async Task<StoredContent> CommitAsync(SpaceId space, ReadOnlyMemory<byte> content, CancellationToken ct)
    {
        var stored = await StoreAsync(space, content, ct);
        await NameAsync(space, stored, ct);
        return stored;
    }

    /// <summary>Puts a stored content into the index.</summary>
    public async Task NameAsync(SpaceId space, StoredContent stored, CancellationToken ct)
    {
        await using var connection = await Db.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await Index.AddAsync(connection, space, [.. stored.Fresh.Select(chunk => new NewChunk(chunk.Key, chunk.Value, space.Root))], ct);
        Assert.Empty(await Index.ReviveAsync(connection, space, [.. stored.Chunks.Select(chunk => chunk.Hash)], ct));
        await transaction.CommitAsync(ct);
    }

    /// <summary>Reads a committed content back.</summary>
    public async Task<byte[]> ReadAsync(SpaceId space, IReadOnlyList<ChunkRef> chunks, CancellationToken ct)
    {
        var map = await MapAsync(space, chunks, ct);
        using var bytes = new MemoryStream();
        await Reader.CopyToAsync(map, 0, map.Size, bytes, ct);
        return bytes.ToArray();
    }

    /// <summary>Stores the segments of a long list, as the commit does, and finds the bytes.</summary>
    public async Task<ContentMap> MapAsync(SpaceId space, IReadOnlyList<ChunkRef> chunks, CancellationToken ct)
    {
        var (list, segments) = ChunkListCodec.Encode(chunks);
        const string sql = "insert into segments (space_id, id, entries) values (@space, @id, @entries) on conflict do nothing";
        foreach (var segment in segments)
            await Db.ExecuteAsync(sql, new { space, id = segment.Id, entries = segment.Entries.ToArray() }, ct);
        return await Reader.MapAsync(Db, space, list, ct);
    }

    public static byte[] Random(int length, int seed)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public async ValueTask DisposeAsync()
    {
        await OpenPacks.StopAsync(CancellationToken.None);
        OpenPacks.Dispose();
        Handles.Dispose();
        ownFolder?.Dispose();
    }
}
