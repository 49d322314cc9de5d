using System.Xml;
using FileServer.Http;

namespace FileServer.WebDav;

/// <summary>What a PROPFIND asks for (RFC 4918 §14.20).</summary>
enum PropfindKind
{
    /// <summary>All that RFC 4918 defines and all that clients have set, and what is included by name.</summary>
    All,

    /// <summary>The names of what there is.</summary>
    Names,

    /// <summary>What is named.</summary>
    Named,
}

/// <summary>The body of a PROPFIND.</summary>
sealed record PropfindRequest(PropfindKind Kind, IReadOnlyList<PropertyName> Named)
{
    /// <summary>No body asks for everything (§9.1).</summary>
    public static readonly PropfindRequest Everything = new(PropfindKind.All, []);

    public static async Task<PropfindRequest> ReadAsync(HttpContext context, WebDavOptions options, CancellationToken ct) =>
        await XmlBody.ReadAsync(context, options, ct) is { } body ? body.Read(reader => Read(reader, options)) : Everything;

    static PropfindRequest Read(XmlReader reader, WebDavOptions options)
    {
        XmlBody.MoveToRoot(reader, "propfind");
        PropfindKind? kind = null;
        var included = false;
        var named = new List<PropertyName>();
        foreach (var child in XmlBody.Children(reader))
        {
            PropfindKind? asked = XmlBody.Is(child, "allprop") ? PropfindKind.All
                : XmlBody.Is(child, "propname") ? PropfindKind.Names
                : XmlBody.Is(child, "prop") ? PropfindKind.Named
                : null;
            if (asked is not null && kind is not null)
                throw Refusal.Invalid("'propfind' holds one of 'prop', 'allprop' and 'propname'.");
            kind ??= asked;
            var include = XmlBody.Is(child, "include");
            included |= include;
            if (asked != PropfindKind.Named && !include)
                continue;
            foreach (var property in XmlBody.Children(child))
                named.Add(new PropertyName(property.NamespaceURI, property.LocalName));
            if (named.Count > options.MaxProperties)
                throw Refusal.TooLarge($"A request names at most {options.MaxProperties} properties.", options.MaxProperties);
        }
        if (kind is not { } wanted)
            throw Refusal.Invalid("'propfind' holds 'prop', 'allprop' or 'propname'.");
        if (included && wanted != PropfindKind.All)
            throw Refusal.Invalid("'include' goes with 'allprop'.");
        return new PropfindRequest(wanted, [.. named.Distinct()]);
    }
}
