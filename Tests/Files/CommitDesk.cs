using FileServer.Access;
using FileServer.Audit;
using FileServer.Database;
using FileServer.Files;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Storage;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Tests.Support;

namespace Tests.Files;

/// <summary>Words for tests that commit changesets: people, a space, contents that were just stored.</summary>
sealed class CommitDesk(World world, Caller manager, SpaceRow space)
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public Caller Manager { get; } = manager;

    public SpaceRow Space { get; } = space;

    public NodeId Root => Space.Id.Root;

    public NpgsqlDataSource Db => world.Database;

    public Commit Commit { get; } = world.Services.GetRequiredService<Commit>();

    public Grants Grants { get; } = world.Services.GetRequiredService<Grants>();

    public AccessCheck Access { get; } = world.Services.GetRequiredService<AccessCheck>();

    public static async Task<CommitDesk> OpenAsync(World world, long? quota = null)
    {
        var manager = await PersonAsync(world, $"manager-{Guid.CreateVersion7():N}", AccountRole.Admin);
        var space = await world.Services.GetRequiredService<Spaces>().CreateAsync(manager, new SpaceRequest($"space-{Guid.CreateVersion7():N}", quota), Cancelled);
        return new CommitDesk(world, manager, space);
    }

    /// <summary>An account without a password: enough for whoever calls below the endpoints.</summary>
    public static async Task<Caller> PersonAsync(World world, string name, AccountRole role = AccountRole.Member)
    {
        var id = UserId.New();
        await world.Database.ExecuteAsync(
            "insert into users (id, name, name_key, role, security_stamp) values (@id, @name, @name, @role, @id)", new { id, name, role = (short)role }, Cancelled);
        return new Caller(id, name, role, AuthKind.Session, null, [id.Value], null, null, "test");
    }

    public Task<Caller> PersonAsync(string name) => PersonAsync(world, $"{name}-{Guid.CreateVersion7():N}");

    public Task<ChangesetResult> RunAsync(params Operation[] operations) => RunAsync(Manager, operations);

    public Task<ChangesetResult> RunAsync(Caller caller, params Operation[] operations) => RunAsync(caller, new Changeset(ChangesetId.New(), operations));

    /// <summary>putFile operations without chunks get a content of their own each.</summary>
    public Task<ChangesetResult> RunAsync(Caller caller, Changeset changeset)
    {
        var contents = changeset.Operations
            .Where(op => op is { Op: OperationKind.PutFile, Chunks: null, UploadId: null })
            .GroupBy(op => op.NodeId)
            .ToDictionary(group => group.Key, group => Stored(group.First().Target ?? $"{group.Key}"));
        return Commit.RunAsync(caller, Space.Id, changeset, Origin.Rest, contents, Cancelled);
    }

    public async Task<IReadOnlyList<Conflict>> ConflictsAsync(Caller caller, params Operation[] operations)
    {
        var refusal = await Assert.ThrowsAsync<Refusal>(() => RunAsync(caller, operations));
        Assert.Equal(RefusalKind.Conflict, refusal.Kind);
        return refusal.Conflicts!;
    }

    public async Task<Conflict> ConflictAsync(params Operation[] operations) => Assert.Single(await ConflictsAsync(Manager, operations));

    public async Task<NodeId> FolderAsync(string name, NodeId? parent = null)
    {
        var id = NodeId.New();
        await RunAsync(Folder(id, parent ?? Root, name));
        return id;
    }

    public async Task<NodeId> FileAsync(string name, NodeId? parent = null, string text = "first")
    {
        var id = NodeId.New();
        await RunAsync(Put(id, parent ?? Root, name, text));
        return id;
    }

    public Task<NodeRow> RowAsync(NodeId id) =>
        Db.QuerySingleAsync<NodeRow>($"select {NodeRow.Columns} from nodes n where n.space_id = @space and n.id = @id", new { space = Space.Id, id }, Cancelled);

    public Task<long> CountAsync(string sql, object? args = null) => Db.QuerySingleAsync<long>(sql, args ?? new { space = Space.Id }, Cancelled);

    public static Operation Folder(NodeId id, NodeId parent, string name) => new() { Op = OperationKind.CreateFolder, NodeId = id, ParentId = parent, Name = name };

    /// <summary>The text travels in Target, which putFile does not use.</summary>
    public static Operation Put(NodeId id, NodeId? parent, string? name, string text, int? baseVersion = null) =>
        new() { Op = OperationKind.PutFile, NodeId = id, ParentId = parent, Name = name, Target = text, BaseVersion = baseVersion };

    public static Operation Move(NodeId id, NodeId parent, string name, long? baseRevision = null) =>
        new() { Op = OperationKind.Move, NodeId = id, ParentId = parent, Name = name, BaseRevision = baseRevision };

    public static Operation Delete(NodeId id, long? baseRevision = null) => new() { Op = OperationKind.Delete, NodeId = id, BaseRevision = baseRevision };

    public static Operation Restore(NodeId id, NodeId? parent = null, string? name = null) =>
        new() { Op = OperationKind.Restore, NodeId = id, ParentId = parent, Name = name };

    /// <summary>A content of one chunk whose place nobody reads in these tests.</summary>
    public static StoredContent Stored(string text)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(text);
        var hash = Digest.Of(bytes);
        var chunks = new[] { new ChunkRef(hash, bytes.Length) };
        return new StoredContent(
            ContentId.Of(bytes.Length, chunks), bytes.Length, hash, chunks, new Dictionary<Digest, ChunkPlace> { [hash] = new(PackId.New(), 64, bytes.Length) });
    }
}
