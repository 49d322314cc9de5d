using System.Runtime.InteropServices;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileServer.Storage;

/// <summary>Where a chunk's bytes stand.</summary>
[StructLayout(LayoutKind.Auto)]
readonly record struct ChunkPlace(PackId Pack, long Offset, int Length);

/// <summary>A chunk as the index knows it: its place, and the node of the first version that named it.</summary>
[StructLayout(LayoutKind.Auto)]
readonly record struct IndexedChunk(ChunkPlace Place, NodeId Node);

/// <summary>A row to be added to the chunk index by the transaction that first names the chunk.</summary>
[StructLayout(LayoutKind.Auto)]
readonly record struct NewChunk(Digest Hash, ChunkPlace Place, NodeId Node);

/// <summary>A whole content whose bytes are durable, but which no version names yet.</summary>
/// <param name="Sha256">Of the whole; null when the upload was completed before a crash and not all bytes were read again.</param>
/// <param name="Fresh">Durable chunks that the commit must add to the index. All others stood there when the upload ended; the commit revives them.</param>
sealed record StoredContent(
    Digest ContentId,
    long Size,
    Digest? Sha256,
    IReadOnlyList<ChunkRef> Chunks,
    IReadOnlyDictionary<Digest, ChunkPlace> Fresh);
