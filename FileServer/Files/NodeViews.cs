using FileServer.Access;
using FileServer.Protocol.Contracts;

namespace FileServer.Files;

/// <summary>Rows of nodes as their callers see them.</summary>
static class NodeViews
{
    public static Node ToNode(this NodeRow row, Rights rights, NodeLock? held = null) => new(
        row.Id,
        row.ParentId,
        row.Name,
        row.Kind,
        row.Size,
        row.Version,
        row.ContentId,
        row.Sha256,
        row.ModifiedAt,
        row.ChangedRevision,
        row.Executable,
        row.Target,
        rights.Words(),
        held);
}
