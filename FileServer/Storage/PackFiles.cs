using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Packs;
using Microsoft.Extensions.Options;
using Microsoft.Win32.SafeHandles;

namespace FileServer.Storage;

/// <summary>
/// Where packs stand on disk: <c>packs/SPACE/XX/PACK.pack</c>, where XX are the last two hex digits of the pack id (the
/// first ones of a version 7 id are the time), and <c>staging/PACK</c> for bytes on their way in.
/// </summary>
sealed class PackFiles(IOptions<StorageOptions> options, Durable durable, TimeProvider clock)
{
    static readonly TimeSpan SpaceCheckLifetime = TimeSpan.FromMilliseconds(250);

    readonly string root = Path.GetFullPath(options.Value.Folder);
    readonly Lock spaceGate = new();
    DateTimeOffset spaceCheckedAt = DateTimeOffset.MinValue;
    long freeBytes;

    public Durable Durable => durable;

    public string StagingFolder => Path.Join(root, "staging");

    public string PacksFolder => Path.Join(root, "packs");

    public string StagingPath(PackId pack) => Path.Join(StagingFolder, pack.ToString());

    public string PackPath(SpaceId space, PackId pack)
    {
        var name = pack.ToString();
        return Path.Join(PacksFolder, space.ToString(), name[^2..], name + ".pack");
    }

    /// <summary>Makes the folders and proves that staged files can be moved into place: one file system, writable, with an atomic rename.</summary>
    public void Prepare()
    {
        Directory.CreateDirectory(root);
        durable.EnsureFolder(root, StagingFolder);
        durable.EnsureFolder(root, PacksFolder);
        var name = PackId.New().ToString();
        var (from, to) = (Path.Join(StagingFolder, name), Path.Join(PacksFolder, name + ".probe"));
        try
        {
            using (var probe = durable.CreateFile(from))
                durable.Sync(probe);
            durable.Publish(from, to);
        }
        catch (DurableException e)
        {
            durable.Remove(from);
            throw new InvalidOperationException(
                e.ErrorNumber == Errno.CrossDevice
                    ? $"'{StagingFolder}' and '{PacksFolder}' must be on one file system: a finished upload is renamed, never copied."
                    : $"The pack store at '{root}' cannot be used: {e.Message}",
                e);
        }
        durable.Remove(to);
    }

    /// <summary>A new staged file.</summary>
    public SafeFileHandle CreateStaged(PackId pack)
    {
        durable.EnsureFolder(root, StagingFolder);
        return durable.CreateFile(StagingPath(pack));
    }

