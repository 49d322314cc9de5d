using System.IO.Pipelines;
using FileServer.Protocol;
using Npgsql;

namespace FileServer.Storage;

/// <summary>Where the bytes of one version stand: contiguous runs in the order of the content.</summary>
sealed class ContentMap
{
    public long Size { get; }

    /// <summary>Number of contiguous runs: 1 for a version that was uploaded whole.</summary>
    public int Runs { get; }
}

/// <summary>Reads versions from packs.</summary>
sealed class ContentReader
{
    /// <summary>Finds the bytes of a version by its stored chunk list.</summary>
    /// <exception cref="Http.Refusal">A chunk is missing or known to be damaged.</exception>
    public Task<ContentMap> MapAsync(NpgsqlDataSource db, SpaceId space, byte[] chunkList, CancellationToken ct) => throw new NotSupportedException("The body lands with one of the next commits.");

    /// <summary>The same for many versions with a fixed number of statements; null where the bytes are missing or damaged.</summary>
    public Task<IReadOnlyList<ContentMap?>> MapManyAsync(NpgsqlDataSource db, SpaceId space, IReadOnlyList<byte[]> chunkLists, CancellationToken ct) =>
        throw new NotSupportedException("The body lands with one of the next commits.");

    /// <summary>Writes a range of the content, for a response body: <c>context.Response.BodyWriter</c>.</summary>
    public Task CopyToAsync(ContentMap map, long offset, long count, PipeWriter body, CancellationToken ct) => throw new NotSupportedException("The body lands with one of the next commits.");

    /// <summary>Writes a range of the content, for background work.</summary>
    public Task CopyToAsync(ContentMap map, long offset, long count, Stream stream, CancellationToken ct) => throw new NotSupportedException("The body lands with one of the next commits.");
}
