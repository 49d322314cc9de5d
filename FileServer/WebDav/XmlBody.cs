using System.Text;
using System.Xml;
using FileServer.Http;
using Microsoft.AspNetCore.Http.Features;

namespace FileServer.WebDav;

/// <summary>The XML body of a request: read whole within a limit, without DTD, without anything fetched, and well-formed before any of it counts.</summary>
sealed class XmlBody(byte[] bytes, WebDavOptions options)
{
    const int MaxDepth = 32;

    /// <returns>Null when the request has no body.</returns>
    /// <exception cref="Refusal">Too long, too deep, not well-formed, or with a DTD.</exception>
    public static async Task<XmlBody?> ReadAsync(HttpContext context, WebDavOptions options, CancellationToken ct)
    {
        if (context.Request.ContentLength > options.MaxXmlBytes)
            throw TooLarge(options);
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = options.MaxXmlBytes;
        using var copy = new MemoryStream();
        await context.Request.Body.CopyToAsync(copy, ct);
        if (copy.Length == 0)
            return null;
        var body = new XmlBody(copy.ToArray(), options);
        body.Read(RequireShape);
        return body;
    }

    /// <summary>Runs through the document; what the reader finds wrong is the request's fault.</summary>
    public T Read<T>(Func<XmlReader, T> read)
    {
        try
        {
            using var reader = XmlReader.Create(new MemoryStream(bytes, writable: false), new XmlReaderSettings
            {
                DtdProcessing = DtdProcessing.Prohibit,
                XmlResolver = null,
                MaxCharactersInDocument = options.MaxXmlBytes,
                IgnoreComments = true,
                IgnoreProcessingInstructions = true,
                CloseInput = true,
            });
            return read(reader);
        }
        catch (XmlException fault)
        {
            throw new Refusal(RefusalKind.Invalid, $"The body is not the XML that is expected here: {fault.Message}", fault);
        }
    }

    static bool RequireShape(XmlReader reader)
    {
        while (reader.Read())
        {
            if (reader.Depth > MaxDepth)
                throw Refusal.Invalid($"The XML is nested deeper than {MaxDepth} elements.");
        }
        return true;
    }

    static Refusal TooLarge(WebDavOptions options) => Refusal.TooLarge($"An XML body has at most {options.MaxXmlBytes} bytes.", options.MaxXmlBytes);

    /// <summary>Passes to the document's element, which must be this one of WebDAV's.</summary>
    public static void MoveToRoot(XmlReader reader, string name)
    {
        reader.MoveToContent();
        if (!Is(reader, name))
            throw Refusal.Invalid($"The body's element is '{reader.LocalName}'; it must be '{name}' of the namespace 'DAV:'.");
    }

    public static bool Is(XmlReader reader, string name) =>
        reader.NodeType == XmlNodeType.Element && reader.LocalName == name && reader.NamespaceURI == PropertyName.Dav;

    /// <summary>The elements below the one that the reader stands on, one level down. The reader stands on each in turn; whoever takes it must leave it there or behind it.</summary>
    public static IEnumerable<XmlReader> Children(XmlReader reader)
    {
        if (reader.IsEmptyElement)
            yield break;
        var depth = reader.Depth;
        reader.Read();
        while (reader.Depth > depth)
        {
            if (reader.NodeType == XmlNodeType.Element && reader.Depth == depth + 1)
            {
                var before = Position(reader);
                yield return reader;
                // Who looked at the name only has left all below it to be passed over.
                if (Position(reader) == before)
                    reader.Skip();
            }
            else
                reader.Read();
        }
    }

    /// <summary>All below the element that the reader stands on, as XML that can stand anywhere: prefixes are declared where they are used. The reader ends behind the element.</summary>
    public static string InnerXml(XmlReader reader)
    {
        if (reader.IsEmptyElement)
        {
            reader.Read();
            return "";
        }
        var text = new StringBuilder();
        var settings = new XmlWriterSettings { ConformanceLevel = ConformanceLevel.Fragment, OmitXmlDeclaration = true, NewLineHandling = NewLineHandling.Entitize };
        using (var writer = XmlWriter.Create(text, settings))
        {
            var depth = reader.Depth;
            reader.Read();
            while (reader.Depth > depth)
                writer.WriteNode(reader, defattr: false);
        }
        reader.Read();
        return text.ToString();
    }

    static (int, int) Position(XmlReader reader) => reader is IXmlLineInfo line ? (line.LineNumber, line.LinePosition) : default;
}
