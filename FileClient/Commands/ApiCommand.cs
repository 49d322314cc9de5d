using System.CommandLine;
using System.Net.Http.Headers;
using System.Text;
using FileClient.Api;
using FileClient.Terminal;
using FileClient.Transfer;

namespace FileClient.Commands;

/// <summary><c>api</c>: any request, with the stored sign-in.</summary>
static class ApiCommand
{
    static readonly string[] FromRoot = ["/api/", "/healthz", "/readyz", "/metrics", "/openapi/", "/dav/", "/s/"];

    public static Command Build(Cli cli)
    {
        var method = new Argument<string>("METHOD");
        var path = new Argument<string>("PATH") { Description = "Below /api/v1, or the whole path from /api/ on." };
        var data = new Option<string?>("--data", "-d") { Description = "Body: JSON text, @FILE, or - for standard input.", HelpName = "BODY" };
        var header = new Option<string[]>("--header", "-H") { Description = "One more header, 'Name: value'.", HelpName = "HEADER" };
        var include = new Option<bool>("--include", "-i") { Description = "Show status and headers on standard error." };
        return new Verb("api", "Sends a request and prints the answer.", method, path, data, header, include)
        {
            Examples =
            [
                "fileshare api GET me",
                "fileshare api GET '/api/v1/spaces?limit=10'",
                "fileshare api POST spaces --data '{\"name\":\"team\"}'",
                "fileshare api POST spaces/team/changesets --data @changeset.json",
            ],
        }.Does(cli, async (run, ct) =>
        {
            var target = Target(run.Of(path));
            var headers = (run.Of(header) ?? []).Select(Header).ToList();
            using var response = await run.Api.RawAsync(new HttpMethod(run.Of(method).ToUpperInvariant()), target, headers, Body(run, run.Of(data), headers), ct);
            if (run.Of(include))
                run.Output.Note($"HTTP/1.1 {response.Status} {response.Message.ReasonPhrase}\n{response.Message.Headers}{response.Message.Content.Headers}");
            await using var body = await response.BodyAsync();
            await body.CopyToAsync(run.Output.Data, ct);
            return response.Status < 400 ? ExitCode.Done : ApiException.Refused(response.Message.StatusCode, null, null).Exit;
        });
    }

    static string Target(string path) => FromRoot.Any(root => path.StartsWith(root, StringComparison.Ordinal)) ? path : path.TrimStart('/');

    static (string, string) Header(string text) => text.IndexOf(':') is var colon and > 0
        ? (text[..colon].Trim(), text[(colon + 1)..].Trim())
        : throw Failure.Usage($"'{text}' is no header: write 'Name: value'.");

    static Func<Watchdog, HttpContent>? Body(Run run, string? data, List<(string Name, string Value)> headers)
    {
        if (data is null)
            return null;
        var typed = headers.Exists(header => header.Name.Equals("Content-Type", StringComparison.OrdinalIgnoreCase));
        return watchdog =>
        {
            HttpContent content = data switch
            {
                "-" => new PipeContent(run.Shell.OpenInput(), watchdog),
                ['@', .. var file] => new PipeContent(File.OpenRead(file), watchdog),
                _ => new ByteArrayContent(Encoding.UTF8.GetBytes(data)),
            };
            if (!typed)
                content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            return content;
        };
    }
}
