using FileServer.Protocol;
using Microsoft.Extensions.Options;
using Microsoft.Win32.SafeHandles;

namespace FileServer.Storage;

/// <summary>Packs that are kept open for reading: the most recently used ones, up to a limit that readers may exceed while they read.</summary>
sealed class PackHandles(PackFiles files, IOptions<StorageOptions> options) : IDisposable
{
    readonly Lock gate = new();
    readonly Dictionary<PackId, LinkedListNode<Handle>> open = [];
    readonly LinkedList<Handle> byUse = new();

    /// <summary>Opens a pack, or takes the one that is open; null if there is no such pack. Dispose the lease, not the file.</summary>
    public Lease? Rent(SpaceId space, PackId pack)
    {
        lock (gate)
        {
            if (open.TryGetValue(pack, out var node))
            {
                byUse.Remove(node);
                byUse.AddFirst(node);
                node.Value.Readers++;
                return new Lease(this, node.Value);
            }
        }
        var file = files.OpenPack(space, pack);
        if (file is null)
            return null;
        lock (gate)
        {
            if (!open.TryGetValue(pack, out var node))
                open[pack] = node = byUse.AddFirst(new Handle(pack, file));
            else
                file.Dispose();
            node.Value.Readers++;
            Trim();
            return new Lease(this, node.Value);
        }
    }

    /// <summary>Forgets a pack that was removed or replaced. Readers that have it go on.</summary>
    public void Forget(PackId pack)
    {
        lock (gate)
        {
            if (open.Remove(pack, out var node))
                Close(node);
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            while (byUse.Last is { } last)
                Close(last);
            open.Clear();
        }
    }

    void Trim()
    {
        while (open.Count > options.Value.OpenFiles)
        {
            var last = byUse.Last!;
            open.Remove(last.Value.Pack);
            Close(last);
        }
    }

    void Close(LinkedListNode<Handle> node)
    {
        byUse.Remove(node);
        node.Value.Forgotten = true;
        if (node.Value.Readers == 0)
            node.Value.File.Dispose();
    }

    void Return(Handle handle)
    {
        lock (gate)
        {
            if (--handle.Readers == 0 && handle.Forgotten)
                handle.File.Dispose();
        }
    }

    /// <summary>The right to read an open pack until disposed.</summary>
    public readonly struct Lease : IDisposable
    {
        readonly PackHandles owner;
        readonly Handle handle;

        internal Lease(PackHandles owner, Handle handle)
        {
            this.owner = owner;
            this.handle = handle;
        }

        public SafeFileHandle File => handle.File;

        public void Dispose() => owner.Return(handle);
    }

    internal sealed class Handle(PackId pack, SafeFileHandle file)
    {
        public PackId Pack => pack;

        public SafeFileHandle File => file;

        public int Readers { get; set; }

        public bool Forgotten { get; set; }
    }
}
