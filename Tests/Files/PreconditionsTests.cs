using FileServer.Files;
using Microsoft.AspNetCore.Http;

namespace Tests.Files;

public class PreconditionsTests
{
    const string Before = "Tue, 24 Nov 2026 07:59:59 GMT";
    const string Exactly = "Tue, 24 Nov 2026 08:00:00 GMT";
    const string After = "Tue, 24 Nov 2026 08:00:01 GMT";
    static readonly Validators Current = new("\"abc\"", new DateTimeOffset(2026, 11, 24, 8, 0, 0, TimeSpan.Zero), DateIsStrong: true);

    [Theory]
    [InlineData("", Precondition.Send)]
    [InlineData("If-Match: \"abc\"", Precondition.Send)]
    [InlineData("If-Match: *", Precondition.Send)]
    [InlineData("If-Match: \"x\", \"abc\"", Precondition.Send)]
    [InlineData("If-Match: \"x\"", Precondition.Failed)]
    [InlineData("If-Match: W/\"abc\"", Precondition.Failed)]
    [InlineData("If-Match: rubbish", Precondition.Failed)]
    [InlineData("If-Unmodified-Since: " + Before, Precondition.Failed)]
    [InlineData("If-Unmodified-Since: " + Exactly, Precondition.Send)]
    [InlineData("If-Unmodified-Since: rubbish", Precondition.Send)]
    [InlineData("If-Match: \"abc\"|If-Unmodified-Since: " + Before, Precondition.Send)]
    [InlineData("If-None-Match: \"abc\"", Precondition.NotModified)]
    [InlineData("If-None-Match: W/\"abc\"", Precondition.NotModified)]
    [InlineData("If-None-Match: *", Precondition.NotModified)]
    [InlineData("If-None-Match: \"x\"", Precondition.Send)]
    [InlineData("If-None-Match: rubbish", Precondition.Send)]
    [InlineData("If-Modified-Since: " + Exactly, Precondition.NotModified)]
    [InlineData("If-Modified-Since: " + After, Precondition.NotModified)]
    [InlineData("If-Modified-Since: " + Before, Precondition.Send)]
    [InlineData("If-None-Match: \"x\"|If-Modified-Since: " + After, Precondition.Send)]
    [InlineData("If-Match: \"x\"|If-None-Match: \"abc\"", Precondition.Failed)]
    [InlineData("If-Match: \"abc\"|If-None-Match: \"abc\"", Precondition.NotModified)]
    public void Conditions_are_decided_in_the_order_of_the_RFC(string headers, object expected)
    {
        foreach (var method in new[] { "GET", "HEAD" })
        {
            var request = new DefaultHttpContext().Request;
            request.Method = method;
            foreach (var header in headers.Split('|', StringSplitOptions.RemoveEmptyEntries))
                request.Headers[header[..header.IndexOf(':')]] = header[(header.IndexOf(':') + 2)..];
            Assert.Equal(expected, Preconditions.Evaluate(request, Current));
        }
    }
}
