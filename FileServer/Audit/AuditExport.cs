using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using FileServer.Protocol.Contracts;

namespace FileServer.Audit;

/// <summary>Writes events as lines, one after the other, in memory that does not grow with their number.</summary>
static class AuditExport
{
    const int FlushBytes = 64 * 1024;

    static readonly string[] Columns =
    [
        "id", "at", "actorId", "actor", "authKind", "sessionId", "clientIp", "action", "outcome", "spaceId", "nodeId", "subject", "requestId", "detail",
    ];

    /// <summary>One JSON object a line. Line ends and escape codes in a name stay inside their string, escaped.</summary>
    public static async Task WriteNdjsonAsync(IAsyncEnumerable<AuditRow> rows, PipeWriter output, CancellationToken ct)
    {
        await using var json = new Utf8JsonWriter(output);
        await foreach (var row in rows.WithCancellation(ct))
        {
            JsonSerializer.Serialize(json, row.ToEvent(), WireJson.Default.AuditEvent);
            json.Flush();
            json.Reset();
            output.Write("\n"u8);
            await FlushAsync(output, ct);
        }
        await output.FlushAsync(ct);
    }

    /// <summary>RFC 4180, every cell quoted.</summary>
    public static async Task WriteCsvAsync(IAsyncEnumerable<AuditRow> rows, PipeWriter output, CancellationToken ct)
    {
        Encoding.UTF8.GetBytes(Line(Columns), output);
        await foreach (var row in rows.WithCancellation(ct))
        {
            var told = row.ToEvent();
            Encoding.UTF8.GetBytes(
                Line(
                [
                    told.Id.ToString(), told.At.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'"), told.ActorId, told.Actor, told.AuthKind, told.SessionId, told.ClientIp, told.Action, told.Outcome,
                    told.SpaceId?.ToString(), told.NodeId?.ToString(), told.Subject, told.RequestId, row.Detail,
                ]),
                output);
            await FlushAsync(output, ct);
        }
        await output.FlushAsync(ct);
    }

    public static string Cell(string? value)
    {
        if (string.IsNullOrEmpty(value))
            return "";
        var text = value.Replace("\"", "\"\"", StringComparison.Ordinal);
        // A spreadsheet takes these for a formula, and a file's name comes from anybody.
        return value.TrimStart()[..1] is "=" or "+" or "-" or "@" || value[0] is '\t' or '\r' or '\n' ? $"\"'{text}\"" : $"\"{text}\"";
    }

    static string Line(IEnumerable<string?> cells) => string.Join(',', cells.Select(Cell)) + "\r\n";

    static async ValueTask FlushAsync(PipeWriter output, CancellationToken ct)
    {
        if (output.UnflushedBytes >= FlushBytes)
            await output.FlushAsync(ct);
    }
}
