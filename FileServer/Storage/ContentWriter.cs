using System.IO.Pipelines;
using FileServer.Protocol;

namespace FileServer.Storage;

/// <summary>Begins and resumes whole-file uploads.</summary>
sealed class ContentWriters
{
    /// <summary>A new upload; nothing touches the disk before there is reason to.</summary>
    public ContentWriter Start(SpaceId space, PackId pack) => throw new NotSupportedException("The body lands with one of the next commits.");

    /// <summary>
    /// Goes on after a restart: reads the staged bytes up to the durable offset again and drops what lies beyond. An
    /// upload that was completed already is recognised, and <see cref="ContentWriter.CompleteAsync"/> answers again.
    /// </summary>
    public Task<ContentWriter> ResumeAsync(SpaceId space, PackId pack, long durableOffset, CancellationToken ct) => throw new NotSupportedException("The body lands with one of the next commits.");
}

/// <summary>One whole-file upload: bytes in, hashed and cut into chunks while they arrive, staged on disk.</summary>
sealed class ContentWriter : IAsyncDisposable
{
    public PackId Pack { get; }

    /// <summary>Bytes taken so far, durable or not.</summary>
    public long Length { get; private set; }

    /// <summary>The upload had been completed before this writer was resumed: go straight to <see cref="CompleteAsync"/>.</summary>
    public bool IsComplete { get; }

    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken ct) => throw new NotSupportedException("The body lands with one of the next commits.");

    /// <summary>Takes bytes until the reader ends or so many were taken. What was taken before an exception stays taken.</summary>
    /// <returns>The number of bytes taken.</returns>
    public Task<long> WriteAsync(PipeReader reader, long atMost, CancellationToken ct) => throw new NotSupportedException("The body lands with one of the next commits.");

    /// <summary>Makes what was taken durable. Do not call it when the upload is about to be completed: small ones then need no file of their own.</summary>
    /// <returns>The offset that would survive a crash now.</returns>
    public Task<long> SyncAsync(CancellationToken ct) => throw new NotSupportedException("The body lands with one of the next commits.");

    /// <summary>
    /// Makes the whole content durable and says where it stands. Staged bytes are kept until <see cref="DropAsync"/>, so
    /// that a crash before the answer is recorded only makes the caller ask again.
    /// </summary>
    public Task<StoredContent> CompleteAsync(CancellationToken ct) => throw new NotSupportedException("The body lands with one of the next commits.");

    /// <summary>Removes staged bytes: the upload was given up, or its outcome is recorded. Harmless when there are none.</summary>
    public Task DropAsync() => throw new NotSupportedException("The body lands with one of the next commits.");

    /// <summary>Closes the files. Staged bytes stay if anybody was told a durable offset, to be resumed; else they go.</summary>
    public ValueTask DisposeAsync() => throw new NotSupportedException("The body lands with one of the next commits.");
}
