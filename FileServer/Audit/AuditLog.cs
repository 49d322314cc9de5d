using System.Net;
using FileServer.Database;
using Npgsql;
using NpgsqlTypes;

namespace FileServer.Audit;

/// <summary>Writes events into the caller's transaction: what changes something is recorded with the change, or does not happen.</summary>
sealed class AuditLog
{
    /// <summary>Below this number of rows one insert is quicker, from it on COPY is.</summary>
    const int CopyFrom = 48;

    public Task AppendAsync(NpgsqlConnection tx, AuditRecord record, CancellationToken ct) => AppendAsync(tx, [record], ct);

    public async Task AppendAsync(NpgsqlConnection tx, IReadOnlyCollection<AuditRecord> records, CancellationToken ct)
    {
        if (records.Count >= CopyFrom)
            await CopyAsync(tx, records, ct);
        else if (records.Count > 0)
            await InsertAsync(tx, records, ct);
    }

    internal static Task InsertAsync(NpgsqlConnection tx, IReadOnlyCollection<AuditRecord> records, CancellationToken ct) => tx.ExecuteAsync(
        """
        insert into audit_events (actor_id, actor, auth_kind, session_id, client_ip, action, outcome, space_id, node_id, subject, request_id, detail)
        select * from unnest(@actorIds, @actors, @authKinds, @sessionIds, @clientIps, @actions, @outcomes, @spaceIds, @nodeIds, @subjects, @requestIds, @details)
        """,
        new
        {
            actorIds = Column(records, r => r.Actor.Id?.Value),
            actors = Column(records, r => AuditRecord.Canonical(r.Actor.Name)),
            authKinds = Column(records, r => (short)r.Actor.Kind),
            sessionIds = Column(records, r => r.Actor.SessionId),
            clientIps = Column(records, r => Address(r.Actor.Ip)),
            actions = Column(records, r => AuditRecord.Canonical(r.Action)),
            outcomes = Column(records, r => (short)r.Outcome),
            spaceIds = Column(records, r => r.SpaceId?.Value),
            nodeIds = Column(records, r => r.NodeId?.Value),
            subjects = Column(records, r => AuditRecord.Canonical(r.Subject)),
            requestIds = Column(records, r => AuditRecord.Canonical(r.Actor.RequestId)),
            details = Column(records, r => AuditRecord.CanonicalDetail(r.DetailJson)),
        },
        ct);

    internal static async Task CopyAsync(NpgsqlConnection tx, IReadOnlyCollection<AuditRecord> records, CancellationToken ct)
    {
        await using var copy = await tx.BeginBinaryImportAsync(
            """
            copy audit_events (actor_id, actor, auth_kind, session_id, client_ip, action, outcome, space_id, node_id, subject, request_id, detail)
            from stdin (format binary)
            """,
            ct);
        foreach (var record in records)
        {
            await copy.StartRowAsync(ct);
            await WriteAsync(copy, record.Actor.Id?.Value, ct);
            await WriteAsync(copy, AuditRecord.Canonical(record.Actor.Name), ct);
            await copy.WriteAsync((short)record.Actor.Kind, NpgsqlDbType.Smallint, ct);
            await WriteAsync(copy, record.Actor.SessionId, ct);
            if (Address(record.Actor.Ip) is { } ip)
                await copy.WriteAsync(ip, NpgsqlDbType.Inet, ct);
            else
                await copy.WriteNullAsync(ct);
            await WriteAsync(copy, AuditRecord.Canonical(record.Action), ct);
            await copy.WriteAsync((short)record.Outcome, NpgsqlDbType.Smallint, ct);
            await WriteAsync(copy, record.SpaceId?.Value, ct);
            await WriteAsync(copy, record.NodeId?.Value, ct);
            await WriteAsync(copy, AuditRecord.Canonical(record.Subject), ct);
            await WriteAsync(copy, AuditRecord.Canonical(record.Actor.RequestId), ct);
            await WriteAsync(copy, AuditRecord.CanonicalDetail(record.DetailJson), ct);
        }
        await copy.CompleteAsync(ct);
    }

    static Task WriteAsync(NpgsqlBinaryImporter copy, Guid? value, CancellationToken ct) =>
        value is { } id ? copy.WriteAsync(id, NpgsqlDbType.Uuid, ct) : copy.WriteNullAsync(ct);

    static Task WriteAsync(NpgsqlBinaryImporter copy, string? value, CancellationToken ct) =>
        value is null ? copy.WriteNullAsync(ct) : copy.WriteAsync(value, NpgsqlDbType.Text, ct);

    /// <summary>An IPv4 client of a dual-stack socket is written as the IPv4 address that people know; a link-local scope is no part of an address.</summary>
    static IPAddress? Address(IPAddress? ip) => ip switch
    {
        null => null,
        { IsIPv4MappedToIPv6: true } => ip.MapToIPv4(),
        { IsIPv6LinkLocal: true } => new IPAddress(ip.GetAddressBytes()),
        _ => ip,
    };

    static T[] Column<T>(IReadOnlyCollection<AuditRecord> records, Func<AuditRecord, T> value)
    {
        var column = new T[records.Count];
        var i = 0;
        foreach (var record in records)
            column[i++] = value(record);
        return column;
    }
}
