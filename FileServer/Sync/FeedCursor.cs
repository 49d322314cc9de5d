using System.Buffers.Binary;
using System.Buffers.Text;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using FileServer.Http;

namespace FileServer.Sync;

/// <summary>What stands at a position of the feed: within a revision nodes come before resets.</summary>
enum FeedKind : byte
{
    Node,
    Reset,
    EndOfRevision,
}

/// <summary>A place in the change feed.</summary>
/// <param name="Epoch">Null where a client named a bare revision.</param>
/// <param name="Known">
/// The revision at which the present walk through the pages began: what its reader knew before, it knew from that revision or an
/// earlier one. Stays the same until the walk is over.
/// </param>
/// <param name="Sight">A digest of what gives the reader sight at revision <paramref name="Known"/>; null with a bare revision.</param>
[StructLayout(LayoutKind.Auto)]
readonly record struct FeedCursor(Guid? Epoch, long Revision, FeedKind Kind, Guid Id, long Known, ulong? Sight)
{
    const byte Format = 1;
    const int Length = 1 + 16 + 8 + 1 + 16 + 8 + 8;

    static readonly Guid LastId = new("ffffffff-ffff-ffff-ffff-ffffffffffff");

    /// <summary>Before the first revision; its reader knows nothing yet.</summary>
    static readonly FeedCursor Beginning = new(null, -1, FeedKind.EndOfRevision, LastId, -1, null);

    public bool IsBeginning => Revision < 0;

    /// <summary>Nodes behind this pair of revision and id come next.</summary>
    public (long Revision, Guid Id) Nodes => (Revision, Kind == FeedKind.Node ? Id : LastId);

    /// <summary>Resets behind this pair of revision and id come next; those before the walk say nothing that its reader needs.</summary>
    public (long Revision, Guid Id) Resets =>
        Known > Revision ? (Known, LastId)
        : Kind == FeedKind.Node ? (Revision - 1, LastId)
        : (Revision, Kind == FeedKind.Reset ? Id : LastId);

    /// <summary>Reads what a client sent as <c>since</c>: a cursor, or the bare number of a revision.</summary>
    public static FeedCursor Parse(string? since)
    {
        if (string.IsNullOrEmpty(since))
            return Beginning;
        if (long.TryParse(since, out var revision) && revision >= 0)
            return revision == 0 ? Beginning : new FeedCursor(null, revision, FeedKind.EndOfRevision, LastId, revision, null);
        Span<byte> bytes = stackalloc byte[Length];
        if (since.Length != Base64Url.GetEncodedLength(Length) || !Base64Url.TryDecodeFromChars(since, bytes, out var length) || length != Length
            || bytes[0] != Format || bytes[25] > (byte)FeedKind.EndOfRevision)
            throw Paging.Invalid();
        return new FeedCursor(
            new Guid(bytes[1..17], bigEndian: true),
            BinaryPrimitives.ReadInt64BigEndian(bytes[17..]),
            (FeedKind)bytes[25],
            new Guid(bytes[26..42], bigEndian: true),
            BinaryPrimitives.ReadInt64BigEndian(bytes[42..]),
            BinaryPrimitives.ReadUInt64BigEndian(bytes[50..]));
    }

    /// <summary>Tells the answers behind different cursors apart.</summary>
    public ulong Digest() => XxHash3.HashToUInt64(Encoding.ASCII.GetBytes(ToString()));

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Length];
        bytes[0] = Format;
        Epoch.GetValueOrDefault().TryWriteBytes(bytes[1..], bigEndian: true, out _);
        BinaryPrimitives.WriteInt64BigEndian(bytes[17..], Revision);
        bytes[25] = (byte)Kind;
        Id.TryWriteBytes(bytes[26..], bigEndian: true, out _);
        BinaryPrimitives.WriteInt64BigEndian(bytes[42..], Known);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[50..], Sight.GetValueOrDefault());
        return Base64Url.EncodeToString(bytes);
    }
}
