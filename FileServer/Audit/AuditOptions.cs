using System.ComponentModel.DataAnnotations;

namespace FileServer.Audit;

/// <summary>Limits of the audit log, section <c>Audit</c>.</summary>
sealed class AuditOptions
{
    /// <summary>Most reads and refusals that are written in one commit.</summary>
    [Range(1, AuditLog.MaxRowsPerStatement)]
    public int MaxBatchRows { get; init; } = 1000;

    /// <summary>Most reads and refusals that wait for their commit; whoever comes then waits before waiting.</summary>
    [Range(1, 1_000_000)]
    public int MaxQueuedRows { get; init; } = 10_000;

    /// <summary>Most rows on one page of <c>GET /audit</c>.</summary>
    [Range(1, 10_000)]
    public int MaxPageRows { get; init; } = 1000;
}
