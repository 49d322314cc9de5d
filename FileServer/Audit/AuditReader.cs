using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using FileServer.Database;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.Audit;

/// <summary>Reads the log back: pages for people, all of it for an export.</summary>
sealed class AuditReader(NpgsqlDataSource db)
{
    const int ExportPageRows = 2000;

    /// <summary>Events before an id, the newest first.</summary>
    public Task<List<AuditRow>> PageAsync(AuditQuery query, long? before, int count, CancellationToken ct) => db.QueryAsync<AuditRow>(
        """
        select id, at, actor_id, actor, auth_kind, session_id, client_ip, action, outcome, space_id, node_id, subject, request_id, detail
        from audit_events
        where (@before::bigint is null or id < @before)
            and (@actorId::uuid is null or actor_id = @actorId) and (@actor::text is null or actor = @actor)
            and (@action::text is null or action = @action) and (@actionPrefix::text is null or starts_with(action, @actionPrefix))
            and (@spaces::uuid[] is null or space_id = any(@spaces)) and (@node::uuid is null or node_id = @node)
            and (@outcome::smallint is null or outcome = @outcome)
            and (@from::timestamptz is null or at >= @from) and (@to::timestamptz is null or at < @to)
        order by id desc
        limit @count
        """,
        new
        {
            before,
            query.ActorId,
            query.Actor,
            query.Action,
            query.ActionPrefix,
            query.Spaces,
            query.Node,
            query.Outcome,
            query.From,
            query.To,
            count,
        },
        ct);

    /// <summary>All events that are there now, the oldest first. Many short queries: no transaction stays open while a slow reader reads.</summary>
    public async IAsyncEnumerable<AuditRow> ExportAsync(AuditQuery query, [EnumeratorCancellation] CancellationToken ct)
    {
        var last = await db.QuerySingleAsync<long>("select coalesce(max(id), 0) from audit_events", null, ct);
        var after = 0L;
        while (after < last)
        {
            var rows = await ForwardAsync(query, after, last, ct);
            foreach (var row in rows)
                yield return row;
            if (rows.Count < ExportPageRows)
                yield break;
            after = rows[^1].Id;
        }
    }

    Task<List<AuditRow>> ForwardAsync(AuditQuery query, long after, long last, CancellationToken ct) => db.QueryAsync<AuditRow>(
        """
        select id, at, actor_id, actor, auth_kind, session_id, client_ip, action, outcome, space_id, node_id, subject, request_id, detail
        from audit_events
        where id > @after and id <= @last
            and (@actorId::uuid is null or actor_id = @actorId) and (@actor::text is null or actor = @actor)
            and (@action::text is null or action = @action) and (@actionPrefix::text is null or starts_with(action, @actionPrefix))
            and (@spaces::uuid[] is null or space_id = any(@spaces)) and (@node::uuid is null or node_id = @node)
            and (@outcome::smallint is null or outcome = @outcome)
            and (@from::timestamptz is null or at >= @from) and (@to::timestamptz is null or at < @to)
        order by id
        limit @count
        """,
        new
        {
            after,
            last,
            query.ActorId,
            query.Actor,
            query.Action,
            query.ActionPrefix,
            query.Spaces,
            query.Node,
            query.Outcome,
            query.From,
            query.To,
            count = ExportPageRows,
        },
        ct);
}

/// <summary>One row of the log.</summary>
sealed record AuditRow(
    long Id, DateTimeOffset At, Guid? ActorId, string Actor, AuthKind AuthKind, Guid? SessionId, IPAddress? ClientIp, string Action, AuditOutcome Outcome, SpaceId? SpaceId,
    NodeId? NodeId, string? Subject, string? RequestId, string? Detail)
{
    public AuditEvent ToEvent() => new(
        Id, At, ActorId?.ToString(), Actor, AuthKind.Word(), SessionId?.ToString(), ClientIp?.ToString(), Action, Outcome.Word(), SpaceId, NodeId, Subject, RequestId, DetailElement());

    JsonElement? DetailElement()
    {
        if (Detail is null)
            return null;
        try
        {
            return JsonElement.Parse(Detail);
        }
        catch (JsonException)
        {
            // Whatever was written must be readable: text that is no JSON is told as a JSON string.
            return JsonSerializer.SerializeToElement(Detail, WireJson.Default.String);
        }
    }
}
