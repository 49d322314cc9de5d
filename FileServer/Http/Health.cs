using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace FileServer.Http;

/// <summary>What load balancers and supervisors ask: does the process live, and can it do its work.</summary>
static class Health
{
    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapHealthChecks("/healthz", new HealthCheckOptions { Predicate = _ => false, ResponseWriter = WriteAsync })
            .AllowAnonymousBecause("a supervisor has no account; it learns only that the process answers");
        routes.MapHealthChecks("/readyz", new HealthCheckOptions { ResponseWriter = WriteAsync })
            .AllowAnonymousBecause("a load balancer has no account; it learns only which part is not available");
    }

    /// <summary>The names of the checks and their outcomes; why one failed stands in the log.</summary>
    static async Task WriteAsync(HttpContext context, HealthReport report)
    {
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        await using var writer = new Utf8JsonWriter(context.Response.BodyWriter);
        writer.WriteStartObject();
        writer.WriteString("status", Word(report.Status));
        writer.WriteStartObject("checks");
        foreach (var (name, entry) in report.Entries)
            writer.WriteString(name, Word(entry.Status));
        writer.WriteEndObject();
        writer.WriteEndObject();
        await writer.FlushAsync(context.RequestAborted);
    }

    static string Word(HealthStatus status) => status == HealthStatus.Healthy ? "ok" : "unavailable";
}
