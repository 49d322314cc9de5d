using FileServer.Files;
using Microsoft.AspNetCore.Http;

namespace Tests.Files;

public class ByteRangesTests
{
    static readonly Validators Current = new("\"abc\"", new DateTimeOffset(2026, 11, 24, 8, 0, 0, TimeSpan.Zero), DateIsStrong: true);

    [Theory]
    [InlineData("bytes=0-0", "0+1")]
    [InlineData("bytes=0-", "0+1000")]
    [InlineData("bytes=990-2000", "990+10")]
    [InlineData("bytes=-10", "990+10")]
    [InlineData("bytes=-5000", "0+1000")]
    [InlineData("BYTES=5-6", "5+2")]
    [InlineData("bytes=1-2, 5-6", "1+2 5+2")]
    [InlineData("bytes=1-2,,5-6,", "1+2 5+2")]
    [InlineData("bytes=1-2,2000-3000", "1+2")]
    [InlineData("bytes=999-99999999999999999999999999", "999+1")]
    [InlineData("bytes=0-999,0-999", "0+1000 0+1000")]
    public void A_range_selects_its_bytes(string header, string expected) =>
        Assert.Equal((RangeOutcome.Partial, expected), Of(header));

    [Theory]
    [InlineData("bytes=1000-")]
    [InlineData("bytes=1000-2000")]
    [InlineData("bytes=-0")]
    [InlineData("bytes=99999999999999999999999-")]
    [InlineData("bytes=1000-1001,-0")]
    public void A_range_outside_the_file_cannot_be_satisfied(string header) =>
        Assert.Equal((RangeOutcome.NotSatisfiable, ""), Of(header));

    [Theory]
    [InlineData("lines=0-5")]
    [InlineData("bytes")]
    [InlineData("bytes=")]
    [InlineData("bytes=,")]
    [InlineData("bytes=5-2")]
    [InlineData("bytes=a-b")]
    [InlineData("bytes=1-2-3")]
    [InlineData("bytes=+1-2")]
    [InlineData("bytes=--1")]
    [InlineData("bytes=1-2,x")]
    [InlineData("bytes=0-1,bytes=2-3")]
    [InlineData("bytes=0-999,0-999,0-0")]
    [InlineData("bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10")]
    public void What_cannot_be_read_or_is_too_much_gets_the_whole(string header) =>
        Assert.Equal((RangeOutcome.Whole, ""), Of(header));

    [Fact]
    public void An_empty_file_has_no_first_byte_but_a_last_few()
    {
        Assert.Equal((RangeOutcome.NotSatisfiable, ""), Of("bytes=0-", size: 0));
        Assert.Equal((RangeOutcome.Whole, ""), Of("bytes=-5", size: 0));
        Assert.Equal((RangeOutcome.NotSatisfiable, ""), Of("bytes=-0", size: 0));
    }

    [Fact]
    public void Ranges_count_on_GET_alone() => Assert.Equal((RangeOutcome.Whole, ""), Of("bytes=0-0", method: "HEAD"));

    [Theory]
    [InlineData("\"abc\"", RangeOutcome.Partial)]
    [InlineData("\"other\"", RangeOutcome.Whole)]
    [InlineData("W/\"abc\"", RangeOutcome.Whole)]
    [InlineData("Tue, 24 Nov 2026 08:00:00 GMT", RangeOutcome.Partial)]
    [InlineData("Tue, 24 Nov 2026 08:00:01 GMT", RangeOutcome.Whole)]
    [InlineData("Tue, 24 Nov 2026 07:59:59 GMT", RangeOutcome.Whole)]
    [InlineData("nonsense", RangeOutcome.Whole)]
    public void If_Range_must_name_the_current_bytes(string condition, object expected) =>
        Assert.Equal(expected, Of("bytes=0-0", condition: condition).Outcome);

    [Fact]
    public void If_Range_by_date_needs_a_second_with_one_content_only()
    {
        var request = Request("GET", "bytes=0-0", "Tue, 24 Nov 2026 08:00:00 GMT");
        Assert.Equal(RangeOutcome.Whole, ByteRanges.Of(request, 1000, Current with { DateIsStrong = false }).Outcome);
    }

    static (RangeOutcome Outcome, string Parts) Of(string header, long size = 1000, string method = "GET", string? condition = null)
    {
        var ranges = ByteRanges.Of(Request(method, header, condition), size, Current);
        return (ranges.Outcome, string.Join(' ', ranges.Parts.Select(part => $"{part.Start}+{part.Length}")));
    }

    static HttpRequest Request(string method, string range, string? condition)
    {
        var request = new DefaultHttpContext().Request;
        request.Method = method;
        request.Headers.Range = range;
        if (condition is not null)
            request.Headers.IfRange = condition;
        return request;
    }
}
