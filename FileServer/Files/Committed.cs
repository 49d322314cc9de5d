using FileServer.Access;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileServer.Files;

/// <summary>A changeset that is a revision now, or one that changed nothing.</summary>
/// <param name="Work">How it came about; null when the changeset had been answered before.</param>
sealed record Committed(ChangesetResult Result, ChangesetWork? Work)
{
    /// <summary>A node as the changeset left it; null when the caller may not list it, or when it has to be looked up.</summary>
    public Node? Find(NodeId id)
    {
        if (Work?.Tree.Find(id) is not { } node || Work.RightsOn(node) is var rights && !rights.HasFlag(Rights.List))
            return null;
        var row = node.Changed ? node.Now with { ChangedRevision = Result.Revision, ChangedAt = Work.Now, ChangedBy = Work.Caller.UserId } : node.Now;
        return row.ToNode(rights);
    }
}
