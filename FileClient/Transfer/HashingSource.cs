using System.Security.Cryptography;
using FileClient.Api;
using FileServer.Protocol;
using Microsoft.Win32.SafeHandles;

namespace FileClient.Transfer;

/// <summary>An open file that is hashed while it is sent: each byte once, in order, however often a stretch is sent again.</summary>
sealed class HashingSource(SafeFileHandle file) : UploadSource, IDisposable
{
    const int BlockSize = 1024 * 1024;

    readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    Task running = Task.CompletedTask;
    long hashed;

    public override async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        // The block before this one was hashed while it travelled; its buffer is used again now.
        await running;
        var read = await RandomAccess.ReadAsync(file, buffer, offset, ct);
        if (offset <= hashed && offset + read > hashed)
        {
            var fresh = buffer[(int)(hashed - offset)..read];
            hashed = offset + read;
            running = Task.Run(() => hash.AppendData(fresh.Span), CancellationToken.None);
        }
        return read;
    }

    /// <summary>Waits until nothing reads a buffer that was handed in.</summary>
    public override Task ReleaseAsync() => running;

    /// <summary>Hashes what lies before an offset, for an upload that goes on there.</summary>
    public async Task CatchUpAsync(long offset, CancellationToken ct)
    {
        var buffer = new byte[BlockSize];
        while (hashed < offset)
        {
            if (await ReadAsync(hashed, buffer.AsMemory(0, (int)Math.Min(buffer.Length, offset - hashed)), ct) == 0)
                throw new IOException("The file became shorter while it was read.");
        }
        await running;
    }

    /// <summary>The SHA-256 of everything up to the end, if all of it has been read.</summary>
    public async Task<Digest> FinishAsync(long size, CancellationToken ct)
    {
        await CatchUpAsync(size, ct);
        return new Digest(hash.GetHashAndReset());
    }

    public void Dispose()
    {
        hash.Dispose();
        file.Dispose();
    }
}
