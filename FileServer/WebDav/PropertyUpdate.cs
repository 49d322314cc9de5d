using System.Text;
using System.Xml;
using FileServer.Http;

namespace FileServer.WebDav;

/// <summary>One instruction of a PROPPATCH.</summary>
/// <param name="Value">The XML that the property is to hold; null removes it.</param>
/// <param name="Lang">The <c>xml:lang</c> that holds there.</param>
sealed record PropertyChange(PropertyName Name, string? Value, string? Lang)
{
    /// <summary>The value as text; null where it holds elements.</summary>
    public string? Text => Value is null || Value.Contains('<') ? null : System.Net.WebUtility.HtmlDecode(Value).Trim();
}

/// <summary>The body of a PROPPATCH (RFC 4918 §14.19): its instructions in their order.</summary>
static class PropertyUpdate
{
    public static async Task<IReadOnlyList<PropertyChange>> ReadAsync(HttpContext context, WebDavOptions options, CancellationToken ct)
    {
        var body = await XmlBody.ReadAsync(context, options, ct) ?? throw Refusal.Invalid("PROPPATCH needs a body: what to set and what to remove.");
        var changes = body.Read(Read);
        if (changes.Count == 0)
            throw Refusal.Invalid("'propertyupdate' sets and removes nothing.");
        if (changes.Count > options.MaxProperties)
            throw Refusal.TooLarge($"A request names at most {options.MaxProperties} properties.", options.MaxProperties);
        return changes;
    }

    /// <summary>Bytes that the property takes here.</summary>
    public static int Bytes(PropertyChange change) =>
        Encoding.UTF8.GetByteCount(change.Value ?? "") + Encoding.UTF8.GetByteCount(change.Name.Namespace) + Encoding.UTF8.GetByteCount(change.Name.Local);

    static List<PropertyChange> Read(XmlReader reader)
    {
        XmlBody.MoveToRoot(reader, "propertyupdate");
        var changes = new List<PropertyChange>();
        foreach (var instruction in XmlBody.Children(reader))
        {
            var set = XmlBody.Is(instruction, "set");
            if (!set && !XmlBody.Is(instruction, "remove"))
                continue;
            foreach (var holder in XmlBody.Children(instruction))
            {
                if (!XmlBody.Is(holder, "prop"))
                    continue;
                foreach (var property in XmlBody.Children(holder))
                {
                    var name = new PropertyName(property.NamespaceURI, property.LocalName);
                    var lang = property.XmlLang is { Length: > 0 } given ? given : null;
                    changes.Add(new PropertyChange(name, set ? XmlBody.InnerXml(property) : null, lang));
                }
            }
        }
        return changes;
    }
}
