using System.Security.Cryptography;
using System.Text.Json;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Storage;

namespace FileServer.Files;

/// <summary>The bytes that an operation makes the newest version of a file.</summary>
/// <param name="ChunkList">The chunks in the form of <c>versions.chunk_list</c>.</param>
/// <param name="Segments">What <paramref name="ChunkList"/> refers to, where it is long.</param>
/// <param name="Fresh">Places of durable chunks that no index row names yet; null when the caller named chunks and has still to prove each.</param>
sealed record Content(
    Digest Id,
    long Size,
    Digest? Sha256,
    byte[] ChunkList,
    IReadOnlyList<Segment> Segments,
    IReadOnlyList<ChunkRef> Chunks,
    IReadOnlyDictionary<Digest, ChunkPlace>? Fresh)
{
    public static Content Of(long size, Digest? sha256, IReadOnlyList<ChunkRef> chunks, IReadOnlyDictionary<Digest, ChunkPlace>? fresh)
    {
        var (list, segments) = ChunkListCodec.Encode(chunks);
        // A chunk is named by its SHA-256, so that of a file of one chunk is known.
        sha256 ??= chunks switch { [] => Digest.Of([]), [var only] => only.Hash, _ => null };
        return new Content(ContentId.Of(size, chunks), size, sha256, list, segments, chunks, fresh);
    }
}

/// <summary>An operation with what can be said about it before the space is locked.</summary>
/// <param name="Name">The name in its canonical form; null when none was given or it is not valid.</param>
sealed record PreparedOperation(int Index, Operation Op, string? Name, string? NameKey, string? BadName, Content? Content, Guid? Upload)
{
    public NodeId NodeId => Op.NodeId;
}

/// <summary>A changeset as it was asked for: its shape checked, its names made canonical, its contents computed. Touches no database.</summary>
/// <param name="Touched">All that it can change or name, where it can share a transaction with others that touch none of it; null where it must go alone.</param>
sealed record ChangesetRequest(Changeset Changeset, Origin Origin, IReadOnlyList<PreparedOperation> Operations, byte[] Digest, IReadOnlyCollection<object>? Touched)
{
    /// <summary>Operations of a changeset that may still go along with others.</summary>
    const int MostShared = 16;

    /// <exception cref="Refusal">An operation lacks what its kind needs; all such operations are named.</exception>
    public static ChangesetRequest Read(Changeset changeset, Origin origin, IReadOnlyDictionary<NodeId, StoredContent>? contents, FilesOptions limits)
    {
        if (changeset.Operations is not { Count: > 0 })
            throw Refusal.Invalid("A changeset holds at least one operation.");
        if (changeset.Operations.Count > limits.MaxOperations)
            throw Refusal.TooLarge($"A changeset holds at most {limits.MaxOperations} operations: send several.", limits.MaxOperations);
        if (changeset.Operations.Contains(null))
            throw Refusal.Invalid("An operation is null.");
        if (changeset.Device is { } device && (device.Length > 200 || device.Any(char.IsControl)))
            throw Refusal.Invalid("A device's name has at most 200 characters and no control characters.");
        var errors = changeset.Operations.Select((op, index) => Lacks(op, contents) is { } lack ? $"Operation {index} ({Word(op.Op)}): {lack}" : null).OfType<string>();
        if (errors.Take(100).ToArray() is { Length: > 0 } found)
            throw Refusal.Invalid("The changeset is not complete; see 'errors'.", found);
        var operations = changeset.Operations.Select((op, index) => Prepare(op, index, contents)).ToArray();
        return new ChangesetRequest(changeset, origin, operations, DigestOf(changeset, contents), TouchedBy(changeset.Id, operations));
    }

    /// <summary>
    /// Files that are put and folders that are made change no node but their own and need nothing of others but their folders,
    /// which no other of the kind changes. What they bring along is theirs, so no proof of chunks is needed either.
    /// </summary>
    static HashSet<object>? TouchedBy(ChangesetId id, PreparedOperation[] operations)
    {
        if (operations.Length > MostShared)
            return null;
        var touched = new HashSet<object> { id };
        foreach (var op in operations)
        {
            if (op.Op is not { Op: OperationKind.PutFile, Chunks: null } and not { Op: OperationKind.CreateFolder })
                return null;
            touched.Add(op.NodeId);
            if (op.Upload is { } upload)
                touched.Add(upload);
            if (op is { Op.ParentId: { } parent, NameKey: { } key })
                touched.Add((parent, key));
        }
        return touched;
    }

