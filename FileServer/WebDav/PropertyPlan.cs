using System.Security;
using System.Text;

namespace FileServer.WebDav;

/// <summary>A property that was asked for, ready to be written.</summary>
/// <param name="Open">Its start tag without the closing bracket, its namespace declared.</param>
/// <param name="Close">Its end tag.</param>
sealed record AskedProperty(PropertyName Name, LiveProperty? Live, byte[] Open, byte[] Close)
{
    public static AskedProperty Of(PropertyName name)
    {
        // DAV: is declared once for the whole answer. A name without a namespace has no prefix, and nothing declares a default one.
        var (prefix, declaration) = name.Namespace switch
        {
            PropertyName.Dav => ("D:", ""),
            "" => ("", ""),
            var other => ("N:", $" xmlns:N=\"{SecurityElement.Escape(other)}\""),
        };
        return new AskedProperty(
            name, LiveProperties.Of(name), Encoding.UTF8.GetBytes($"<{prefix}{name.Local}{declaration}"), Encoding.UTF8.GetBytes($"</{prefix}{name.Local}>"));
    }
}

/// <summary>What each resource of an answer is asked for; worked out once, before the first.</summary>
sealed class PropertyPlan
{
    PropertyPlan(PropfindRequest request)
    {
        Kind = request.Kind;
        Asked = [.. (Kind == PropfindKind.Named ? request.Named : request.Named.Where(name => !InAllprop(name))).Select(AskedProperty.Of)];
    }

    public PropfindKind Kind { get; }

    /// <summary>By name: all that is asked for, or what is asked for besides everything.</summary>
    public IReadOnlyList<AskedProperty> Asked { get; }

    /// <summary>Properties that clients have set must be read.</summary>
    public bool NeedsKept => Kind != PropfindKind.Named || Asked.Any(asked => asked.Live is null);

    public bool NeedsLocks => Kind == PropfindKind.All || Asked.Any(asked => asked.Live == LiveProperty.LockDiscovery);

    public static PropertyPlan Of(PropfindRequest request) => new(request);

    static bool InAllprop(PropertyName name) => LiveProperties.Of(name) is { } live && LiveProperties.All.Contains(live);
}
