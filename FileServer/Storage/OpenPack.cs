using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Packs;
using Microsoft.Win32.SafeHandles;

namespace FileServer.Storage;

/// <summary>A shared pack while it is appended to. Not safe for use by several threads: its <see cref="PackAppender"/> is the one writer.</summary>
sealed class OpenPack : IDisposable
{
    readonly SafeFileHandle file;
    readonly Durable durable;
    readonly List<PackEntry> entries = [];

    OpenPack(PackId id, SafeFileHandle file, Durable durable)
    {
        Id = id;
        this.file = file;
        this.durable = durable;
    }

    public PackId Id { get; }

    /// <summary>Bytes that are durable; whatever the file has beyond them was never acknowledged.</summary>
    public long Length { get; private set; } = PackFormat.HeaderSize;

    public static OpenPack Create(PackFiles files, SpaceId space, PackId id, DateTimeOffset now)
    {
        var created = files.CreatePack(space, id);
        try
        {
            // Its sync comes with the first batch.
            files.Durable.Write(created, new PackHeader(space, id, now, PackKind.Appended).ToArray(), 0);
            return new OpenPack(id, created, files.Durable);
        }
        catch
        {
            created.Dispose();
            throw;
        }
    }

    /// <summary>Writes one batch and syncs it. When this returns, the chunks are durable.</summary>
    /// <returns>The offset of each chunk.</returns>
    /// <exception cref="SuspectPackException">The pack must not be written any more.</exception>
    /// <exception cref="DurableException">The disk is full; the pack is as before.</exception>
    public long[] Append(IReadOnlyList<FreshChunk> chunks)
    {
        var batch = new PackBatch([.. chunks.Select(chunk => PackEntry.Chunk(chunk.Hash, chunk.Bytes.Length))]);
        var offsets = new long[chunks.Count];
        Guarded(() =>
        {
            durable.Write(file, batch.EncodeHeader(Id, Length), Length);
            var offset = Length + batch.HeaderLength;
            for (var i = 0; i < chunks.Count; i++)
            {
                durable.Write(file, chunks[i].Bytes.Span, offset);
                offsets[i] = offset;
                offset += chunks[i].Bytes.Length;
            }
        });
        Synced(durable.SyncData);
        entries.Add(PackEntry.Gap(batch.HeaderLength));
        entries.AddRange(batch.Chunks);
        Length += batch.HeaderLength + batch.BodyLength;
        return offsets;
    }

    /// <summary>Writes the footer. The pack is complete then.</summary>
    /// <returns>The length of the file.</returns>
    /// <exception cref="SuspectPackException">The pack must not be written any more.</exception>
    /// <exception cref="DurableException">The disk is full; the pack is as before.</exception>
    public long Seal()
    {
        var footer = new PackFooter(entries);
        Guarded(() => durable.Write(file, footer.Encode(), Length));
        Synced(durable.Sync);
        return footer.FileLength;
    }

    public void Dispose() => file.Dispose();

    /// <summary>A full disk is met by cutting off what was written of the batch; any other error makes the pack suspect.</summary>
    void Guarded(Action write)
    {
        try
        {
            write();
        }
        catch (DurableException e) when (e.IsDiskFull)
        {
            try
            {
                durable.Truncate(file, Length);
            }
            catch (DurableException)
            {
                throw new SuspectPackException(e);
            }
            throw;
        }
        catch (DurableException e)
        {
            throw new SuspectPackException(e);
        }
    }

    void Synced(Action<SafeFileHandle> sync)
    {
        try
        {
            sync(file);
        }
        catch (DurableException e)
        {
            throw new SuspectPackException(e);
        }
    }
}

/// <summary>A chunk with its bytes, not stored yet. The memory must stay valid until the append has ended.</summary>
readonly record struct FreshChunk(Digest Hash, ReadOnlyMemory<byte> Bytes);

/// <summary>A write or sync of a pack failed in a way after which its unsynced bytes cannot be trusted.</summary>
sealed class SuspectPackException(DurableException cause) : Exception(cause.Message, cause)
{
    /// <summary>What the caller is told: full when the disk was, else to try again.</summary>
    public Refusal ToRefusal() => cause.IsDiskFull
        ? Refusal.StorageFull(this)
        : Refusal.Unavailable("The bytes could not be made safe on disk; nothing of this request was kept. Send them again.", 1, this);
}
