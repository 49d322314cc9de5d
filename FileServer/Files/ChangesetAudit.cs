using System.Text;
using System.Text.Json;
using FileServer.Audit;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileServer.Files;

/// <summary>Says for the audit log what each operation of a changeset did.</summary>
static class ChangesetAudit
{
    /// <summary>One row for each operation that changed something.</summary>
    public static IReadOnlyList<AuditRecord> Records(ChangesetWork work, long revision)
    {
        var records = new List<AuditRecord>(work.Request.Operations.Count);
        var versions = work.NewVersions.ToDictionary(version => version.Index);
        var paths = new Dictionary<NodeId, string>();
        foreach (var op in work.Request.Operations)
        {
            var node = work.Tree.Find(op.NodeId)!;
            if (!node.Changed)
                continue;
            var path = node.Now.State == NodeLife.Live ? work.Tree.PathAfter(node, paths) : work.Tree.PathBefore(node);
            var version = versions.GetValueOrDefault(op.Index);
            records.Add(new AuditRecord(
                work.Caller.Actor, ActionOf(op.Op.Op), AuditOutcome.Done, work.Space.Id, node.Id, path, Detail(work, op, node, version, revision)));
        }
        return records;
    }

    static string ActionOf(OperationKind kind) => kind switch
    {
        OperationKind.CreateFolder => "folder.create",
        OperationKind.PutFile => "file.put",
        OperationKind.CreateSymlink => "symlink.create",
        OperationKind.Move => "node.move",
        OperationKind.Delete => "node.delete",
        OperationKind.Restore => "node.restore",
        OperationKind.SetMetadata => "node.metadata",
        OperationKind.RestoreVersion => "version.restore",
        OperationKind.Copy => "file.copy",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "There is no such operation."),
    };

    static string Detail(ChangesetWork work, PreparedOperation op, TouchedNode node, NewVersion? version, long revision)
    {
        var text = new StringBuilder(160).Append("{\"revision\":").Append(revision);
        if (version is not null)
            text.Append(",\"version\":").Append(version.Row.Number).Append(",\"size\":").Append(version.Row.Size).Append(",\"contentId\":\"").Append(version.Row.ContentId).Append('"');
        if (op.Op.Op == OperationKind.Move)
            text.Append(",\"from\":\"").Append(JsonEncodedText.Encode(work.Tree.PathBefore(node))).Append('"');
        if (op.Op is { Op: OperationKind.RestoreVersion, Version: { } old })
            text.Append(",\"restored\":").Append(old);
        if (op.Op is { Op: OperationKind.Copy, SourceId: { } source })
            text.Append(",\"source\":\"").Append(source).Append('"');
        if (work.Request.Changeset.Device is { } device)
            text.Append(",\"device\":\"").Append(JsonEncodedText.Encode(device)).Append('"');
        return text.Append('}').ToString();
    }
}
