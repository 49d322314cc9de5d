using System.Text.RegularExpressions;
using FileServer.Protocol.Contracts;

namespace FileServer.Files.Locks;

/// <summary>Lock tokens as they travel: <c>urn:uuid:…</c>, in brackets or bare.</summary>
static partial class LockTokens
{
    public static string Text(Guid token) => $"urn:uuid:{token:D}";

    /// <summary>The tokens that a changeset names; what is none of ours is left out: it opens nothing.</summary>
    public static IReadOnlySet<Guid> Of(Changeset changeset) => Read(changeset.LockTokens ?? []);

    /// <summary>
    /// The tokens in a REST request's <c>Lock-Token</c> and <c>If</c> headers. Only which tokens were submitted is read here (RFC 4918 §10.4.1); the
    /// conditions of <c>If</c> are WebDAV's.
    /// </summary>
    public static IReadOnlyList<string>? Of(HttpRequest request)
    {
        var found = In(request);
        return found.Count == 0 ? null : [.. found.Select(Text)];
    }

    public static IReadOnlySet<Guid> In(HttpRequest request) => Read(request.Headers["Lock-Token"].Concat(request.Headers["If"]).OfType<string>());

    static HashSet<Guid> Read(IEnumerable<string> texts) =>
        [.. texts.SelectMany(text => Uuid().Matches(text)).Select(match => Guid.Parse(match.Value))];

    [GeneratedRegex("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Uuid();
}
