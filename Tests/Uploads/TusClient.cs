using System.Net.Http.Headers;
using System.Text;

namespace Tests.Uploads;

/// <summary>Words of tus for tests: each request is one line, and says everything that matters in it.</summary>
sealed class TusClient(HttpClient http)
{
    public const string Endpoint = "/api/v1/uploads";

    public HttpClient Http => http;

    public async Task<HttpResponseMessage> SendAsync(string method, string path, byte[]? body, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/offset+octet-stream");
        }
        if (!headers.Any(header => header.Name == "Tus-Resumable"))
            request.Headers.Add("Tus-Resumable", "1.0.0");
        foreach (var (name, value) in headers)
        {
            if (name == "Content-Type" && request.Content is not null)
                request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(value);
            else
                request.Headers.TryAddWithoutValidation(name, value);
        }
        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
    }

    public Task<HttpResponseMessage> PostAsync(byte[]? body, params (string, string)[] headers) => SendAsync("POST", Endpoint, body, headers);

    public Task<HttpResponseMessage> PatchAsync(string url, long offset, byte[] body, params (string, string)[] headers) =>
        SendAsync("PATCH", url, body, [("Upload-Offset", offset.ToString()), .. headers]);

    public Task<HttpResponseMessage> HeadAsync(string url) => SendAsync("HEAD", url, null);

    public Task<HttpResponseMessage> DeleteAsync(string url) => SendAsync("DELETE", url, null);

    /// <summary>A new part: an upload that needs no space to go to.</summary>
    public async Task<string> PartAsync(long length)
    {
        using var answer = await PostAsync(null, ("Upload-Length", length.ToString()), ("Upload-Concat", "partial"));
        return Url(answer);
    }

    /// <summary>A part with these bytes.</summary>
    public async Task<string> PartAsync(byte[] bytes)
    {
        using var answer = await PostAsync(bytes, ("Upload-Length", bytes.Length.ToString()), ("Upload-Concat", "partial"));
        return Url(answer);
    }

    public async Task<long> OffsetAsync(string url)
    {
        using var answer = await HeadAsync(url);
        return long.Parse(Value(answer, "Upload-Offset") ?? "-1");
    }

    public static string Url(HttpResponseMessage answer)
    {
        Is(201, answer);
        return answer.Headers.Location!.OriginalString;
    }

    public static string? Value(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) || answer.Content.Headers.TryGetValues(name, out values) ? string.Join(", ", values) : null;

    public static void Is(int status, HttpResponseMessage answer)
    {
        if ((int)answer.StatusCode != status)
            Assert.Fail($"{answer.RequestMessage?.Method} answered {(int)answer.StatusCode}, not {status}: {new StreamReader(answer.Content.ReadAsStream(TestContext.Current.CancellationToken)).ReadToEnd()}");
    }

    public static string Metadata(params (string Word, string Value)[] pairs) =>
        string.Join(',', pairs.Select(pair => $"{pair.Word} {Convert.ToBase64String(Encoding.UTF8.GetBytes(pair.Value))}"));
}
