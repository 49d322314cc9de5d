using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using FileServer.Protocol.Contracts;
using Microsoft.AspNetCore.Http.Features;

namespace FileServer.Http;

/// <summary>
/// The one manner of paging: a limit, and an opaque cursor that holds the last item's sort key and belongs to the query
/// it was made for.
/// </summary>
static class Paging
{
    const int QueryTagBytes = 8;
    const char Between = '\0';

    /// <summary>The asked number of items, or the usual one.</summary>
    public static int Limit(int? asked, int usual, int most) => asked switch
    {
        null => Math.Min(usual, most),
        >= 1 => Math.Min(asked.Value, most),
        _ => throw Refusal.Invalid($"'limit' must be a number from 1 to {most}."),
    };

    /// <summary>Where a page begins: the parts of the sort key behind which it starts, or null for the first page.</summary>
    /// <param name="query">Words that name the query; a cursor of another query is refused.</param>
    public static string[]? Start(string? cursor, string query, int parts)
    {
        if (string.IsNullOrEmpty(cursor))
            return null;
        Span<byte> bytes = new byte[cursor.Length];
        if (!Base64Url.IsValid(cursor) || !Base64Url.TryDecodeFromChars(cursor, bytes, out var length) || length < QueryTagBytes
            || !bytes[..QueryTagBytes].SequenceEqual(Tag(query, bytes[QueryTagBytes..length])))
            throw Invalid();
        var position = Encoding.UTF8.GetString(bytes[QueryTagBytes..length]).Split(Between);
        return position.Length == parts ? position : throw Invalid();
    }

    /// <summary>The page from one item more than fits, which tells whether there is a next one; says so in the Link header too (RFC 8288).</summary>
    public static Page<T> Page<TRow, T>(HttpContext context, string query, List<TRow> rows, int limit, Func<TRow, T> item, Func<TRow, string[]> position)
    {
        string? next = null;
        if (rows.Count > limit)
        {
            rows.RemoveRange(limit, rows.Count - limit);
            next = Cursor(query, position(rows[^1]));
            Link(context, next);
        }
        return new Page<T>(rows.ConvertAll(row => item(row)), next);
    }

    public static string Cursor(string query, params ReadOnlySpan<string> position) =>
        Cursor(query, Encoding.UTF8.GetBytes(string.Join(Between, position!)));

    static string Cursor(string query, byte[] position) => Base64Url.EncodeToString([.. Tag(query, position), .. position]);

    public static void Link(HttpContext context, string next)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var path = target.IndexOf('?') is var at and >= 0 ? target[..at] : target;
        var rest = context.Request.Query.Where(pair => pair.Key is not ("cursor" or "since"));
        var name = context.Request.Query.ContainsKey("since") ? "since" : "cursor";
        context.Response.Headers.Link = $"<{context.Request.PathBase}{path}{QueryString.Create([.. rest, new(name, next)])}>; rel=\"next\"";
    }

    public static Refusal Invalid() =>
        new(RefusalKind.InvalidCursor, "The cursor does not belong to this list. Take 'next' of the page before as it is, or start without a cursor.");

    /// <summary>
    /// Joins a position to its query, so that a cursor that was cut, changed or taken from another list is noticed. It keeps no secret and is no right:
    /// a page holds what its caller may see, wherever it begins.
    /// </summary>
    static ReadOnlySpan<byte> Tag(string query, ReadOnlySpan<byte> position) =>
        SHA256.HashData([.. Encoding.UTF8.GetBytes(query), (byte)Between, .. position]).AsSpan(0, QueryTagBytes);
}
