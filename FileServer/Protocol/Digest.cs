using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace FileServer.Protocol;

/// <summary>A SHA-256 value: the name of a chunk, a content or a whole file. Compares by value, prints as 64 lower-case hex digits.</summary>
[JsonConverter(typeof(DigestJsonConverter))]
public readonly record struct Digest : IComparable<Digest>
{
    /// <summary>Bytes in a digest.</summary>
    public const int Size = 32;

    // Big-endian words, so that comparing words compares bytes.
    readonly ulong a, b, c, d;

    /// <summary>Reads a digest from its 32 bytes.</summary>
    /// <exception cref="ArgumentException">The span is not 32 bytes long.</exception>
    public Digest(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size)
            throw new ArgumentException($"A digest has {Size} bytes, not {bytes.Length}.", nameof(bytes));
        a = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        b = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
        c = BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]);
        d = BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]);
    }

    /// <summary>The SHA-256 of these bytes.</summary>
    public static Digest Of(ReadOnlySpan<byte> data)
    {
        Span<byte> hash = stackalloc byte[Size];
        SHA256.HashData(data, hash);
        return new Digest(hash);
    }

    /// <summary>Writes the 32 bytes.</summary>
    public void CopyTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, a);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], b);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], c);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], d);
    }

    public byte[] ToArray()
    {
        var bytes = new byte[Size];
        CopyTo(bytes);
        return bytes;
    }

    /// <summary>Reads 64 hex digits, upper or lower case.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Digest digest)
    {
        Span<byte> bytes = stackalloc byte[Size];
        digest = default;
        if (text.Length != 2 * Size || Convert.FromHexString(text, bytes, out _, out _) != System.Buffers.OperationStatus.Done)
            return false;
        digest = new Digest(bytes);
        return true;
    }

    /// <summary>Reads 64 hex digits.</summary>
    /// <exception cref="FormatException">The text is something else.</exception>
    public static Digest Parse(ReadOnlySpan<char> text) =>
        TryParse(text, out var digest) ? digest : throw new FormatException("A digest is written as 64 hex digits.");

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Size];
        CopyTo(bytes);
        return Convert.ToHexStringLower(bytes);
    }

    public override int GetHashCode() => d.GetHashCode();

    public bool Equals(Digest other) => a == other.a && b == other.b && c == other.c && d == other.d;

    public int CompareTo(Digest other) =>
        a != other.a ? a.CompareTo(other.a) : b != other.b ? b.CompareTo(other.b) : c != other.c ? c.CompareTo(other.c) : d.CompareTo(other.d);

    public static bool operator <(Digest left, Digest right) => left.CompareTo(right) < 0;

    public static bool operator >(Digest left, Digest right) => left.CompareTo(right) > 0;

    public static bool operator <=(Digest left, Digest right) => left.CompareTo(right) <= 0;

    public static bool operator >=(Digest left, Digest right) => left.CompareTo(right) >= 0;
}

/// <summary>Writes a digest as 64 hex digits.</summary>
public sealed class DigestJsonConverter : JsonConverter<Digest>
{
    public override Digest Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        // A string may lie across two buffers of the body, so it is copied out rather than looked at in place.
        if (reader.TokenType == JsonTokenType.String && (reader.HasValueSequence ? reader.ValueSequence.Length : reader.ValueSpan.Length) == 2 * Digest.Size && !reader.ValueIsEscaped)
        {
            Span<char> text = stackalloc char[2 * Digest.Size];
            if (reader.CopyString(text) == text.Length && Digest.TryParse(text, out var digest))
                return digest;
        }
        throw new JsonException("A digest is a string of 64 hex digits.");
    }

    public override void Write(Utf8JsonWriter writer, Digest value, JsonSerializerOptions options)
    {
        Span<byte> bytes = stackalloc byte[Digest.Size];
        Span<byte> text = stackalloc byte[2 * Digest.Size];
        value.CopyTo(bytes);
        Convert.TryToHexStringLower(bytes, text, out _);
        writer.WriteStringValue(text);
    }
}
