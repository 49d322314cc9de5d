using System.Buffers;
using System.Buffers.Text;
using System.IO.Pipelines;
using System.Text;
using System.Xml;

namespace FileServer.WebDav;

/// <summary>
/// Writes XML as UTF-8 into a response. Element names are literals and go out as they are; only what people named is encoded.
/// A thousand entries of a listing then cost a thousand copies, and hardly an allocation.
/// </summary>
sealed class DavWriter(PipeWriter body) : IDisposable
{
    const int FlushAt = 32 * 1024;

    // Stay as they are in a path, in the way of gvfs and neon, which compare addresses as text. '&' would be XML's, and some take '+' for a space.
    static readonly SearchValues<byte> Plain = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$'()*,;=:@"u8);
    static readonly SearchValues<char> PlainChars = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$'()*,;=:@");
    static readonly SearchValues<char> Special = SearchValues.Create("<>&\"'\r\n\t");

    byte[] buffer = ArrayPool<byte>.Shared.Rent(2 * FlushAt);
    int at;

    public void Raw(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Room(bytes.Length));
        at += bytes.Length;
    }

    /// <summary>XML as it is, for what was checked when it came in.</summary>
    public void Raw(string xml) => at += Encoding.UTF8.GetBytes(xml, Room(Encoding.UTF8.GetMaxByteCount(xml.Length)));

    /// <summary>Text between tags or in an attribute's double quotes. What XML 1.0 has no way to write becomes U+FFFD.</summary>
    public void Text(string text)
    {
        if (text.AsSpan().IndexOfAny(Special) < 0 && text.AsSpan().IndexOfAnyInRange('\0', '\u001f') < 0 && text.AsSpan().IndexOfAnyInRange('\ud800', '\uffff') < 0)
        {
            Raw(text);
            return;
        }
        foreach (var rune in text.EnumerateRunes())
        {
            switch (rune.Value)
            {
                case '<':
                    Raw("&lt;"u8);
                    break;
                case '>':
                    Raw("&gt;"u8);
                    break;
                case '&':
                    Raw("&amp;"u8);
                    break;
                case '"':
                    Raw("&quot;"u8);
                    break;
                case '\r' or '\n' or '\t':
                    Raw($"&#{rune.Value};");
                    break;
                default:
                    at += (rune.IsBmp && !XmlConvert.IsXmlChar((char)rune.Value) ? Rune.ReplacementChar : rune).EncodeToUtf8(Room(4));
                    break;
            }
        }
    }

    /// <summary>One segment of a path, percent-encoded with upper-case digits.</summary>
    public void Segment(string name)
    {
        if (name.AsSpan().IndexOfAnyExcept(PlainChars) < 0)
        {
            Raw(name);
            return;
        }
        Span<byte> utf8 = stackalloc byte[1024];
        var length = Encoding.UTF8.GetByteCount(name);
        var bytes = length <= utf8.Length ? utf8[..length] : new byte[length];
        Encoding.UTF8.GetBytes(name, bytes);
        Room(3 * length);
        foreach (var value in bytes)
        {
            if (Plain.Contains(value))
                buffer[at++] = value;
            else
            {
                buffer[at++] = (byte)'%';
                buffer[at++] = Hex(value >> 4);
                buffer[at++] = Hex(value & 15);
            }
        }
    }

    public void Number(long value)
    {
        Utf8Formatter.TryFormat(value, Room(20), out var written);
        at += written;
    }

    /// <summary>As HTTP writes a date.</summary>
    public void HttpDate(DateTimeOffset time)
    {
        Utf8Formatter.TryFormat(time, Room(32), out var written, 'R');
        at += written;
    }

    /// <summary>As RFC 3339 writes a date, in whole seconds.</summary>
    public void IsoDate(DateTimeOffset time)
    {
        time.UtcDateTime.TryFormat(Room(32), out var written, "yyyy-MM-dd'T'HH:mm:ss'Z'");
        at += written;
    }

    /// <summary>Bytes in the base64 of addresses.</summary>
    public void Base64(ReadOnlySpan<byte> bytes) => at += Base64Url.EncodeToUtf8(bytes, Room(2 * bytes.Length + 4));

    /// <summary>Hands over what has come together, once it is worth a write.</summary>
    public ValueTask BreatheAsync(CancellationToken ct) => at < FlushAt ? default : FlushAsync(ct);

    public async ValueTask FlushAsync(CancellationToken ct)
    {
        if (at == 0)
            return;
        var flushed = await body.WriteAsync(buffer.AsMemory(0, at), ct);
        at = 0;
        // Nobody is there to read the rest.
        if (flushed.IsCompleted || flushed.IsCanceled)
            throw new OperationCanceledException("The reader has left.");
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(buffer);
        buffer = [];
    }

    static byte Hex(int digit) => (byte)(digit < 10 ? '0' + digit : 'A' + digit - 10);

    Span<byte> Room(int bytes)
    {
        if (buffer.Length - at < bytes)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(2 * buffer.Length, at + bytes));
            buffer.AsSpan(0, at).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = larger;
        }
        return buffer.AsSpan(at);
    }
}
