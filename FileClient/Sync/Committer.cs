using System.Text.Json;
using FileClient.Api;
using FileClient.Sync.Core;
using FileClient.Sync.State;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync;

/// <summary>Sends steps as changesets. Of a refused one, what conflicts is left out and the rest is sent at once; what was left out is planned anew.</summary>
sealed class Committer(ApiClient api, Workspace work, SyncLink link, string device, SyncReport report)
{
    readonly SyncState state = work.State;

    /// <summary>Most operations of one changeset.</summary>
    public const int MaxOperations = 2000;

    /// <summary>Nodes that the server cannot bring back; the next plan makes them anew.</summary>
    public HashSet<NodeId> Unrestorable { get; } = [];

    /// <summary>Nodes that wait, with the reason.</summary>
    public Dictionary<NodeId, string> Waiting { get; } = [];

    /// <summary>The server's tree can no longer be told from our own commits alone.</summary>
    public bool NeedsFeed { get; private set; }

    /// <summary>The server refused for lack of room.</summary>
    public bool QuotaHit { get; private set; }

    /// <summary>Something was refused or committed.</summary>
    public bool Progress { get; private set; }

    public async Task SendAsync(IReadOnlyList<(Step Step, IReadOnlyList<ChunkRef>? Chunks)> steps, CancellationToken ct)
    {
        for (var from = 0; from < steps.Count; from += MaxOperations)
            await SendOneAsync([.. steps.Skip(from).Take(MaxOperations)], ct);
    }

    async Task SendOneAsync(List<(Step Step, IReadOnlyList<ChunkRef>? Chunks)> steps, CancellationToken ct)
    {
        var asMove = new HashSet<NodeId>();
        for (var attempt = 0; steps.Count > 0 && attempt < 8; attempt++)
        {
            var changeset = new Changeset(ChangesetId.New(), [.. steps.Select(step => OperationOf(step.Step, step.Chunks, asMove))], device);
            state.AddToOutbox(changeset.Id, JsonSerializer.SerializeToUtf8Bytes(changeset, WireJson.Default.Changeset));
            try
            {
                Failpoint.Pass(Failpoint.CommitBeforeSend);
                var result = await api.CommitAsync(link.Space.ToString(), changeset, ct);
                Failpoint.Pass(Failpoint.CommitAfterSend);
                Answers.Check(changeset, result);
                Take(steps, result);
                state.Settle(changeset.Id);
                Failpoint.Pass(Failpoint.CommitBeforeDb);
                report.Operations += steps.Count;
                return;
            }
            catch (ApiException refused) when (refused.Conflicts.Count > 0)
            {
                Answers.Check(changeset, refused.Conflicts);
                // At once: sent again at another time, it might no longer be refused.
                state.RemoveFromOutbox(changeset.Id);
                Sort(steps, refused.Conflicts, asMove);
            }
        }
    }

    // Each conflict names its operation; those go, the rest stays.
    void Sort(List<(Step Step, IReadOnlyList<ChunkRef>? Chunks)> steps, IReadOnlyList<Conflict> conflicts, HashSet<NodeId> asMove)
    {
        Progress = true;
        NeedsFeed = true;
        foreach (var conflict in conflicts.DistinctBy(static conflict => conflict.Index).OrderByDescending(static conflict => conflict.Index))
        {
            var step = steps[conflict.Index].Step;
            if (step.Kind == StepKind.RemoteRestore && conflict.Code == "not-trashed" && asMove.Add(step.Id))
                continue;
            switch (conflict.Code)
            {
                case "not-found" or "not-trashed" or "id-taken" when step.Kind is StepKind.RemoteRestore or StepKind.RemotePut or StepKind.RemoteFolder or StepKind.RemoteLink:
                    Unrestorable.Add(step.Id);
                    break;
                case "quota":
                    QuotaHit = true;
                    Waiting[step.Id] = conflict.Detail;
                    break;
                case "forbidden" or "held" or "invalid-name" or "too-deep" or "parent-not-folder" or "locked":
                    Waiting[step.Id] = conflict.Detail;
                    break;
            }
            steps.RemoveAt(conflict.Index);
        }
    }

