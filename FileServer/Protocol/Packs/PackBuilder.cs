using System.Buffers;

namespace FileServer.Protocol.Packs;

/// <summary>Puts chunks together into one sealed pack in pooled memory: what a client sends as one upload.</summary>
public sealed class PackBuilder : IDisposable
{
    const int BlockSize = 1024 * 1024;

    readonly List<byte[]> blocks = [];
    readonly List<PackEntry> entries = [];
    readonly int maxSize;
    int used = BlockSize;
    bool finished;

    /// <param name="maxSize">Of the whole pack, footer included.</param>
    public PackBuilder(PackHeader header, int maxSize = PackFormat.MaxClientPackSize)
    {
        this.maxSize = maxSize;
        Write(header.ToArray());
    }

    public int Count => entries.Count;

    /// <summary>Bytes of the pack if it were finished now.</summary>
    public long Length { get; private set; } = PackFormat.HeaderSize + PackFormat.TrailerSize;

    /// <summary>Bytes of the chunks alone.</summary>
    public long ContentLength => Length - PackFormat.HeaderSize - PackFormat.TrailerSize - ((long)Count * PackFormat.EntrySize);

    /// <summary>Whether one more chunk of this length stays within the limit.</summary>
    public bool Fits(int chunkLength) => Length + chunkLength + PackFormat.EntrySize <= maxSize;

    /// <summary>Copies one chunk in. The hash must be that of the bytes: the server computes it again and refuses the pack otherwise.</summary>
    public void Add(Digest hash, ReadOnlySpan<byte> bytes)
    {
        ObjectDisposedException.ThrowIf(finished, this);
        if (bytes.Length is 0 or > PackFormat.MaxChunkSize)
            throw new ArgumentOutOfRangeException(nameof(bytes), bytes.Length, "A chunk has between 1 byte and 4 MiB.");
        if (!Fits(bytes.Length))
            throw new InvalidOperationException("The pack is full: ask Fits first.");
        Write(bytes);
        entries.Add(PackEntry.Chunk(hash, bytes.Length));
        Length += bytes.Length + PackFormat.EntrySize;
    }

    /// <summary>The whole pack. The memory belongs to the builder and is valid until it is disposed; nothing can be added any more.</summary>
    public ReadOnlySequence<byte> Finish()
    {
        if (!finished)
            Write(new PackFooter(entries).Encode());
        finished = true;
        Block? first = null, last = null;
        for (var i = 0; i < blocks.Count; i++)
        {
            last = new Block(blocks[i].AsMemory(0, i == blocks.Count - 1 ? used : BlockSize), last);
            first ??= last;
        }
        return new ReadOnlySequence<byte>(first!, 0, last!, last!.Memory.Length);
    }

    public void Dispose()
    {
        finished = true;
        foreach (var block in blocks)
            ArrayPool<byte>.Shared.Return(block);
        blocks.Clear();
    }

    void Write(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            if (used == BlockSize)
            {
                blocks.Add(ArrayPool<byte>.Shared.Rent(BlockSize));
                used = 0;
            }
            var part = bytes[..Math.Min(bytes.Length, BlockSize - used)];
            part.CopyTo(blocks[^1].AsSpan(used));
            used += part.Length;
            bytes = bytes[part.Length..];
        }
    }

    sealed class Block : ReadOnlySequenceSegment<byte>
    {
        public Block(ReadOnlyMemory<byte> memory, Block? previous)
        {
            Memory = memory;
            if (previous is null)
                return;
            RunningIndex = previous.RunningIndex + previous.Memory.Length;
            previous.Next = this;
        }
    }
}
