using FileServer.Access;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileServer.Files;

/// <summary>
/// Carries out a changeset's operations on the tree in memory, one by one. What can only be said about the outcome (names,
/// cycles, life of the folders above) is left to <see cref="ChangesetOutcome"/>.
/// </summary>
static class ChangesetSteps
{
    public static void Apply(ChangesetWork work)
    {
        foreach (var op in work.Request.Operations)
        {
            if (op.BadName is not null)
                work.Refuse(op.Index, ConflictCode.InvalidName, op.BadName);
            else
                Apply(work, op);
        }
    }

    static void Apply(ChangesetWork work, PreparedOperation op)
    {
        switch (op.Op.Op)
        {
            case OperationKind.CreateFolder:
                Create(work, op, NodeKind.Folder);
                break;
            case OperationKind.CreateSymlink:
                Create(work, op, NodeKind.Symlink);
                break;
            case OperationKind.PutFile:
                Put(work, op);
                break;
            case OperationKind.Move:
                Move(work, op);
                break;
            case OperationKind.Delete:
                Delete(work, op);
                break;
            case OperationKind.Restore:
                Restore(work, op);
                break;
            case OperationKind.SetMetadata:
                SetMetadata(work, op);
                break;
            case OperationKind.RestoreVersion:
                RestoreVersion(work, op);
                break;
            case OperationKind.Copy:
                Copy(work, op);
                break;
            default:
                throw new InvalidOperationException($"Operation {op.Op.Op} passed the check of its shape.");
        }
    }

    static void Create(ChangesetWork work, PreparedOperation op, NodeKind kind)
    {
        if (work.Tree.Find(op.NodeId) is { } existing)
        {
            // The same thing at the same place: the client lost its memory of an earlier answer.
            var same = existing.Now.Kind == kind && existing.Now.State == NodeLife.Live && existing.Now.ParentId == op.Op.ParentId
                && existing.Now.Name == op.Name && existing.Now.Target == op.Op.Target;
            if (!same || !work.RightsOn(existing).HasFlag(Rights.List))
                work.Refuse(op.Index, ConflictCode.IdTaken, "The id is in use.", existing);
            return;
        }
        if (NewNode(work, op, kind) is { } node && kind == NodeKind.Symlink)
            node.Now = node.Now with { Target = op.Op.Target };
    }

    static void Put(ChangesetWork work, PreparedOperation op)
    {
        var content = op.Content ?? (op.Upload is { } upload ? work.Uploads.GetValueOrDefault(upload) : null);
        if (content is null)
        {
            work.Refuse(op.Index, ConflictCode.NotFound, "There is no such finished upload of yours in this space.");
            return;
        }
        if (work.Chunks.Missing(content) is { Count: > 0 } missing)
        {
            work.Refuse(op.Index, ConflictCode.MissingChunks, $"The bytes of {missing.Count} chunk(s) have to be sent first.", missing: missing);
            return;
        }
        var node = work.Tree.Find(op.NodeId);
        if (node is null)
        {
            if (op.Op.BaseVersion > 0)
                work.Refuse(op.Index, ConflictCode.NotFound, "There is no such file.");
            else if (op.Op.ParentId is null || op.Name is null)
                throw Refusal.Invalid($"Operation {op.Index} (putFile): a new file needs parentId and name.");
            else if (NewNode(work, op, NodeKind.File) is { } made)
                AddVersion(work, op, made, VersionOf(content), content);
            return;
        }
        if (!Existing(work, op, node, Rights.Write, NodeKind.File))
            return;
        if (op.Op.BaseVersion is not AnyVersion && node.Now.Version != (op.Op.BaseVersion ?? 0) && node.Now.ContentId != content.Id)
        {
            work.Refuse(op.Index, ConflictCode.VersionConflict, $"The file is at version {node.Now.Version} meanwhile.", node);
            return;
        }
        if (node.Now.State == NodeLife.Trashed && !Revive(work, op, node))
            return;
        AddVersion(work, op, node, VersionOf(content), content);

        VersionRow VersionOf(Content made) => new(
            op.NodeId, 0, made.Size, made.Id, made.Sha256, made.ChunkList, work.Micros(op.Op.ModifiedAt), op.Op.Executable ?? node?.Now.Executable ?? false);
    }

    /// <summary>As a base version: whatever is the newest. For doors whose clients did not ask for a condition.</summary>
    public const int AnyVersion = -1;