    Operation OperationOf(Step step, IReadOnlyList<ChunkRef>? chunks, HashSet<NodeId> asMove)
    {
        var goal = step.Goal;
        var op = new Operation { Op = OperationKind.Move, NodeId = goal.Id, ParentId = goal.Parent, Name = goal.Name };
        return step.Kind switch
        {
            StepKind.RemoteFolder => op with { Op = OperationKind.CreateFolder },
            StepKind.RemoteRestore => op with { Op = asMove.Contains(goal.Id) ? OperationKind.Move : OperationKind.Restore },
            StepKind.RemoteMove => op,
            StepKind.RemoteLink => op with { Op = OperationKind.CreateSymlink, Target = goal.Target, ConflictOf = step.ConflictOf, ModifiedAt = TimeOf(goal.Modified) },
            StepKind.RemotePut => op with
            {
                Op = OperationKind.PutFile,
                BaseVersion = step.Base?.Version ?? 0,
                Chunks = chunks,
                ModifiedAt = TimeOf(goal.Modified),
                Executable = goal.Executable,
                ConflictOf = step.ConflictOf,
            },
            StepKind.RemoteMetadata => new Operation { Op = OperationKind.SetMetadata, NodeId = goal.Id, ModifiedAt = TimeOf(goal.Modified), Executable = goal.Executable },
            StepKind.RemoteDelete => new Operation
            {
                Op = OperationKind.Delete,
                NodeId = goal.Id,
                BaseVersion = goal.Kind == NodeKind.File ? goal.Version : null,
                BaseRevision = goal.Kind == NodeKind.Folder ? long.Parse(state.Meta("revision") ?? "0") : null,
            },
            _ => throw new InvalidOperationException($"{step.Kind} is no step on the server."),
        };
    }

    static DateTimeOffset TimeOf(long microseconds) => DateTimeOffset.UnixEpoch.AddTicks(microseconds * TimeSpan.TicksPerMicrosecond);

    // Our own commits need not come back through the feed if nobody else's stand between them.
    void Take(List<(Step Step, IReadOnlyList<ChunkRef>? Chunks)> steps, ChangesetResult result)
    {
        Progress = true;
        // What comes back with a restored folder is known from the feed alone.
        NeedsFeed |= steps.Exists(static step => step.Step.Kind == StepKind.RemoteRestore);
        var known = long.Parse(state.Meta("revision") ?? "0");
        if (result.Revision == known + 1 && !NeedsFeed && !result.Unchanged)
        {
            state.SetMeta("revision", result.Revision.ToString());
            state.SetMeta("cursor", result.Revision.ToString());
        }
        else if (result.Revision != known)
            // Somebody else's revision; what is in it is still to be heard.
            NeedsFeed = true;
        List<NodeId> touched = [];
        for (var i = 0; i < steps.Count; i++)
        {
            var step = steps[i].Step;
            touched.Add(step.Id);
            Count(step);
            if (step.Kind == StepKind.RemoteDelete)
                touched.AddRange(RemoteTree.Forget(state, step.Id));
            else
                state.SetRemote(After(step, result.Results[i].Version, result.Revision));
        }
        // At once, so that what is agreed and what was answered are written down together.
        work.Agree(touched);
    }

    Entry After(Step step, int version, long revision)
    {
        var before = state.Remote.GetValueOrDefault(step.Id) ?? step.Base;
        var goal = step.Goal with { Version = version, Revision = revision, Permits = before?.Permits ?? RemoteTree.PermitsOf(state, step.Goal.Parent) };
        if (before is null || step.Kind is StepKind.RemotePut or StepKind.RemoteFolder or StepKind.RemoteLink)
            return before is null ? goal : goal with { Parent = before.Parent, Name = before.Name };
        return step.Kind == StepKind.RemoteMetadata
            ? before with { Modified = goal.Modified, Executable = goal.Executable, Revision = revision }
            : before with { Parent = goal.Parent, Name = goal.Name, Revision = revision };
    }

    void Count(Step step)
    {
        switch (step.Kind)
        {
            case StepKind.RemotePut or StepKind.RemoteLink:
                report.Uploaded++;
                break;
            case StepKind.RemoteMove or StepKind.RemoteRestore:
                report.MovedRemotely++;
                break;
            case StepKind.RemoteDelete:
                report.DeletedRemotely++;
                break;
            case StepKind.RemoteFolder:
                report.FoldersMade++;
                break;
            case StepKind.RemoteMetadata:
                report.MetadataChanged++;
                break;
        }
    }
}
