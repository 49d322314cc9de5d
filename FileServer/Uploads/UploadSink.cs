using FileServer.Http;
using FileServer.Protocol;
using FileServer.Storage;

namespace FileServer.Uploads;

/// <summary>Where the bytes of one upload go while they arrive. For one request at a time.</summary>
abstract class UploadSink : IAsyncDisposable
{
    /// <summary>Bytes taken so far, durable or not.</summary>
    public abstract long Length { get; }

    public abstract ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken ct);

    /// <returns>The offset that would survive a crash now.</returns>
    public abstract Task<long> SyncAsync(CancellationToken ct);

    public abstract ValueTask DisposeAsync();
}

/// <summary>A whole file: cut and hashed while it arrives.</summary>
sealed class ContentSink(ContentWriter writer) : UploadSink
{
    public ContentWriter Writer => writer;

    public override long Length => writer.Length;

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken ct) => writer.WriteAsync(bytes, ct);

    public override Task<long> SyncAsync(CancellationToken ct) => writer.SyncAsync(ct);

    public override ValueTask DisposeAsync() => writer.DisposeAsync();
}

/// <summary>Bytes as they come: a client's pack, or a part.</summary>
sealed class StagedSink(StagedFile file) : UploadSink
{
    public override long Length => file.Length;

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken ct) => file.WriteAsync(bytes, ct);

    public override Task<long> SyncAsync(CancellationToken ct) => file.SyncAsync(ct);

    public override ValueTask DisposeAsync() => file.DisposeAsync();
}

/// <summary>Opens the sinks of uploads.</summary>
sealed class UploadSinks(ContentWriters writers, Staging staging)
{
    public async Task<UploadSink> StartAsync(UploadKind kind, SpaceId? space, PackId pack, CancellationToken ct) =>
        kind == UploadKind.File ? new ContentSink(writers.Start(space!.Value, pack)) : new StagedSink(await staging.CreateAsync(pack, ct));

    /// <summary>Goes on at the durable offset; what lies beyond is cut off.</summary>
    /// <exception cref="Refusal">The bytes are gone.</exception>
    public async Task<UploadSink> OpenAsync(UploadRow row, CancellationToken ct)
    {
        if (row.Kind == UploadKind.File)
            return new ContentSink(await writers.ResumeAsync(row.SpaceId!.Value, row.PackId, row.DurableOffset, ct));
        if (row.DurableOffset > 0)
            return new StagedSink(await staging.OpenAsync(row.PackId, row.DurableOffset, ct));
        staging.Drop(row.PackId);
        return new StagedSink(await staging.CreateAsync(row.PackId, ct));
    }

    /// <summary>Feeds the bytes of a finished part to the file that joins it.</summary>
    public async Task CopyAsync(UploadRow part, ContentWriter joined, CancellationToken ct)
    {
        if (part.DurableOffset == 0)
            return;
        await using var file = await staging.OpenAsync(part.PackId, part.DurableOffset, ct);
        await file.CopyToAsync(joined, ct);
    }

    /// <summary>Removes staged bytes. Harmless when there are none.</summary>
    public void Drop(PackId pack) => staging.Drop(pack);
}
