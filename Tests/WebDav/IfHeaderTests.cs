using FileServer.Http;
using FileServer.WebDav;

namespace Tests.WebDav;

/// <summary>The grammar of the If header, without a server.</summary>
public sealed class IfHeaderTests
{
    const string Token = "urn:uuid:01a2118e-9724-751a-82ea-7ee0d461fae0";

    static readonly IfState Locked = new("\"e\"", new HashSet<string>([Token]));

    static bool Holds(string text, IfState state) => IfHeader.Parse(text).Holds(named => named is null ? state : IfState.Nothing);

    [Theory]
    [InlineData($"(<{Token}>)", true)]
    [InlineData($"  (  <{Token}>  [\"e\"]  )  ", true)]
    [InlineData($"(<{Token}>[\"x\"])", false)]
    [InlineData($"(<{Token}>[\"x\"])([\"e\"])", true)]
    [InlineData("(Not <DAV:no-lock>)", true)]
    [InlineData("(NOT<DAV:no-lock>Not[\"x\"])", true)]
    [InlineData("(<DAV:no-lock>)", false)]
    [InlineData("([W/\"e\"])", false)]
    [InlineData("([\"]\"])", false)]
    [InlineData($"({Token})", true)]
    [InlineData($"</other> (<{Token}>)", false)]
    [InlineData($"</other> (Not <{Token}>)", true)]
    public void Lists_are_alternatives_of_conditions_that_all_hold(string text, bool holds) => Assert.Equal(holds, Holds(text, Locked));

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("(")]
    [InlineData("()")]
    [InlineData("(Not)")]
    [InlineData("(<>)")]
    [InlineData("(<a b>)")]
    [InlineData("([x])")]
    [InlineData("([\"x\")")]
    [InlineData("</a>")]
    [InlineData("</a> </b> (<c>)")]
    [InlineData("(<a>) </b> (<c>)")]
    [InlineData("(<a>) x")]
    [InlineData("x(<a>)")]
    public void What_is_not_written_as_the_grammar_has_it_is_refused(string text) =>
        Assert.Equal(RefusalKind.Invalid, Assert.Throws<Refusal>(() => IfHeader.Parse(text)).Kind);

    [Fact]
    public void A_resource_holds_for_the_lists_behind_it_and_every_token_is_submitted()
    {
        var header = IfHeader.Parse("</a(1)> (<t:1>) (Not <t:2>) <http://h/b> ([\"e\"] <t:3>)");
        Assert.Equal(["/a(1)", "/a(1)", "http://h/b"], header.Lists.Select(list => list.Resource));
        Assert.Equal(["t:1", "t:2", "t:3"], header.Tokens);
        Assert.Equal(["/a(1)", "http://h/b"], header.Resources);
    }

    [Fact]
    public void Not_more_resources_than_can_be_looked_at() =>
        Assert.Throws<Refusal>(() => IfHeader.Parse(string.Concat(Enumerable.Range(0, 33).Select(i => $"</{i}> (<t:1>)"))));
}
