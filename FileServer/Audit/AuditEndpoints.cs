using FileServer.Http;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Npgsql;

namespace FileServer.Audit;

/// <summary>The log as auditors and administrators read it. Reading it is an event of its own.</summary>
static class AuditEndpoints
{
    const int UsualPage = 100;
    const string Json = "application/json";
    const string Ndjson = "application/x-ndjson";
    const string Csv = "text/csv";

    public static void Map(IEndpointRouteBuilder api) =>
        api.MapGet("/audit", Get).WithSummary("Who did what, newest first; as NDJSON or CSV: oldest first, to its end").OnlyFor("admin", "auditor").Requires("the role auditor or admin")
            .Produces<Page<AuditEvent>>().Without(RouteException.Head);

    static async Task Get(
        [AsParameters] AuditAsked asked, Actor actor, AuditReader reader, AuditWriter writer, NpgsqlDataSource db, IOptions<AuditOptions> options, HttpContext context, CancellationToken ct)
    {
        var filter = new AuditFilter(asked.Actor, asked.Action, asked.Space, asked.Node, asked.Outcome, asked.From, asked.To);
        var query = await filter.ResolveAsync(db, ct);
        var format = Format(context);
        var most = Paging.Limit(asked.Limit, UsualPage, options.Value.MaxPageRows);
        var before = Before(asked.Cursor, filter);
        await writer.RecordAsync(new AuditRecord(actor, format == Json ? "audit.read" : "audit.export", AuditOutcome.Done, DetailJson: filter == AuditFilter.All ? null : filter.ToJson()), ct);
        if (format == Json)
        {
            var rows = await reader.PageAsync(query, before, most + 1, ct);
            var page = Paging.Page(context, filter.ToJson(), rows, most, row => row.ToEvent(), row => [row.Id.ToString()]);
            await context.Response.WriteAsJsonAsync(page, WireJson.Default.PageAuditEvent, Json, ct);
            return;
        }
        context.Response.ContentType = format + "; charset=utf-8";
        context.Response.Headers.ContentDisposition = $"attachment; filename=\"audit.{(format == Csv ? "csv" : "ndjson")}\"";
        var events = reader.ExportAsync(query, ct);
        await (format == Csv ? AuditExport.WriteCsvAsync(events, context.Response.BodyWriter, ct) : AuditExport.WriteNdjsonAsync(events, context.Response.BodyWriter, ct));
    }

    static long? Before(string? cursor, AuditFilter filter) => Paging.Start(cursor, filter.ToJson(), 1) switch
    {
        null => null,
        [var id] when long.TryParse(id, out var before) => before,
        _ => throw Paging.Invalid(),
    };

    /// <summary>The first of our three formats that the client accepts, in its own order.</summary>
    static string Format(HttpContext context)
    {
        var accepted = context.Request.GetTypedHeaders().Accept;
        if (accepted.Count == 0)
            return Json;
        foreach (var range in accepted.OrderByDescending(type => type.Quality ?? 1).Where(type => type.Quality != 0))
        {
            foreach (var format in (string[])[Json, Ndjson, Csv])
            {
                if (new MediaTypeHeaderValue(format).IsSubsetOf(range))
                    return format;
            }
        }
        throw new Refusal(RefusalKind.NotAcceptable, $"This address gives {Json}, {Ndjson} or {Csv}.");
    }

    /// <summary>The filter and the page, as the address carries them.</summary>
    sealed record AuditAsked(
        string? Actor, string? Action, string? Space, Guid? Node, string? Outcome, DateTimeOffset? From, DateTimeOffset? To, int? Limit, string? Cursor);
}