    static void Move(ChangesetWork work, PreparedOperation op)
    {
        if (work.Tree.Find(op.NodeId) is not { } node || node.Now.State != NodeLife.Live)
        {
            work.Refuse(op.Index, ConflictCode.NotFound, "There is no such node.", work.Tree.Find(op.NodeId));
            return;
        }
        var parent = op.Op.ParentId ?? node.Now.ParentId;
        var elsewhere = parent != node.Now.ParentId;
        if (!Existing(work, op, node, elsewhere ? Rights.Write | Rights.Delete : Rights.Write) || !NotRoot(work, op, node))
            return;
        if (elsewhere && !MayCreateIn(work, op, parent))
            return;
        Place(op, node, node.Now with { ParentId = parent, Name = op.Name ?? node.Now.Name, NameKey = op.NameKey ?? node.Now.NameKey });
    }

    static void Delete(ChangesetWork work, PreparedOperation op)
    {
        if (work.Tree.Find(op.NodeId) is not { IsNew: false, Now.State: NodeLife.Live } node)
        {
            work.Refuse(op.Index, ConflictCode.NotFound, "There is no such node.", work.Tree.Find(op.NodeId));
            return;
        }
        if (!Existing(work, op, node, Rights.Delete) || !NotRoot(work, op, node))
            return;
        if (op.Op.BaseVersion is { } version and not AnyVersion && version != node.Now.Version)
        {
            work.Refuse(op.Index, ConflictCode.VersionConflict, $"The file is at version {node.Now.Version} meanwhile.", node);
            return;
        }
        Place(op, node, node.Now with { State = NodeLife.Trashed });
    }

    static void Restore(ChangesetWork work, PreparedOperation op)
    {
        if (work.Tree.Find(op.NodeId) is not { } node || node.Now.State == NodeLife.Purged)
        {
            work.Refuse(op.Index, ConflictCode.NotFound, "There is no such node.");
            return;
        }
        if (!Existing(work, op, node, Rights.Delete))
            return;
        if (node.Now.State != NodeLife.Trashed)
            work.Refuse(op.Index, ConflictCode.NotTrashed, "The node is not in the trash.", node);
        else
            Revive(work, op, node);
    }

    static void SetMetadata(ChangesetWork work, PreparedOperation op)
    {
        if (work.Tree.Find(op.NodeId) is not { } node || node.Now.State != NodeLife.Live)
            work.Refuse(op.Index, ConflictCode.NotFound, "There is no such node.", work.Tree.Find(op.NodeId));
        else if (Existing(work, op, node, Rights.Write))
            node.Now = node.Now with
            {
                ModifiedAt = op.Op.ModifiedAt is null ? node.Now.ModifiedAt : work.Micros(op.Op.ModifiedAt),
                Executable = op.Op.Executable ?? node.Now.Executable,
            };
    }

    static void RestoreVersion(ChangesetWork work, PreparedOperation op)
    {
        if (work.Tree.Find(op.NodeId) is not { } node || node.Now.State != NodeLife.Live)
        {
            work.Refuse(op.Index, ConflictCode.NotFound, "There is no such file.", work.Tree.Find(op.NodeId));
            return;
        }
        if (!Existing(work, op, node, Rights.Write, NodeKind.File))
            return;
        if (op.Op.BaseVersion is { } version and not AnyVersion && version != node.Now.Version)
            work.Refuse(op.Index, ConflictCode.VersionConflict, $"The file is at version {node.Now.Version} meanwhile.", node);
        else if (work.Versions.GetValueOrDefault((op.NodeId, op.Op.Version ?? 0)) is not { } old)
            work.Refuse(op.Index, ConflictCode.NotFound, $"There is no version {op.Op.Version}.", node);
        else
            AddVersion(work, op, node, old with { ModifiedAt = work.Micros(op.Op.ModifiedAt) }, null, $"restored from version {old.Number}");
    }

    static void Copy(ChangesetWork work, PreparedOperation op)
    {
        if (work.Tree.Find(op.NodeId) is { } existing)
        {
            work.Refuse(op.Index, ConflictCode.IdTaken, "The id is in use.", existing);
            return;
        }
        const Rights needed = Rights.List | Rights.Read;
        if (work.Tree.Find(op.Op.SourceId) is not { Before: { State: NodeLife.Live, Kind: NodeKind.File } before } source
            || (work.RightsOn(source) & needed) != needed
            || !work.Tree.WasLive(source)
            || CurrentVersion(work, source, before) is not { } current)
        {
            work.Refuse(op.Index, ConflictCode.NotFound, "There is no such file to copy.");
            return;
        }
        if (NewNode(work, op, NodeKind.File) is { } made)
            AddVersion(work, op, made, current with { ModifiedAt = op.Op.ModifiedAt is null ? current.ModifiedAt : work.Micros(op.Op.ModifiedAt) }, null);
    }

