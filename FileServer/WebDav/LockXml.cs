using FileServer.Files.Locks;
using FileServer.Identity;

namespace FileServer.WebDav;

/// <summary>Locks as WebDAV shows them (RFC 4918 §14.1).</summary>
static class LockXml
{
    public static ReadOnlySpan<byte> Supported =>
        "<D:supportedlock><D:lockentry><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry><D:lockentry><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry></D:supportedlock>"u8;

    /// <summary>The lock that a token names; null when it is none of this server's.</summary>
    public static Guid? TokenIn(string token)
    {
        const string scheme = "urn:uuid:";
        return token.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) && Guid.TryParseExact(token.AsSpan(scheme.Length), "D", out var id) ? id : null;
    }

    public static void Write(DavWriter xml, ShownLock shown, Caller caller, DateTimeOffset now)
    {
        var held = shown.Lock;
        xml.Raw("<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope>"u8);
        xml.Raw(held.Shared ? "<D:shared/>"u8 : "<D:exclusive/>"u8);
        xml.Raw("</D:lockscope><D:depth>"u8);
        xml.Raw(held.Deep ? "infinity"u8 : "0"u8);
        xml.Raw("</D:depth><D:owner>"u8);
        // What a WebDAV client said was checked to be XML when it came; other doors keep text.
        if (!held.IsCheckOut && held.Owner is { } owner)
            xml.Raw(owner);
        else
            xml.Text(held.Owner ?? held.Holder);
        xml.Raw("</D:owner><D:timeout>Second-"u8);
        xml.Number(Math.Max(1, (long)Math.Ceiling((held.ExpiresAt - now).TotalSeconds)));
        xml.Raw("</D:timeout>"u8);
        // A token opens nothing in other hands, and others need not know it.
        if (held.IsOf(caller))
        {
            xml.Raw("<D:locktoken><D:href>"u8);
            xml.Raw(LockTokens.Text(held.Token));
            xml.Raw("</D:href></D:locktoken>"u8);
        }
        xml.Raw("<D:lockroot><D:href>"u8);
        xml.Text(shown.Root);
        xml.Raw("</D:href></D:lockroot></D:activelock>"u8);
    }
}