    static PreparedOperation Prepare(Operation op, int index, IReadOnlyDictionary<NodeId, StoredContent>? contents)
    {
        var upload = op is { Op: OperationKind.PutFile, UploadId: { } id } ? Guid.Parse(id) : (Guid?)null;
        var content = (op.Op, op.Chunks) switch
        {
            (OperationKind.PutFile, { } chunks) => Content.Of(chunks.Sum(chunk => (long)chunk.Size), null, chunks, null),
            (OperationKind.PutFile, null) when upload is null => Of(contents![op.NodeId]),
            _ => null,
        };
        if (op.Name is null)
            return new PreparedOperation(index, op, null, null, null, content, upload);
        return NameRules.TryNormalize(op.Name, out var name, out var reason)
            ? new PreparedOperation(index, op, name, NameRules.FoldKey(name), null, content, upload)
            : new PreparedOperation(index, op, null, null, reason, content, upload);
    }

    public static Content Of(StoredContent stored) => Content.Of(stored.Size, stored.Sha256, stored.Chunks, stored.Fresh);

    /// <summary>What an operation of its kind needs and this one has not; null when it is complete.</summary>
    static string? Lacks(Operation op, IReadOnlyDictionary<NodeId, StoredContent>? contents) => op switch
    {
        { NodeId.Value: var id } when id == Guid.Empty => "nodeId is missing.",
        { Op: OperationKind.CreateFolder or OperationKind.CreateSymlink or OperationKind.Copy } and ({ ParentId: null } or { Name: null }) => "parentId and name are needed.",
        { Op: OperationKind.CreateSymlink, Target: null or "" } => "target is needed.",
        { Op: OperationKind.CreateSymlink, Target.Length: > 4095 } => "target is longer than 4095 characters.",
        { Op: OperationKind.CreateSymlink, Target: var target } when target.Contains('\0') => "target holds a NUL.",
        { Op: OperationKind.Copy, SourceId: null } => "sourceId is needed.",
        { Op: OperationKind.RestoreVersion, Version: null or < 1 } => "version is needed, from 1.",
        { Op: OperationKind.PutFile, Chunks: not null, UploadId: not null } => "chunks or uploadId, not both.",
        { Op: OperationKind.PutFile, Chunks: { } chunks } => ChunksLack(chunks),
        { Op: OperationKind.PutFile, UploadId: { } upload } => Guid.TryParse(upload, out _) ? null : "uploadId is none of this server.",
        { Op: OperationKind.PutFile } => contents?.ContainsKey(op.NodeId) is true ? null : "chunks or uploadId is needed.",
        _ => Enum.IsDefined(op.Op) ? null : "there is no such operation.",
    };

    static string? ChunksLack(IReadOnlyList<ChunkRef> chunks)
    {
        for (var i = 0; i < chunks.Count; i++)
        {
            if (chunks[i].Size is < 1 or > FastCdc.MaxSize)
                return $"chunk {i} has a size of {chunks[i].Size}; 1 to {FastCdc.MaxSize} bytes are possible.";
        }
        return null;
    }

    /// <summary>Over all that was asked, so that an id that comes back for something else is noticed.</summary>
    static byte[] DigestOf(Changeset changeset, IReadOnlyDictionary<NodeId, StoredContent>? contents)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(JsonSerializer.SerializeToUtf8Bytes(changeset, WireJson.Default.Changeset));
        foreach (var (node, content) in (contents ?? new Dictionary<NodeId, StoredContent>()).OrderBy(pair => pair.Key.Value))
        {
            hash.AppendData(node.Value.ToByteArray(bigEndian: true));
            hash.AppendData(content.ContentId.ToArray());
        }
        return hash.GetHashAndReset();
    }

    public static string Word(OperationKind kind) => JsonNamingPolicy.CamelCase.ConvertName(kind.ToString());
}
