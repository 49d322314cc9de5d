using System.Text.Json;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Tests.Support;

namespace Tests.Transfer;

/// <summary>Just enough of a server to hold one file, over a line that breaks wherever a test wants it to.</summary>
sealed class FlakyStore : IAsyncDisposable
{
    readonly Lock gate = new();
    readonly Dictionary<string, MemoryStream> uploads = [];
    StubServer? server;

    public static readonly SpaceId Space = new(Guid.Parse("01234567-89ab-7def-8123-456789abcdef"));
    public static readonly NodeId File = new(Guid.Parse("01234567-89ab-7def-8123-456789abcd00"));

    public Uri Url => server!.Url;

    /// <summary>The bytes that the server holds as the file's version.</summary>
    public byte[] Content { get; set; } = [];

    /// <summary>After how many bytes of a body the connection breaks; asked for each request, null: it holds.</summary>
    public Func<int?> Break { get; set; } = static () => null;

    /// <summary>One byte of what arrives is stored wrong.</summary>
    public bool Damages { get; set; }

    public bool KnowsSha256 { get; set; } = true;

    public int Creations { get; private set; }

    /// <summary>Bytes of upload bodies that came over the wire.</summary>
    public long Received { get; private set; }

    public long Sent { get; private set; }

    public IReadOnlyList<string> Requests => [.. server!.Requests];

    public static async Task<FlakyStore> StartAsync()
    {
        var store = new FlakyStore();
        store.server = await StubServer.StartAsync(store.AnswerAsync);
        return store;
    }

    public void ForgetUploads()
    {
        lock (gate)
            uploads.Clear();
    }

    /// <summary>What the server says the version is, instead of what it holds.</summary>
    public (Node Node, IReadOnlyList<ChunkRef> Chunks)? Promise { get; set; }

    public Node Node => Promise?.Node ?? new(
        File, Space.Root, "big.bin", NodeKind.File, Content.Length, 1,
        ContentId.Of(Content.Length, Chunks), KnowsSha256 ? Digest.Of(Content) : null, DateTimeOffset.UnixEpoch.AddDays(20_000), 7, false, null, ["read"]);

    IReadOnlyList<ChunkRef> Chunks => Promise?.Chunks ?? [.. ChunkSplitter.Split(Content)];

    Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        return (context.Request.Method, path) switch
        {
            ("POST", "/api/v1/uploads") => CreateAsync(context),
            ("HEAD", _) when Upload(path) is { } upload => StateAsync(context, upload),
            ("PATCH", _) when Upload(path) is { } upload => AppendAsync(context, upload),
            ("GET", _) when path.EndsWith("/content", StringComparison.Ordinal) => SendAsync(context),
            ("GET", _) when path.EndsWith("/chunks", StringComparison.Ordinal) =>
                StubServer.JsonAsync(context, JsonSerializer.Serialize(new ChunkList(Node.ContentId!.Value, Content.Length, Chunks), WireJson.Default.ChunkList)),
            ("GET", _) when path.Contains("/nodes/") || path.Contains("/files/") => StubServer.JsonAsync(context, JsonSerializer.Serialize(Node, WireJson.Default.Node)),
            _ => StubServer.ProblemAsync(context, 404, "not-found"),
        };
    }

    MemoryStream? Upload(string path)
    {
        lock (gate)
            return uploads.GetValueOrDefault(path);
    }

    Task CreateAsync(HttpContext context)
    {
        lock (gate)
        {
            var path = $"/api/v1/uploads/{++Creations}";
            var upload = new MemoryStream { Capacity = int.Parse(context.Request.Headers["Upload-Length"]!) };
            uploads.Add(path, upload);
            context.Response.StatusCode = 201;
            context.Response.Headers.Location = path;
        }
        return Task.CompletedTask;
    }

    Task StateAsync(HttpContext context, MemoryStream upload)
    {
        lock (gate)
            Tell(context, upload);
        return Task.CompletedTask;
    }

    static void Tell(HttpContext context, MemoryStream upload)
    {
        context.Response.StatusCode = 204;
        context.Response.Headers["Upload-Offset"] = upload.Length.ToString();
        context.Response.Headers["Upload-Length"] = upload.Capacity.ToString();
        if (upload.Length == upload.Capacity)
            context.Response.Headers["Content-Location"] = $"/api/v1/spaces/{Space}/nodes/{File}";
    }

    async Task AppendAsync(HttpContext context, MemoryStream upload)
    {
        if (context.Request.Headers["Upload-Offset"] != upload.Length.ToString())
        {
            await StubServer.ProblemAsync(context, 409, "offset-mismatch");
            return;
        }
        var left = Break() ?? int.MaxValue;
        var buffer = new byte[64 * 1024];
        try
        {
            for (int read; left > 0 && (read = await context.Request.Body.ReadAsync(buffer.AsMemory(0, Math.Min(left, buffer.Length)), context.RequestAborted)) > 0; left -= read)
            {
                lock (gate)
                {
                    upload.Write(buffer, 0, read);
                    Received += read;
                }
            }
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException)
        {
            return;
        }
        if (left == 0)
        {
            context.Abort();
            return;
        }
        lock (gate)
        {
            Tell(context, upload);
            if (upload.Length == upload.Capacity)
            {
                Content = upload.ToArray();
                Content[1000] ^= (byte)(Damages ? 1 : 0);
            }
        }
    }

    async Task SendAsync(HttpContext context)
    {
        var from = 0;
        var response = context.Response;
        response.Headers.ETag = $"\"{Node.ContentId}\"";
        var range = context.Request.Headers.Range.ToString();
        if (range.Length > 0 && (context.Request.Headers.IfRange.Count == 0 || context.Request.Headers.IfRange == response.Headers.ETag))
        {
            from = int.Parse(range["bytes=".Length..^1]);
            response.StatusCode = 206;
            response.Headers.ContentRange = $"bytes {from}-{Content.Length - 1}/{Content.Length}";
        }
        response.ContentLength = Content.Length - from;
        context.Features.Get<IHttpResponseBodyFeature>()!.DisableBuffering();
        var part = Content.AsMemory(from);
        var cut = Break();
        if (cut is { } bytes)
            part = part[..Math.Min(bytes, part.Length)];
        await response.Body.WriteAsync(part, context.RequestAborted);
        await response.Body.FlushAsync(context.RequestAborted);
        lock (gate)
            Sent += part.Length;
        if (cut is not null)
            context.Abort();
    }

    public static byte[] Bytes(int count, int seed)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public ValueTask DisposeAsync() => server?.DisposeAsync() ?? ValueTask.CompletedTask;
}
