using System.IO.Pipelines;
using FileServer.Protocol;

namespace FileServer.Storage;

/// <summary>Bytes on their way in: files below <c>staging</c>, named by the pack that they are to become.</summary>
sealed class Staging
{
    /// <summary>Begins staged bytes that are not yet bound to a space: a part of a concatenation, or a client's pack.</summary>
    public Task<StagedFile> CreateAsync(PackId pack, CancellationToken ct) => throw new NotSupportedException("The body lands with one of the next commits.");

    /// <summary>Opens staged bytes at their durable offset; what lies beyond is cut off.</summary>
    public Task<StagedFile> OpenAsync(PackId pack, long durableOffset, CancellationToken ct) => throw new NotSupportedException("The body lands with one of the next commits.");

    /// <summary>Removes staged bytes. Harmless when there are none.</summary>
    public void Drop(PackId pack) => throw new NotSupportedException("The body lands with one of the next commits.");
}

/// <summary>A staged file that grows at its end.</summary>
sealed class StagedFile : IAsyncDisposable
{
    public PackId Pack { get; }

    public long Length { get; private set; }

    /// <summary>Takes bytes until the reader ends or so many were taken.</summary>
    public Task<long> WriteAsync(PipeReader reader, long atMost, CancellationToken ct) => throw new NotSupportedException("The body lands with one of the next commits.");

    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken ct) => throw new NotSupportedException("The body lands with one of the next commits.");

    /// <returns>The offset that would survive a crash now.</returns>
    public Task<long> SyncAsync(CancellationToken ct) => throw new NotSupportedException("The body lands with one of the next commits.");

    /// <summary>Feeds these bytes, in order, to an upload that joins several parts.</summary>
    public Task CopyToAsync(ContentWriter writer, CancellationToken ct) => throw new NotSupportedException("The body lands with one of the next commits.");

    public ValueTask DisposeAsync() => throw new NotSupportedException("The body lands with one of the next commits.");
}
