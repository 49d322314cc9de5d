using System.Collections.Frozen;

namespace FileServer.WebDav;

/// <summary>The name of a property: a namespace, which may be empty, and a local name.</summary>
readonly record struct PropertyName(string Namespace, string Local)
{
    public const string Dav = "DAV:";
    public const string Microsoft = "urn:schemas-microsoft-com:";

    /// <summary>When Windows last wrote the file, as it says itself; also the file's modification time then.</summary>
    public static readonly PropertyName Win32LastModified = new(Microsoft, "Win32LastModifiedTime");

    /// <summary>How rclone sets a modification time where it knows no better way: Unix seconds.</summary>
    public static readonly PropertyName LastModifiedSeconds = new(Dav, "lastmodified");
}

/// <summary>The properties that the server computes. All others are kept as clients send them.</summary>
enum LiveProperty
{
    CreationDate,
    DisplayName,
    ContentLength,
    ContentType,
    ETag,
    LastModified,
    ResourceType,
    LockDiscovery,
    SupportedLock,
    QuotaAvailable,
    QuotaUsed,
    Executable,
}

/// <summary>What is known about live properties before any resource is looked at.</summary>
static class LiveProperties
{
    const string Apache = "http://apache.org/dav/props/";

    /// <summary>In the answer to allprop: all of RFC 4918, without those of RFC 4331 §3.</summary>
    public static readonly LiveProperty[] All =
    [
        LiveProperty.CreationDate, LiveProperty.DisplayName, LiveProperty.ContentLength, LiveProperty.ContentType, LiveProperty.ETag, LiveProperty.LastModified,
        LiveProperty.ResourceType, LiveProperty.LockDiscovery, LiveProperty.SupportedLock,
    ];

    static readonly FrozenDictionary<PropertyName, LiveProperty> ByName = new Dictionary<PropertyName, LiveProperty>
    {
        [new(PropertyName.Dav, "creationdate")] = LiveProperty.CreationDate,
        [new(PropertyName.Dav, "displayname")] = LiveProperty.DisplayName,
        [new(PropertyName.Dav, "getcontentlength")] = LiveProperty.ContentLength,
        [new(PropertyName.Dav, "getcontenttype")] = LiveProperty.ContentType,
        [new(PropertyName.Dav, "getetag")] = LiveProperty.ETag,
        [new(PropertyName.Dav, "getlastmodified")] = LiveProperty.LastModified,
        [new(PropertyName.Dav, "resourcetype")] = LiveProperty.ResourceType,
        [new(PropertyName.Dav, "lockdiscovery")] = LiveProperty.LockDiscovery,
        [new(PropertyName.Dav, "supportedlock")] = LiveProperty.SupportedLock,
        [new(PropertyName.Dav, "quota-available-bytes")] = LiveProperty.QuotaAvailable,
        [new(PropertyName.Dav, "quota-used-bytes")] = LiveProperty.QuotaUsed,
        // davfs2 asks for it and sets it, as Apache lets it.
        [new(Apache, "executable")] = LiveProperty.Executable,
    }.ToFrozenDictionary();

    static readonly FrozenDictionary<LiveProperty, string> LocalNames = ByName.ToFrozenDictionary(pair => pair.Value, pair => pair.Key.Local);

    public static string NameOf(LiveProperty live) => LocalNames[live];

    public static LiveProperty? Of(PropertyName name) => ByName.TryGetValue(name, out var live) ? live : null;

    /// <summary>Set by nobody but the server.</summary>
    public static bool IsProtected(PropertyName name) => ByName.TryGetValue(name, out var live) && live != LiveProperty.Executable;
}
