using FileServer.Protocol.Contracts;

namespace FileClient.Api;

/// <summary>Which audit events are wanted; null: all.</summary>
/// <param name="From">The earliest time, RFC 3339.</param>
sealed record AuditQuery(string? Actor, string? Action, string? Space, string? Node, string? Outcome, string? From, string? To)
{
    public string Text => string.Concat(
        new[] { ("actor", Actor), ("action", Action), ("space", Space), ("node", Node), ("outcome", Outcome), ("from", From), ("to", To) }
            .Where(static pair => pair.Item2 is not null)
            .Select(static pair => $"&{pair.Item1}={Uri.EscapeDataString(pair.Item2!)}"));
}

/// <content>The audit log, and whatever has no method of its own.</content>
sealed partial class ApiClient
{
    public IAsyncEnumerable<AuditEvent> AuditAsync(AuditQuery query, int pageSize, CancellationToken ct) =>
        PagesAsync($"audit?limit={pageSize}{query.Text}", WireJson.Default.PageAuditEvent, ct);

    /// <summary>The whole answer as a stream of <c>application/x-ndjson</c> or <c>text/csv</c>.</summary>
    public Task<ApiResponse> AuditExportAsync(AuditQuery query, string mediaType, CancellationToken ct) =>
        SendAsync(Get($"audit?{query.Text.TrimStart('&')}") with { Headers = [("Accept", mediaType)] }, ct);

    /// <summary>Any request at all, its answer whatever it is. The caller disposes it.</summary>
    /// <param name="target">Path below <c>/api/v1</c>, or from the server's root with a leading slash.</param>
    public Task<ApiResponse> RawAsync(
        HttpMethod method, string target, IReadOnlyList<(string Name, string Value)> headers, Func<Watchdog, HttpContent>? body, CancellationToken ct)
    {
        var request = new ApiRequest(method, target) { Headers = headers, Body = body, Accepts = static status => status != 401 };
        return SendAsync(request with { Repeatable = method == HttpMethod.Get || method == HttpMethod.Head }, ct);
    }
}
