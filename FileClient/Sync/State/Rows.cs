using System.Buffers.Binary;
using FileClient.Sync.Core;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync.State;

/// <summary>How nodes and disk entries are written as rows.</summary>
static class Rows
{
    public const string EntryColumns = "id, parent, kind, name, content, size, modified, executable, target, version, revision, permits";

    public const string LocalColumns = "id, parent, disk_name, kind, signature, content, target, racy";

    const int SignatureLength = 48;

    public static Entry Entry(Statement row) => new(row.Node(0), row.Node(1), (NodeKind)row.Long(2))
    {
        Name = row.Text(3),
        Content = row.DigestOrNull(4),
        Size = row.Long(5),
        Modified = row.Long(6),
        Executable = row.Long(7) != 0,
        Target = row.TextOrNull(8),
        Version = (int)row.Long(9),
        Revision = row.Long(10),
        Permits = (Permits)row.Long(11),
    };

    public static void Write(Statement insert, Entry entry) => insert
        .Bind(1, entry.Id).Bind(2, entry.Parent).Bind(3, (long)entry.Kind).Bind(4, entry.Name).Bind(5, entry.Content).Bind(6, entry.Size).Bind(7, entry.Modified)
        .Bind(8, entry.Executable ? 1 : 0).Bind(9, entry.Target).Bind(10, entry.Version).Bind(11, entry.Revision).Bind(12, (long)entry.Permits).Run();

    /// <summary>Marks a node that was agreed and that the server has no longer.</summary>
    public static void WriteGone(Statement insert, NodeId id) => insert
        .Bind(1, id).Bind(2, id).Bind(3, -1).Bind(4, "").Bind(5, (Digest?)null).Bind(6, 0).Bind(7, 0).Bind(8, 0).Bind(9, (string?)null).Bind(10, 0).Bind(11, 0).Bind(12, 0).Run();

    public static KnownEntry Known(Statement row) =>
        new(row.Node(0), row.Node(1), row.Text(2), (NodeKind)row.Long(3), ReadSignature(row.Bytes(4)), row.DigestOrNull(5), row.TextOrNull(6), row.Long(7) != 0);

    public static void Write(Statement insert, KnownEntry known)
    {
        Span<byte> signature = stackalloc byte[SignatureLength];
        BinaryPrimitives.WriteUInt64LittleEndian(signature, known.Signature.Device);
        BinaryPrimitives.WriteUInt64LittleEndian(signature[8..], known.Signature.Inode);
        BinaryPrimitives.WriteInt64LittleEndian(signature[16..], known.Signature.Born);
        BinaryPrimitives.WriteInt64LittleEndian(signature[24..], known.Signature.Size);
        BinaryPrimitives.WriteInt64LittleEndian(signature[32..], known.Signature.Modified);
        BinaryPrimitives.WriteInt64LittleEndian(signature[40..], known.Signature.Changed);
        insert.Bind(1, known.Id).Bind(2, known.Parent).Bind(3, known.DiskName).Bind(4, (long)known.Kind).Bind(5, signature).Bind(6, known.Content)
            .Bind(7, known.Target).Bind(8, known.Racy ? 1 : 0).Run();
    }

    static Signature ReadSignature(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(bytes),
        BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]),
        BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]),
        BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]),
        BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]),
        BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]));
}
