using System.Xml;
using FileServer.Http;

namespace FileServer.WebDav;

/// <summary>The body of a LOCK (RFC 4918 §14.11).</summary>
/// <param name="Owner">The XML inside <c>owner</c>; null when there was none.</param>
sealed record LockInfo(bool Shared, string? Owner)
{
    /// <returns>Null without a body: a refresh.</returns>
    public static async Task<LockInfo?> ReadAsync(HttpContext context, WebDavOptions options, CancellationToken ct) =>
        await XmlBody.ReadAsync(context, options, ct) is { } body ? body.Read(Read) : null;

    static LockInfo Read(XmlReader reader)
    {
        XmlBody.MoveToRoot(reader, "lockinfo");
        bool? shared = null;
        var write = false;
        string? owner = null;
        foreach (var child in XmlBody.Children(reader))
        {
            if (XmlBody.Is(child, "lockscope"))
            {
                foreach (var scope in XmlBody.Children(child))
                    shared = XmlBody.Is(scope, "shared") ? true : XmlBody.Is(scope, "exclusive") ? false : throw Refusal.Invalid("A lock's scope is 'exclusive' or 'shared'.");
            }
            else if (XmlBody.Is(child, "locktype"))
            {
                foreach (var type in XmlBody.Children(child))
                    write |= XmlBody.Is(type, "write");
            }
            else if (XmlBody.Is(child, "owner"))
                owner = XmlBody.InnerXml(child);
        }
        if (shared is not { } asked || !write)
            throw Refusal.Invalid("'lockinfo' holds a 'lockscope' and the 'locktype' write.");
        return new LockInfo(asked, owner);
    }
}
