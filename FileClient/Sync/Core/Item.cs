using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync.Core;

/// <summary>One node while the three trees are merged: where it stands in each, and what it is to become.</summary>
sealed class Item(NodeId id, NodeKind kind)
{
    /// <summary>The id that the node will carry; differs from the trees' id when the node is made anew.</summary>
    public NodeId Id { get; set; } = id;

    public NodeKind Kind { get; } = kind;

    public Entry? S { get; set; }

    public Entry? L { get; set; }

    public Entry? R { get; set; }

    /// <summary>The node exists when the plan is done.</summary>
    public bool Alive { get; set; }

    public Item? Parent { get; set; }

    public string Name { get; set; } = "";

    /// <summary>The bytes come from the local side.</summary>
    public bool FromLocal { get; set; }

    /// <summary>Nothing is done on the local side.</summary>
    public bool HoldLocal { get; set; }

    /// <summary>Nothing is done on the server.</summary>
    public bool HoldRemote { get; set; }

    public bool Held => HoldLocal && HoldRemote;

    /// <summary>Comes back with a folder that is restored on the server, or is that folder or a restored file itself.</summary>
    public bool Restored { get; set; }

    /// <summary>The step that brings it back is its own, not an ancestor's.</summary>
    public bool RestoreTop { get; set; }

    /// <summary>Unsynced local content that has to leave the synced tree because the account lost sight of the node.</summary>
    public bool Evict { get; set; }

    /// <summary>The node is gone from the server for good and is made again under a new id.</summary>
    public bool Anew { get; set; }

    /// <summary>What was synced below the old id counts as synced below the new one, so that it goes if it was deleted.</summary>
    public bool TakesSynced { get; set; }

    public NodeId? ConflictOf { get; set; }

    /// <summary>Which item's bytes this conflict copy was taken from, for the note.</summary>
    public Item? CopyOf { get; set; }

    public string? Why { get; set; }

    /// <summary>The server's state that the remote steps start from.</summary>
    public Entry? RemoteBase => R ?? (Restored ? S : null);

    public void Hold() => HoldLocal = HoldRemote = true;
}
