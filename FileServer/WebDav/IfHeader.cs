using FileServer.Http;

namespace FileServer.WebDav;

/// <summary>One condition of an <c>If</c> header: a state token or an entity tag, wanted or not.</summary>
readonly record struct IfCondition(bool Not, string? Token, string? ETag);

/// <summary>Conditions that must all hold, of the resource named, or of the request's own where none is.</summary>
sealed record IfList(string? Resource, IReadOnlyList<IfCondition> Conditions);

/// <summary>What conditions are held against: the entity tag of a resource, and the tokens of the locks that cover it.</summary>
sealed record IfState(string? ETag, IReadOnlySet<string> Tokens)
{
    public static readonly IfState Nothing = new(null, new HashSet<string>());
}

/// <summary>
/// The <c>If</c> header (RFC 4918 §10.4): lists of conditions of which one must hold. It does two things at once: it is a
/// condition of the request, and every token in it counts as submitted, whether its list holds or not.
/// </summary>
sealed class IfHeader(IReadOnlyList<IfList> lists)
{
    // Each resource costs a look into the database.
    const int MaxResources = 32;

    public IReadOnlyList<IfList> Lists => lists;

    /// <summary>All tokens, wanted or not.</summary>
    public IEnumerable<string> Tokens => lists.SelectMany(list => list.Conditions).Select(condition => condition.Token).OfType<string>();

    /// <summary>The resources that conditions are about, besides the request's own.</summary>
    public IReadOnlyList<string> Resources => [.. lists.Select(list => list.Resource).OfType<string>().Distinct(StringComparer.Ordinal)];

    /// <exception cref="Refusal">It is not written as RFC 4918 has it.</exception>
    public static IfHeader? Of(HttpRequest request) => DavHeaders.Single(request, "If") is { } text ? Parse(text) : null;

    /// <inheritdoc cref="Of"/>
    public static IfHeader Parse(string text)
    {
        var at = new Reader(text);
        var lists = new List<IfList>();
        string? resource = null;
        at.SkipSpace();
        while (!at.AtEnd)
        {
            if (at.Take('<'))
            {
                // Without a tag at the start there can be none later (No-tag-list | Tagged-list).
                if (lists.Count > 0 && resource is null)
                    throw Malformed("a resource behind a list without one");
                resource = at.Until('>');
                at.SkipSpace();
                if (!at.Sees('('))
                    throw Malformed("a resource without conditions");
            }
            lists.Add(new IfList(resource, Conditions(at)));
            at.SkipSpace();
        }
        if (lists.Count == 0)
            throw Malformed("no conditions");
        var header = new IfHeader(lists);
        return header.Resources.Count <= MaxResources ? header : throw Refusal.Invalid($"'If' names more than {MaxResources} resources.");
    }

    /// <summary>Whether one of the lists holds.</summary>
    /// <param name="state">The state of a resource that a list names; of the request's own for null.</param>
    public bool Holds(Func<string?, IfState> state) => lists.Any(list => list.Conditions.All(condition => Holds(condition, state(list.Resource))));

    static bool Holds(IfCondition condition, IfState state)
    {
        var met = condition.Token is { } token ? state.Tokens.Contains(token) : state.ETag == condition.ETag;
        return met != condition.Not;
    }

    static List<IfCondition> Conditions(Reader at)
    {
        if (!at.Take('('))
            throw Malformed("something that is no list");
        var conditions = new List<IfCondition>();
        for (at.SkipSpace(); !at.Take(')'); at.SkipSpace())
        {
            var not = at.TakeNot();
            at.SkipSpace();
            if (at.Take('<'))
                conditions.Add(new IfCondition(not, at.Until('>'), null));
            else if (at.Take('['))
                conditions.Add(new IfCondition(not, null, at.EntityTag()));
            else if (at.BareToken() is { } token)
                conditions.Add(new IfCondition(not, token, null));
            else
                throw Malformed("a condition that is neither <token> nor [entity-tag]");
        }
        return conditions.Count > 0 ? conditions : throw Malformed("an empty list");
    }

    static Refusal Malformed(string what) => Refusal.Invalid($"The 'If' header holds {what} (RFC 4918 §10.4.2).");

    /// <summary>Walks through the text once.</summary>
    sealed class Reader(string text)
    {
        int at;

        public bool AtEnd => at == text.Length;

        public bool Sees(char wanted) => at < text.Length && text[at] == wanted;

        public bool Take(char wanted)
        {
            if (!Sees(wanted))
                return false;
            at++;
            return true;
        }

        public void SkipSpace()
        {
            while (at < text.Length && text[at] is ' ' or '\t')
                at++;
        }

        public bool TakeNot()
        {
            if (!text.AsSpan(at).StartsWith("Not", StringComparison.OrdinalIgnoreCase))
                return false;
            at += 3;
            return true;
        }

        /// <summary>All up to the closing character, which is passed too. Never empty, without spaces.</summary>
        public string Until(char close)
        {
            var end = text.IndexOf(close, at);
            if (end <= at || text.AsSpan(at, end - at).IndexOfAny(" \t<") >= 0)
                throw Malformed("something that is not closed, or empty");
            var found = text[at..end];
            at = end + 1;
            return found;
        }

        /// <summary>A tag behind its '[': its quotes may enclose a ']'.</summary>
        public string EntityTag()
        {
            var start = at;
            if (text.AsSpan(at).StartsWith("W/", StringComparison.Ordinal))
                at += 2;
            if (!Take('"'))
                throw Malformed("an entity tag without quotes");
            at = text.IndexOf('"', at) + 1;
            if (at == 0 || !Sees(']'))
                throw Malformed("an entity tag that is not closed");
            return text[start..at++];
        }

        /// <summary>Old versions of Windows leave the brackets out.</summary>
        public string? BareToken()
        {
            var rest = text.AsSpan(at);
            if (!rest.StartsWith("urn:uuid:", StringComparison.OrdinalIgnoreCase) && !rest.StartsWith("opaquelocktoken:", StringComparison.OrdinalIgnoreCase))
                return null;
            var end = rest.IndexOfAny(" \t)");
            if (end < 0)
                return null;
            at += end;
            return rest[..end].ToString();
        }
    }
}
