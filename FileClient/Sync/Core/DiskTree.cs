using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync.Core;

/// <summary>What the file system says about an entry; when all of it is equal, the bytes are taken to be equal.</summary>
/// <param name="Born">Birth time in nanoseconds; 0 where the file system has none.</param>
/// <param name="Modified">Nanoseconds since 1970, as <paramref name="Changed"/> is.</param>
readonly record struct Signature(ulong Device, ulong Inode, long Born, long Size, long Modified, long Changed)
{
    /// <summary>The same inode in the same life: numbers are used again, birth times are not.</summary>
    public bool SameInode(Signature other) => Inode == other.Inode && Device == other.Device && Born == other.Born;
}

/// <summary>An entry that the scan found, before it is known which node it is.</summary>
/// <param name="Parent">Position of its folder in the scan; -1 for the root.</param>
/// <param name="DiskName">The name exactly as the disk has it.</param>
/// <param name="Links">Number of hard links.</param>
sealed record DiskEntry(int Parent, string DiskName, string Name, NodeKind Kind, Signature Signature, int Links)
{
    public Digest? Content { get; set; }

    public bool Executable { get; init; }

    public string? Target { get; init; }

    public EntryStatus Status { get; init; }

    public string? Reason { get; init; }

    public bool HasLeftovers { get; set; }
}

/// <summary>A node as it stood on the disk when it was last seen.</summary>
/// <param name="Racy">It changed so shortly before it was looked at that a later change may show the same times: read it again.</param>
sealed record KnownEntry(NodeId Id, NodeId Parent, string DiskName, NodeKind Kind, Signature Signature, Digest? Content, string? Target, bool Racy = false);
