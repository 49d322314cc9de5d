using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileServer.Storage;

/// <summary>A pack that a client sent, verified and durable; its chunks are not in the index before a changeset names them.</summary>
sealed record TakenPack(PackId Pack, long Length, IReadOnlyList<(ChunkRef Chunk, long Offset)> Chunks);

/// <summary>Takes packs that sync clients made: every hash is computed again before the pack is believed.</summary>
sealed class PackIntake
{
    /// <summary>
    /// Verifies the staged bytes, names them by space and pack id and moves them into place. Asking again after a crash
    /// finds the pack in place and answers the same. A pack that is not what it says is refused and dropped.
    /// </summary>
    public Task<TakenPack> VerifyAndStoreAsync(SpaceId space, PackId pack, CancellationToken ct) => throw new NotSupportedException("The body lands with one of the next commits.");

    /// <summary>What a stored pack holds, for resolving a claim's chunks to places.</summary>
    public Task<TakenPack> OpenAsync(SpaceId space, PackId pack, CancellationToken ct) => throw new NotSupportedException("The body lands with one of the next commits.");
}
