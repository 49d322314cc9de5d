using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync.Core;

/// <content>Rows 1–2, 5, 10–14, 26–28, 36–37, P3, P5: which nodes live on. A change beats a deletion.</content>
sealed partial class Merge
{
    ILookup<NodeId, Item>? syncedChildren;

    void DecideExistence(Item item)
    {
        if (item.Held)
        {
            item.Alive = item.L is not null || item.R is not null;
            return;
        }
        item.Alive = item switch
        {
            { L: null, R: null } => false,
            { L: not null, R: null } when Revoked(item) => false,
            { S: null } => true,
            { L: not null, R: not null } => true,
            { L: not null } => EditedLocally(item) || MovedLocally(item) || Keep(item, holdLocalDeletes),
            _ => EditedRemotely(item) || MovedRemotely(item) || Forbidden(item) || Keep(item, holdRemoteDeletes),
        };
        if (item is { S: not null, L: null, R: null })
            Forget.Add(item.Id);
        if (item is { Alive: true, S: not null, L: not null, R: null, Held: false })
            Resurrect(item);
    }

    // P3: what may not be deleted is placed again.
    static bool Forbidden(Item item) => item.R is { } there && !there.Permits.HasFlag(Permits.Delete);

    static bool Keep(Item item, bool hold)
    {
        if (hold)
            item.Hold();
        return hold;
    }

    bool Revoked(Item item)
    {
        if (options.Revoked.Count == 0)
            return false;
        for (var next = item; next is not null && next != Root; next = LocalParent(next))
        {
            if (!options.Revoked.Contains(next.Id))
                continue;
            item.Evict = item.Kind != NodeKind.Folder && (item.S is null || EditedLocally(item));
            return true;
        }
        return false;
    }

    // The node keeps its id, and with it its history, as long as the server can take it out of the trash.
    void Resurrect(Item item)
    {
        if (options.Unrestorable.Contains(item.Id))
            MakeAnew(item);
        else
            item.Restored = item.RestoreTop = true;
    }

    void MakeAnew(Item item)
    {
        Forget.Add(item.Id);
        item.Id = options.NewId();
        item.S = null;
        item.Anew = true;
        item.Restored = item.RestoreTop = false;
    }

    // Row 36 for folders: a folder that was moved here and deleted there comes back with what it holds here.
    void ReviveMovedFolders()
    {
        foreach (var item in all.Where(static item => item is { Kind: NodeKind.Folder, L: not null, R: null, Alive: true, Held: false }
            && (item.RestoreTop || item.Anew)).ToList())
        {
            if (item.RestoreTop && !IsIntact(item))
                MakeAnew(item);
            ReviveBelow(item);
        }
    }

    // Restoring a folder brings back what it held when it was deleted, so that must be just what it holds here.
    bool IsIntact(Item folder)
    {
        syncedChildren ??= all.Where(static item => item.S is not null).ToLookup(static item => item.S!.Parent);
        foreach (var child in syncedChildren[folder.S!.Id])
            if (child.R is null && (child.L is null || child.Anew || child.Held || MovedLocally(child) || (child.Kind == NodeKind.Folder && !IsIntact(child))))
                return false;
        return true;
    }

    void ReviveBelow(Item folder)
    {
        foreach (var child in LocalChildren(folder))
        {
            if (child is { Held: false, S: not null, R: null } && !child.Evict)
            {
                child.Alive = true;
                // Only what the deleted folder held comes back with it; other nodes were deleted on their own.
                if (folder.Restored && !MovedLocally(child) && !options.Unrestorable.Contains(child.Id))
                    (child.Restored, child.RestoreTop) = (true, false);
                else if (!child.RestoreTop)
                    Resurrect(child);
                if (child is { Kind: NodeKind.Folder, RestoreTop: true } && !IsIntact(child))
                    MakeAnew(child);
            }
            if (child.Kind == NodeKind.Folder)
                ReviveBelow(child);
        }
    }

    /// <summary>Rows 27–28, 40–41: a folder that somebody changed something in stays, as the chain to what was changed.</summary>
    void KeepAncestors()
    {
        foreach (var item in all.Where(static item => item.Alive && !item.Held).ToList())
        {
            for (var folder = item.Parent; folder is not null && folder != Root && !folder.Alive; folder = folder.Parent)
            {
                folder.Alive = true;
                folder.Evict = false;
                // Restoring it on the server would bring all its old contents back as well; a new folder holds only the chain.
                if (folder.R is not null)
                    continue;
                MakeAnew(folder);
                folder.TakesSynced = true;
            }
        }
    }
}
