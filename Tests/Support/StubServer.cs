using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Tests.Support;

/// <summary>A server that misbehaves on demand, for what the real one never does: cut connections, silence, nonsense.</summary>
sealed class StubServer : IAsyncDisposable
{
    readonly WebApplication app;

    StubServer(WebApplication app) => this.app = app;

    public Uri Url => new(app.Urls.First());

    /// <summary>Method and path of each request, in the order of their arrival.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    public static async Task<StubServer> StartAsync(Func<HttpContext, Task> answer, X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                if (certificate is not null)
                    listen.UseHttps(certificate);
            });
        });
        var app = builder.Build();
        var server = new StubServer(app);
        app.Run(context =>
        {
            server.Requests.Enqueue($"{context.Request.Method} {context.Request.Path}");
            return answer(context);
        });
        await app.StartAsync(TestContext.Current.CancellationToken);
        return server;
    }

    /// <summary>Answers with a JSON text.</summary>
    public static Task JsonAsync(HttpContext context, string json, int status = 200, string type = "application/json")
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        return context.Response.WriteAsync(json, context.RequestAborted);
    }

    public static Task ProblemAsync(HttpContext context, int status, string code) =>
        JsonAsync(context, $$"""{"status":{{status}},"code":"{{code}}","detail":"It is so."}""", status, "application/problem+json");

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync(CancellationToken.None);
        await app.DisposeAsync();
    }
}