    static VersionRow? CurrentVersion(ChangesetWork work, TouchedNode file, NodeRow before) => file.Now.Version == before.Version
        ? work.Versions.GetValueOrDefault((before.Id, before.Version))
        : work.NewVersions.FindLast(version => version.Row.NodeId == file.Id)?.Row;

    /// <summary>The checks that every operation on an existing node shares.</summary>
    static bool Existing(ChangesetWork work, PreparedOperation op, TouchedNode node, Rights needed, NodeKind? kind = null)
    {
        var rights = work.RightsOn(node);
        if (node.Now.State == NodeLife.Purged || (!rights.HasFlag(Rights.List) && (rights & needed) != needed))
            work.Refuse(op.Index, ConflictCode.NotFound, "There is no such node.");
        else if ((rights & needed) != needed)
            work.Refuse(op.Index, ConflictCode.Forbidden, "Your role here does not let you do this.", node);
        else if (kind is not null && node.Now.Kind != kind)
            work.Refuse(op.Index, ConflictCode.IdTaken, "The node is of another kind, and kinds never change.", node);
        else if (op.Op.BaseRevision < node.Before?.ChangedRevision)
            work.Refuse(op.Index, ConflictCode.RevisionConflict, "The node has changed meanwhile.", node);
        return !work.Failed(op);
    }

    static bool NotRoot(ChangesetWork work, PreparedOperation op, TouchedNode node)
    {
        if (node.Id == work.Space.Id.Root)
            work.Refuse(op.Index, ConflictCode.Forbidden, "The space's root stays where it is.", node);
        return !work.Failed(op);
    }

    static bool MayCreateIn(ChangesetWork work, PreparedOperation op, NodeId? parent)
    {
        var folder = work.Tree.Find(parent);
        var rights = folder is null || folder.Now.State == NodeLife.Purged ? Rights.None : work.RightsOn(folder);
        if (!rights.HasFlag(Rights.Create) && !rights.HasFlag(Rights.List))
            work.Refuse(op.Index, ConflictCode.ParentNotFound, "There is no such folder.");
        else if (!rights.HasFlag(Rights.Create))
            work.Refuse(op.Index, ConflictCode.Forbidden, "Your role there does not let you put anything in.", folder);
        return !work.Failed(op);
    }

    static TouchedNode? NewNode(ChangesetWork work, PreparedOperation op, NodeKind kind)
    {
        if (!MayCreateIn(work, op, op.Op.ParentId))
            return null;
        var row = new NodeRow(
            op.NodeId, op.Op.ParentId, op.Name!, op.NameKey!, kind, NodeLife.Live, null, 0, 0, null, null, work.Micros(op.Op.ModifiedAt),
            op.Op.Executable ?? false, null, op.Op.ConflictOf, 0, work.Now, work.Caller.UserId);
        var node = new TouchedNode(null, row) { PlacedBy = op.Index, MadeIn = work.Tree.Find(op.Op.ParentId) };
        work.Tree.Add(node);
        return node;
    }

    /// <summary>Out of the trash, to where it was or to where the operation says.</summary>
    static bool Revive(ChangesetWork work, PreparedOperation op, TouchedNode node)
    {
        var parent = op.Op.ParentId ?? node.Now.ParentId;
        if (!MayCreateIn(work, op, parent))
            return false;
        Place(op, node, node.Now with { State = NodeLife.Live, ParentId = parent, Name = op.Name ?? node.Now.Name, NameKey = op.NameKey ?? node.Now.NameKey });
        return true;
    }

    static void Place(PreparedOperation op, TouchedNode node, NodeRow now)
    {
        if (now == node.Now)
            return;
        node.Now = now;
        node.PlacedBy = op.Index;
    }

    /// <summary>The newest version from now on; equal bytes make no version of their own.</summary>
    static void AddVersion(ChangesetWork work, PreparedOperation op, TouchedNode node, VersionRow made, Content? content, string? comment = null)
    {
        if (node.Now.Version > 0 && node.Now.ContentId == made.ContentId)
        {
            if (op.Op.ModifiedAt is not null || op.Op.Executable is not null)
                node.Now = node.Now with { ModifiedAt = made.ModifiedAt, Executable = made.Executable };
            return;
        }
        var number = node.Now.Version + 1;
        node.Now = node.Now with
        {
            Version = number,
            Size = made.Size,
            ContentId = made.ContentId,
            Sha256 = made.Sha256,
            ModifiedAt = made.ModifiedAt,
            Executable = made.Executable,
        };
        work.NewVersions.Add(new NewVersion(op.Index, made with { NodeId = node.Id, Number = number }, content, comment));
    }
}
