using System.Text;
using FileServer.Access;
using FileServer.Files;
using FileServer.Files.Locks;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileServer.WebDav;

/// <summary>A lock with the address of what was locked.</summary>
sealed record ShownLock(LockRow Lock, string Root);

/// <summary>What has been read about a page of resources beside their rows.</summary>
/// <param name="Above">Locks on folders above that protect what is listed.</param>
sealed record DavPage(ILookup<NodeId, KeptProperty> Kept, ILookup<NodeId, LockRow> Locks, IReadOnlyList<ShownLock> Above);

/// <summary>Writes the 207 of a PROPFIND, resource by resource.</summary>
sealed class DavAnswer(DavWriter xml, PropertyPlan plan, Caller caller, SpaceRow? space, DateTimeOffset now)
{
    public void Begin() => xml.Raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\">"u8);

    public void End() => xml.Raw("</D:multistatus>\n"u8);

    /// <param name="folder">The address of the folder that the resource is in, encoded and with its slash; of the resource itself where there is no name to add.</param>
    public void Write(string folder, in DavEntry entry, bool isTop, DavPage page)
    {
        xml.Raw("<D:response><D:href>"u8);
        Href(folder, entry, isTop);
        xml.Raw("</D:href><D:propstat><D:prop>"u8);
        switch (plan.Kind)
        {
            case PropfindKind.Names:
                Names(entry, page);
                break;
            case PropfindKind.All:
                All(folder, entry, isTop, page);
                break;
        }
        var missing = plan.Kind == PropfindKind.Names ? 0 : Asked(folder, entry, isTop, page, found: true);
        xml.Raw("</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>"u8);
        if (missing > 0)
        {
            xml.Raw("<D:propstat><D:prop>"u8);
            Asked(folder, entry, isTop, page, found: false);
            xml.Raw("</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>"u8);
        }
        xml.Raw("</D:response>"u8);
    }

    void Href(string folder, in DavEntry entry, bool isTop)
    {
        xml.Raw(folder);
        if (isTop)
            return;
        xml.Segment(entry.Name);
        if (entry.IsCollection)
            xml.Raw("/"u8);
    }

    void Names(in DavEntry entry, DavPage page)
    {
        foreach (var live in LiveProperties.All)
        {
            if (Has(live, entry))
                xml.Raw($"<D:{LiveProperties.NameOf(live)}/>");
        }
        foreach (var kept in page.Kept[entry.Id])
            Empty(AskedProperty.Of(kept.Name));
    }

    void All(string folder, in DavEntry entry, bool isTop, DavPage page)
    {
        foreach (var live in LiveProperties.All)
        {
            if (Has(live, entry))
                Live(live, folder, entry, isTop, page);
        }
        foreach (var kept in page.Kept[entry.Id])
            Kept(AskedProperty.Of(kept.Name), kept);
    }

    /// <returns>How many of the properties that were asked for by name are not there.</returns>
    int Asked(string folder, in DavEntry entry, bool isTop, DavPage page, bool found)
    {
        var missing = 0;
        foreach (var asked in plan.Asked)
        {
            var kept = asked.Live is null ? page.Kept[entry.Id].FirstOrDefault(kept => kept.Name == asked.Name) : null;
            if (asked.Live is { } live ? !Has(live, entry) : kept is null)
            {
                missing++;
                if (!found)
                    Empty(asked);
            }
            else if (!found || (plan.Kind == PropfindKind.All && kept is not null))
                continue;
            else if (asked.Live is { } present)
                Live(present, folder, entry, isTop, page);
            else
                Kept(asked, kept!);
        }
        return missing;
    }

    bool Has(LiveProperty live, in DavEntry entry) => live switch
    {
        LiveProperty.ContentLength or LiveProperty.ContentType or LiveProperty.Executable => !entry.IsCollection,
        LiveProperty.ETag => entry.Tag is not null,
        LiveProperty.QuotaUsed => entry.IsCollection && space is not null,
        LiveProperty.QuotaAvailable => entry.IsCollection && space?.QuotaBytes is not null,
        _ => true,
    };

    void Live(LiveProperty live, string folder, in DavEntry entry, bool isTop, DavPage page)
    {
        switch (live)
        {
            case LiveProperty.CreationDate:
                xml.Raw("<D:creationdate>"u8);
                xml.IsoDate(entry.CreatedAt);
                xml.Raw("</D:creationdate>"u8);
                break;
            case LiveProperty.DisplayName:
                xml.Raw("<D:displayname>"u8);
                xml.Text(entry.Name);
                xml.Raw("</D:displayname>"u8);
                break;
            case LiveProperty.ContentLength:
                xml.Raw("<D:getcontentlength>"u8);
                xml.Number(entry.Size);
                xml.Raw("</D:getcontentlength>"u8);
                break;
            case LiveProperty.ContentType:
                xml.Raw("<D:getcontenttype>"u8);
                var type = entry.Kind == NodeKind.Symlink ? DavResource.SymlinkType : ContentTypes.Of(entry.Name);
                xml.Raw(type);
                xml.Raw(type.StartsWith("text/", StringComparison.Ordinal) ? "; charset=utf-8</D:getcontenttype>"u8 : "</D:getcontenttype>"u8);
                break;
            case LiveProperty.ETag:
                xml.Raw("<D:getetag>\""u8);
                xml.Base64(entry.Tag);
                xml.Raw("\"</D:getetag>"u8);
                break;
            case LiveProperty.LastModified:
                xml.Raw("<D:getlastmodified>"u8);
                xml.HttpDate(entry.ModifiedAt);
                xml.Raw("</D:getlastmodified>"u8);
                break;
            case LiveProperty.ResourceType:
                xml.Raw(entry.IsCollection ? "<D:resourcetype><D:collection/></D:resourcetype>"u8 : "<D:resourcetype/>"u8);
                break;
            case LiveProperty.SupportedLock:
                xml.Raw(LockXml.Supported);
                break;
            case LiveProperty.LockDiscovery:
                Discovery(folder, entry, isTop, page);
                break;
            case LiveProperty.QuotaUsed:
                xml.Raw("<D:quota-used-bytes>"u8);
                xml.Number(space!.UsedBytes);
                xml.Raw("</D:quota-used-bytes>"u8);
                break;
            case LiveProperty.QuotaAvailable:
                xml.Raw("<D:quota-available-bytes>"u8);
                xml.Number(Math.Max(0, space!.QuotaBytes!.Value - space.UsedBytes));
                xml.Raw("</D:quota-available-bytes>"u8);
                break;
            case LiveProperty.Executable:
                xml.Raw(entry.Executable ? "<N:executable xmlns:N=\"http://apache.org/dav/props/\">T</N:executable>"u8 : "<N:executable xmlns:N=\"http://apache.org/dav/props/\">F</N:executable>"u8);
                break;
        }
    }

    void Discovery(string folder, in DavEntry entry, bool isTop, DavPage page)
    {
        var own = page.Locks[entry.Id];
        if (page.Above.Count == 0 && !own.Any())
        {
            xml.Raw("<D:lockdiscovery/>"u8);
            return;
        }
        xml.Raw("<D:lockdiscovery>"u8);
        foreach (var above in page.Above)
            LockXml.Write(xml, above, caller, now);
        var root = isTop ? folder : $"{folder}{DavAddress.Encode(entry.Name)}{(entry.IsCollection ? "/" : "")}";
        foreach (var held in own)
            LockXml.Write(xml, new ShownLock(held, root), caller, now);
        xml.Raw("</D:lockdiscovery>"u8);
    }

    void Empty(AskedProperty asked)
    {
        xml.Raw(asked.Open);
        xml.Raw("/>"u8);
    }

    void Kept(AskedProperty asked, KeptProperty kept)
    {
        xml.Raw(asked.Open);
        if (kept.Lang is { } lang)
        {
            xml.Raw(" xml:lang=\""u8);
            xml.Text(lang);
            xml.Raw("\""u8);
        }
        xml.Raw(">"u8);
        xml.Raw(kept.Value);
        xml.Raw(asked.Close);
    }
}

/// <summary>Addresses of resources as this door writes them.</summary>
static class DavAddress
{
    const string Plain = "-._~!$'()*,;=:@";

    /// <summary>The address of what a path names, from the server's root, with the slash of a collection.</summary>
    public static string Of(HttpContext context, DavPath path, bool collection)
    {
        var text = new StringBuilder(context.Request.PathBase.ToUriComponent()).Append(DavPath.Prefix);
        foreach (var name in path.Names)
            text.Append('/').Append(Encode(name));
        if (collection)
            text.Append('/');
        return text.ToString();
    }

    public static string Encode(string name)
    {
        var text = new StringBuilder(name.Length);
        foreach (var value in Encoding.UTF8.GetBytes(name))
        {
            if (char.IsAsciiLetterOrDigit((char)value) || Plain.Contains((char)value))
                text.Append((char)value);
            else
                text.Append('%').Append(value.ToString("X2"));
        }
        return text.ToString();
    }
}
