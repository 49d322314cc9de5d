using System.Text.Json;
using FileClient.Api;
using FileClient.Sync.Core;
using FileClient.Sync.State;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync;

/// <summary>
/// Sends what an earlier run had begun to send: it is committed once, however often it arrives. What it says was this device's state then, and is what both
/// sides agreed on: an edit made since is an edit, not a conflict.
/// </summary>
sealed class Outbox(ApiClient api, SyncState state, SyncLink link)
{
    public async Task ResumeAsync(CancellationToken ct)
    {
        foreach (var body in state.Outbox())
        {
            var changeset = JsonSerializer.Deserialize(body, WireJson.Default.Changeset)!;
            try
            {
                var result = await api.CommitAsync(link.Space.ToString(), changeset, ct);
                Answers.Check(changeset, result);
                for (var i = 0; i < changeset.Operations.Count; i++)
                    Agree(changeset.Operations[i], result.Results[i].Version, result.Revision);
            }
            catch (ApiException refused) when (IsFinal(refused))
            {
                // It never was committed and cannot be now; the plan that follows looks at everything anew.
            }
            state.Settle(changeset.Id);
        }
        state.Save();
    }

    // The server itself has judged it. An answer of anybody else leaves open whether it was committed.
    static bool IsFinal(ApiException refused) =>
        refused is { Problem: not null, IsTemporary: false, Status: >= 400 and < 500 and not (401 or 403 or 404 or 407) };

    // The feed tells the same once more, and what came after it.
    void Agree(Operation op, int version, long revision)
    {
        switch (op.Op)
        {
            case OperationKind.PutFile:
                AgreeOnFile(op, version, revision);
                break;
            case OperationKind.CreateFolder or OperationKind.CreateSymlink:
                Both(op.NodeId, before => (before ?? New(op)) with { Revision = revision });
                break;
            case OperationKind.Move:
                Both(op.NodeId, before => before is null ? null : before with { Parent = op.ParentId!.Value, Name = op.Name!, Revision = revision });
                break;
            case OperationKind.SetMetadata:
                Both(op.NodeId, before => before is null ? null : before with { Modified = Modified(op, before), Executable = op.Executable ?? before.Executable, Revision = revision });
                break;
            case OperationKind.Delete:
                foreach (var id in RemoteTree.Forget(state, op.NodeId))
                    state.ForgetSynced(id);
                break;
        }
    }

    void AgreeOnFile(Operation op, int version, long revision)
    {
        if (op.Chunks is not { } chunks)
            return;
        var size = chunks.Sum(static chunk => (long)chunk.Size);
        Both(op.NodeId, before => (before ?? New(op)) with
        {
            Content = ContentId.Of(size, chunks),
            Size = size,
            Modified = op.ModifiedAt is { } time ? Fetch.Microseconds(time) : before?.Modified ?? 0,
            Executable = op.Executable ?? before?.Executable ?? false,
            Version = version,
            Revision = revision,
        });
    }

    /// <summary>Changes the same in both trees; places that they do not agree on yet stay as they are in each.</summary>
    void Both(NodeId id, Func<Entry?, Entry?> after)
    {
        var agreed = after(state.Synced.GetValueOrDefault(id));
        if (after(state.Remote.GetValueOrDefault(id)) is { } there)
            state.SetRemote(there);
        if (agreed is not null)
            state.SetSynced(agreed);
    }

    Entry New(Operation op) => new(op.NodeId, op.ParentId!.Value, op.Op switch
    {
        OperationKind.CreateFolder => NodeKind.Folder,
        OperationKind.CreateSymlink => NodeKind.Symlink,
        _ => NodeKind.File,
    })
    {
        Name = op.Name!,
        Target = op.Target,
        Modified = op.ModifiedAt is { } time ? Fetch.Microseconds(time) : 0,
        Permits = RemoteTree.PermitsOf(state, op.ParentId.Value),
    };

    static long Modified(Operation op, Entry before) => op.ModifiedAt is { } time ? Fetch.Microseconds(time) : before.Modified;
}