    /// <summary>A new pack at its final place, for appending; the name is durable when this returns.</summary>
    public SafeFileHandle CreatePack(SpaceId space, PackId pack)
    {
        var path = PackPath(space, pack);
        var folder = Path.GetDirectoryName(path)!;
        durable.EnsureFolder(root, folder);
        var file = durable.CreateFile(path);
        try
        {
            durable.SyncFolder(folder);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Moves a synced staged file to its final place.</summary>
    public void Publish(SpaceId space, PackId pack)
    {
        var path = PackPath(space, pack);
        durable.EnsureFolder(root, Path.GetDirectoryName(path)!);
        durable.Publish(StagingPath(pack), path);
    }

    /// <summary>Puts a synced staged file in the place of the pack of the same name.</summary>
    public void Replace(SpaceId space, PackId pack) => durable.Replace(StagingPath(pack), PackPath(space, pack));

    /// <summary>Makes a pack durable that was found at its final place, where a crash may have come before the last sync.</summary>
    public void Settle(SpaceId space, PackId pack, SafeFileHandle file)
    {
        durable.Sync(file);
        var folder = Path.GetDirectoryName(PackPath(space, pack))!;
        durable.EnsureFolder(root, folder);
        durable.SyncFolder(folder);
    }

    /// <summary>Removes a file whose sync failed, under whichever name it stands.</summary>
    public void Abandon(SpaceId space, PackId pack)
    {
        RemoveStaged(pack);
        TryRemove(PackPath(space, pack));
    }

    /// <summary>Removes staged bytes, if there are any. What cannot be removed now is found by the sweep.</summary>
    public void RemoveStaged(PackId pack) => TryRemove(StagingPath(pack));

    /// <summary>Removes a pack's bytes for good.</summary>
    public void RemovePack(SpaceId space, PackId pack) => durable.Remove(PackPath(space, pack));

    /// <summary>Opens a pack for reading; null if there is none.</summary>
    public SafeFileHandle? OpenPack(SpaceId space, PackId pack)
    {
        try
        {
            return durable.OpenForReading(PackPath(space, pack));
        }
        catch (DurableException e) when (e.ErrorNumber == Errno.NotFound)
        {
            return null;
        }
    }

    /// <summary>All pack files on disk with the space and id that their path says, in no order.</summary>
    public IEnumerable<(SpaceId Space, PackId Pack)> Enumerate()
    {
        foreach (var folder in Directory.Exists(PacksFolder) ? Directory.EnumerateDirectories(PacksFolder) : [])
        {
            if (!Guid.TryParse(Path.GetFileName(folder), out var space))
                continue;
            foreach (var file in Directory.EnumerateFiles(folder, "*.pack", SearchOption.AllDirectories))
            {
                if (Guid.TryParse(Path.GetFileNameWithoutExtension(file), out var pack))
                    yield return (new SpaceId(space), new PackId(pack));
            }
        }
    }

    /// <summary>Refuses when so many more bytes would eat into the reserve. While there is enough, the disk is asked four times a second at most.</summary>
    /// <exception cref="Refusal">The disk is full.</exception>
    public void RequireSpace(long bytes)
    {
        lock (spaceGate)
        {
            if (clock.GetUtcNow() - spaceCheckedAt > SpaceCheckLifetime || freeBytes - bytes < options.Value.ReserveBytes)
            {
                freeBytes = new DriveInfo(root).AvailableFreeSpace;
                spaceCheckedAt = clock.GetUtcNow();
            }
            if (freeBytes - bytes < options.Value.ReserveBytes)
                throw Refusal.StorageFull();
            freeBytes -= bytes;
        }
    }

    /// <summary>Header and footer of a sealed pack; of one that was never sealed, what its batches prove.</summary>
    /// <exception cref="PackDamagedException">Neither can be read.</exception>
    public static (PackHeader Header, PackFooter Footer, bool IsSealed) ReadContents(SafeFileHandle file)
    {
        var length = RandomAccess.GetLength(file);
        var header = PackHeader.Read(ReadExactly(file, 0, (int)Math.Min(length, PackFormat.HeaderSize)));
        if (header.Kind == PackKind.Whole)
            return (header, TryReadFooter(file, length) ?? throw new PackDamagedException("The pack has no footer: it was cut off."), true);
        try
        {
            // What clients send ends up in the body, so bytes that look like a footer prove nothing unless the batches agree.
            var footer = TryReadFooter(file, length);
            if (footer is not null && footer.Entries.SequenceEqual(UnsealedPack.Scan(file, header.Pack, length, hash: false).Entries))
                return (header, footer, true);
        }
        catch (PackDamagedException)
        {
            // Then it is no footer: the batches say what the pack holds.
        }
        return (header, UnsealedPack.Scan(file, header.Pack, length, hash: true), false);
    }

    /// <summary>What stands at the end of a sealed pack; null when no footer stands there.</summary>
    /// <exception cref="PackDamagedException">There is one, but it is damaged.</exception>
    static PackFooter? TryReadFooter(SafeFileHandle file, long length)
    {
        if (length < PackFormat.HeaderSize + PackFormat.TrailerSize)
            return null;
        var end = ReadExactly(file, length - PackFormat.TrailerSize, PackFormat.TrailerSize);
        if (!PackTrailer.IsTrailer(end))
            return null;
        var trailer = PackTrailer.Read(end);
        if (trailer.FileLength != length)
            throw new PackDamagedException($"The pack has {length} bytes, its footer says {trailer.FileLength}.");
        return PackFooter.Decode(trailer, ReadExactly(file, PackFormat.HeaderSize + trailer.BodyLength, (int)trailer.EntriesLength));
    }

    void TryRemove(string path)
    {
        try
        {
            durable.Remove(path);
        }
        catch (DurableException)
        {
            // Left-overs cost space, not correctness; whoever removes one has something more important to tell.
        }
    }

    /// <exception cref="PackDamagedException">The file ends before.</exception>
    public static byte[] ReadExactly(SafeFileHandle file, long offset, int count)
    {
        var bytes = new byte[count];
        ReadExactly(file, offset, bytes);
        return bytes;
    }

    /// <exception cref="PackDamagedException">The file ends before.</exception>
    public static void ReadExactly(SafeFileHandle file, long offset, Span<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var read = RandomAccess.Read(file, bytes, offset);
            if (read == 0)
                throw new PackDamagedException($"The file ends at {offset}, before the bytes that should stand there.");
            bytes = bytes[read..];
            offset += read;
        }
    }
}
