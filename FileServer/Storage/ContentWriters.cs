using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Packs;
using Microsoft.Win32.SafeHandles;

namespace FileServer.Storage;

/// <summary>Begins and resumes whole-file uploads.</summary>
sealed class ContentWriters(ContentStore store)
{
    /// <summary>A new upload; nothing touches the disk before there is reason to.</summary>
    public ContentWriter Start(SpaceId space, PackId pack)
    {
        store.Files.RequireSpace(0);
        return new ContentWriter(store, space, pack);
    }

    /// <summary>
    /// Goes on after a restart: reads the staged bytes up to the durable offset again and drops what lies beyond. An
    /// upload that was completed already is recognised, and <see cref="ContentWriter.CompleteAsync"/> answers again.
    /// </summary>
    /// <exception cref="Refusal">The staged bytes are gone.</exception>
    public async Task<ContentWriter> ResumeAsync(SpaceId space, PackId pack, long durableOffset, CancellationToken ct)
    {
        var staged = OpenStaged(pack);
        if (staged is null)
        {
            if (store.FindCompleted(space, pack) is { } completed)
                return new ContentWriter(store, space, pack, completed);
            return durableOffset == 0 ? Start(space, pack) : throw Lost();
        }
        if (durableOffset == 0)
        {
            staged.Dispose();
            store.Files.RemoveStaged(pack);
            return Start(space, pack);
        }
        var writer = new ContentWriter(store, space, pack);
        try
        {
            if (RandomAccess.GetLength(staged) < PackFormat.HeaderSize + durableOffset)
                throw Lost();
            await writer.RestoreAsync(staged, durableOffset, ct);
            return writer;
        }
        catch
        {
            staged.Dispose();
            await writer.DisposeAsync();
            throw;
        }
    }

    SafeFileHandle? OpenStaged(PackId pack)
    {
        try
        {
            return store.Files.Durable.OpenFile(store.Files.StagingPath(pack));
        }
        catch (DurableException e) when (e.ErrorNumber == Errno.NotFound)
        {
            return null;
        }
    }

    static Refusal Lost() => new(RefusalKind.Gone, "The bytes of this upload are no longer here; begin it anew.");
}
