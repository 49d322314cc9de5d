using System.Buffers.Binary;
using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace FileServer.Rest;

/// <summary>Holds an answer back until it is known what becomes of it: kept under a key, left out, or sent as it is.</summary>
sealed class CapturedResponse : IDisposable
{
    /// <summary>Headers that belong to what was made, and come with every answer that tells of it.</summary>
    static readonly string[] Kept = ["Content-Type", "Content-Location", "ETag", "Location"];

    readonly HttpContext context;
    readonly IHttpResponseBodyFeature outer;
    readonly StreamResponseBodyFeature inner;
    readonly MemoryStream body = new();

    public CapturedResponse(HttpContext context)
    {
        this.context = context;
        outer = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        inner = new StreamResponseBodyFeature(body);
        context.Features.Set<IHttpResponseBodyFeature>(inner);
    }

    public bool Succeeded => context.Response.StatusCode is >= 200 and < 300;

    /// <summary>From here on the response is the client's again.</summary>
    public void Dispose()
    {
        if (context.Features.Get<IHttpResponseBodyFeature>() == inner)
            context.Features.Set(outer);
    }

    public async Task SendAsync(CancellationToken ct)
    {
        await inner.Writer.FlushAsync(ct);
        Dispose();
        if (context.Response.ContentType is not null || body.Length > 0)
            context.Response.ContentLength = body.Length;
        if (body.Length > 0)
            await outer.Stream.WriteAsync(body.GetBuffer().AsMemory(0, (int)body.Length), ct);
    }

    /// <summary>What was made is told by the headers alone (RFC 7240 §4.2).</summary>
    public void SendMinimal()
    {
        Dispose();
        var response = context.Response;
        response.ContentType = null;
        response.ContentLength = null;
        if (response.StatusCode == StatusCodes.Status200OK)
            response.StatusCode = StatusCodes.Status204NoContent;
        response.Headers["Preference-Applied"] = "return=minimal";
    }

    /// <summary>Status, headers and body as one run of bytes.</summary>
    public async Task<byte[]> EncodeAsync(CancellationToken ct)
    {
        await inner.Writer.FlushAsync(ct);
        var head = new StringBuilder().Append(context.Response.StatusCode).Append('\n');
        foreach (var name in Kept)
        {
            if (context.Response.Headers[name] is [{ } value])
                head.Append(name).Append(':').Append(value).Append('\n');
        }
        var text = Encoding.UTF8.GetBytes(head.ToString());
        var size = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(size, text.Length);
        return [.. size, .. text, .. body.ToArray()];
    }

    public async Task DecodeAsync(byte[] answer, CancellationToken ct)
    {
        var length = BinaryPrimitives.ReadInt32BigEndian(answer);
        var lines = Encoding.UTF8.GetString(answer, sizeof(int), length).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        context.Response.StatusCode = int.Parse(lines[0]);
        foreach (var line in lines.Skip(1))
            context.Response.Headers[line[..line.IndexOf(':')]] = line[(line.IndexOf(':') + 1)..];
        await body.WriteAsync(answer.AsMemory(sizeof(int) + length), ct);
    }
}
