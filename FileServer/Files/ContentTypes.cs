using System.Collections.Frozen;

namespace FileServer.Files;

/// <summary>The content type that a name stands for. Never taken from the uploader: what a browser makes of a file is the server's decision.</summary>
static class ContentTypes
{
    public const string Unknown = "application/octet-stream";

    static readonly FrozenDictionary<string, string> ByExtension = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
    {
        ["7z"] = "application/x-7z-compressed",
        ["avif"] = "image/avif",
        ["bmp"] = "image/bmp",
        ["bz2"] = "application/x-bzip2",
        ["c"] = "text/plain",
        ["conf"] = "text/plain",
        ["cpp"] = "text/plain",
        ["cs"] = "text/plain",
        ["css"] = "text/css",
        ["csv"] = "text/csv",
        ["doc"] = "application/msword",
        ["docx"] = "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ["eml"] = "message/rfc822",
        ["epub"] = "application/epub+zip",
        ["flac"] = "audio/flac",
        ["gif"] = "image/gif",
        ["go"] = "text/plain",
        ["gz"] = "application/gzip",
        ["heic"] = "image/heic",
        ["htm"] = "text/html",
        ["html"] = "text/html",
        ["ics"] = "text/calendar",
        ["ini"] = "text/plain",
        ["java"] = "text/plain",
        ["jpeg"] = "image/jpeg",
        ["jpg"] = "image/jpeg",
        ["js"] = "text/javascript",
        ["json"] = "application/json",
        ["log"] = "text/plain",
        ["m4a"] = "audio/mp4",
        ["m4v"] = "video/mp4",
        ["md"] = "text/markdown",
        ["mkv"] = "video/x-matroska",
        ["mov"] = "video/quicktime",
        ["mp3"] = "audio/mpeg",
        ["mp4"] = "video/mp4",
        ["mpeg"] = "video/mpeg",
        ["odp"] = "application/vnd.oasis.opendocument.presentation",
        ["ods"] = "application/vnd.oasis.opendocument.spreadsheet",
        ["odt"] = "application/vnd.oasis.opendocument.text",
        ["ogg"] = "audio/ogg",
        ["opus"] = "audio/ogg",
        ["pdf"] = "application/pdf",
        ["png"] = "image/png",
        ["ppt"] = "application/vnd.ms-powerpoint",
        ["pptx"] = "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ["ps"] = "application/postscript",
        ["py"] = "text/plain",
        ["rar"] = "application/vnd.rar",
        ["rs"] = "text/plain",
        ["rtf"] = "application/rtf",
        ["sh"] = "text/plain",
        ["sql"] = "text/plain",
        ["svg"] = "image/svg+xml",
        ["tar"] = "application/x-tar",
        ["tif"] = "image/tiff",
        ["tiff"] = "image/tiff",
        ["toml"] = "text/plain",
        ["ts"] = "text/plain",
        ["tsv"] = "text/tab-separated-values",
        ["txt"] = "text/plain",
        ["vcf"] = "text/vcard",
        ["wav"] = "audio/wav",
        ["webm"] = "video/webm",
        ["webp"] = "image/webp",
        ["xhtml"] = "application/xhtml+xml",
        ["xls"] = "application/vnd.ms-excel",
        ["xlsx"] = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ["xml"] = "application/xml",
        ["xz"] = "application/x-xz",
        ["yaml"] = "text/plain",
        ["yml"] = "text/plain",
        ["zip"] = "application/zip",
        ["zst"] = "application/zstd",
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>What a browser may show by itself because none of it can run: all else is offered for saving only.</summary>
    static readonly FrozenSet<string> Harmless = FrozenSet.Create(
        "image/png", "image/jpeg", "image/gif", "image/webp", "video/mp4", "audio/mpeg", "text/plain");

    public static string Of(string name)
    {
        var dot = name.LastIndexOf('.');
        return dot >= 0 && ByExtension.GetValueOrDefault(name[(dot + 1)..]) is { } type ? type : Unknown;
    }

    public static bool MayBeShown(string type) => Harmless.Contains(type);
}
