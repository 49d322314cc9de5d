using FileClient.Api;
using FileClient.Sync.Core;
using FileClient.Sync.Disk;
using FileClient.Sync.State;
using FileServer.Protocol;

namespace FileClient.Sync;

/// <summary>What a run may do.</summary>
/// <param name="MaxDeletes">The brake's number; null: the default.</param>
/// <param name="MaxShare">The brake's share of all nodes; null: the default.</param>
/// <param name="Confirmed">Hash of deletions that a person has confirmed.</param>
sealed record SyncOptions(bool DryRun = false, int? MaxDeletes = null, double? MaxShare = null, string? Confirmed = null);

/// <summary>
/// One run of a sync folder: scan, fetch, compare, carry out, and again until a comparison finds nothing to do. What a round could not do for good reason
/// is named at the end.
/// </summary>
sealed class SyncRun(ApiClient api, SyncFolder folder, SyncState state, SyncLink link, string device, SyncOptions options, TimeProvider clock)
{
    const int MaxRounds = 8;

    /// <summary>How the run sees this device's side.</summary>
    public ILocalSide Side { get; init; } = new WholeFolder(folder, state, link);

    /// <summary>Told of each step that was carried out.</summary>
    public Action<SyncDone>? OnDone { get; init; }

    readonly SyncReport report = new() { DryRun = options.DryRun };
    readonly HashSet<NodeId> unrestorable = [];
    readonly Dictionary<NodeId, string> waiting = [];

    /// <summary>Nodes that the server has refused for now, with its reason; nothing is done about them in this run.</summary>
    public IDictionary<NodeId, string> Waiting => waiting;

    /// <summary>The server said that it has no room.</summary>
    public bool QuotaHit { get; private set; }

    public async Task<SyncReport> RunAsync(CancellationToken ct)
    {
        using var trash = new Trash(folder, clock.GetUtcNow().ToString("yyyyMMdd-HHmmss-fff"));
        if (!options.DryRun)
            await TakeUpAsync(trash, ct);
        for (var round = 1; round <= MaxRounds; round++)
        {
            report.Rounds = round;
            report.Problems.Clear();
            report.Brakes.Clear();
            if (!await RoundAsync(trash, ct))
                return report;
        }
        report.Notes.Add("The folder did not come to rest; something keeps changing. Run again.");
        report.InSync = false;
        return report;
    }

    /// <summary>What a broken run left: files first, then what it had begun to send.</summary>
    async Task TakeUpAsync(Trash trash, CancellationToken ct)
    {
        var recovery = new Recovery(folder, state, link.Root, trash, device, clock);
        recovery.Run();
        report.Notes.AddRange(recovery.Notes);
        await new Outbox(api, state, link).ResumeAsync(ct);
    }

    /// <returns>Whether another round makes sense.</returns>
    async Task<bool> RoundAsync(Trash trash, CancellationToken ct)
    {
        var local = await Side.ReadAsync(ct);
        var (_, union) = await new Fetch(api, state, link).RunAsync(ct);
        report.Union |= union;
        var (synced, here, remote) = Side.Trees(local);
        var plan = Planner.Reconcile(synced, here, remote, PlanOptions(local));
        Tell(plan, local, remote);
        if (options.DryRun)
        {
            // Each side's steps aim at what the other side shows.
            report.Plan.AddRange(plan.Local.Select(step => $"{step.Kind} {Paths.Of(step.Id, step.Goal.Name, remote.Nodes, local.Tree)}"));
            report.Plan.AddRange(plan.Remote.Select(step => $"{step.Kind} {Paths.Of(step.Id, step.Goal.Name, local.Tree, remote.Nodes)}"));
            report.InSync = plan.IsQuiet;
            return false;
        }
        Remember(plan, local.Tree);
        state.Save();
        if (plan.IsQuiet)
        {
            report.InSync = report.Problems.Count == 0 && report.Brakes.Count == 0;
            return false;
        }
        return await CarryOutAsync(plan, local, trash, ct);
    }

    PlanOptions PlanOptions(LocalView local) => new()
    {
        Device = device,
        Now = clock.GetLocalNow(),
        NewId = NodeId.New,
        IsIgnored = IgnoreRules.Covers,
        LocalNameProblem = LocalNames.Problem,
        RemoteNameProblem = static name => NameRules.TryNormalize(name, out _, out var reason) ? null : reason,
        Unrestorable = unrestorable,
        Waiting = waiting,
        HoldDeletes = local.Uncertain,
        Brake = new BrakeLimits
        {
            MaxDeletes = options.MaxDeletes ?? new BrakeLimits().MaxDeletes,
            MaxShare = options.MaxShare ?? (options.MaxDeletes is null ? new BrakeLimits().MaxShare : double.MaxValue),
            StopAtEmptyRoot = options.MaxDeletes is null && options.MaxShare is null,
            Confirmed = options.Confirmed,
        },
    };

    void Tell(Plan plan, LocalView local, TreeState remote)
    {
        foreach (var (path, reason) in local.Skipped)
            report.Problems.Add(new SyncProblem(path, "skipped", reason));
        foreach (var problem in plan.Problems)
            report.Problems.Add(new SyncProblem(Paths.Of(problem.Id, problem.Name, local.Tree, remote.Nodes), problem.Code, problem.Reason));
        foreach (var brake in plan.Brakes)
            report.Brakes.Add(new SyncBrake(brake.Rail, brake.Deletes, brake.Nodes, brake.Hash));
        foreach (var conflict in plan.Conflicts)
        {
            var path = Paths.Of(conflict.Id, conflict.Name, remote.Nodes, local.Tree);
            var slash = path.LastIndexOf('/');
            var told = new SyncConflict(path, slash < 0 ? conflict.CopyName : $"{path[..slash]}/{conflict.CopyName}", conflict.Reason);
            if (!report.Conflicts.Contains(told))
                report.Conflicts.Add(told);
        }
        report.Notes.AddRange(plan.Notes.Except(report.Notes));
    }

    /// <summary>Writes down who is who before anything is renamed, so that a broken run never takes our doing for the user's.</summary>
    void Remember(Plan plan, Dictionary<NodeId, Entry> tree)
    {
        foreach (var (from, to, takesSynced) in plan.Rebindings)
            Rebind(tree, from, to, takesSynced);
        foreach (var id in plan.Forget)
            state.ForgetSynced(id);
        foreach (var entry in plan.Adopt)
            state.SetSynced(entry);
    }

    void Rebind(Dictionary<NodeId, Entry> tree, NodeId from, NodeId to, bool takesSynced)
    {
        if (!tree.Remove(from, out var entry))
            return;
        tree[to] = entry with { Id = to };
        // What was agreed about the old id says nothing any more: that it stands here no longer must not look like a deletion.
        if (!takesSynced)
            state.ForgetSynced(from);
        state.Stirred?.UnionWith([from, to]);
        if (state.Known.TryGetValue(from, out var known))
        {
            state.ForgetKnown(from);
            state.SetKnown(known with { Id = to });
        }
        if (entry.Kind != FileServer.Protocol.Contracts.NodeKind.Folder)
            return;
        foreach (var child in tree.Values.Where(child => child.Parent == from).ToList())
        {
            tree[child.Id] = child with { Parent = to };
            state.Stirred?.Add(child.Id);
        }
        foreach (var child in state.Known.Values.Where(child => child.Parent == from).ToList())
            state.SetKnown(child with { Parent = to });
        if (takesSynced)
            foreach (var child in state.Synced.Values.Where(child => child.Parent == from).ToList())
                state.SetSynced(child with { Parent = to });
    }

    async Task<bool> CarryOutAsync(Plan plan, LocalView local, Trash trash, CancellationToken ct)
    {
        using var work = new Workspace(folder, state, link.Root, local.Tree);
        var transition = new Transition(work, trash, report, device, plan.Conflicts.Select(static conflict => conflict.CopyId).ToHashSet(), clock);
        var committer = new Committer(api, work, link, device, report);
        var touched = plan.Local.Select(static step => step.Id).Concat(plan.Remote.Select(static step => step.Id)).Concat(plan.Rebindings.Select(static r => r.To)).ToHashSet();
        var problems = report.Problems.Count;
        var told = OnDone is null ? null : new Deeds(plan, state, local.Tree, OnDone);
        try
        {
            var firstPlace = plan.Local.TakeWhile(static step => !IsTransfer(step)).Count();
            transition.Run([.. plan.Local.Take(firstPlace)]);
            state.Save();
            using (var upload = new Upload(api, work, link, committer, report, local.Fresh, clock))
                await upload.RunAsync(plan.Remote, ct);
            await new Download(api, work, link, transition, report).RunAsync([.. plan.Local.Where(IsTransfer)], ct);
            transition.Run([.. plan.Local.Skip(firstPlace).Where(static step => !IsTransfer(step))]);
        }
        finally
        {
            work.PutBackParked();
            work.Agree(touched);
            state.Save();
            // Only what is written down as done, or was not begun, is forgotten.
            state.ClearIntents(transition.HalfDone);
            told?.Tell();
        }
        unrestorable.UnionWith(committer.Unrestorable);
        foreach (var (id, reason) in committer.Waiting)
            waiting[id] = reason;
        QuotaHit |= committer.QuotaHit;
        Side.Sweep();
        return committer.Progress || plan.Local.Count > report.Problems.Count - problems;
    }

    static bool IsTransfer(Step step) => step.Kind is StepKind.LocalPlace or StepKind.LocalReplace;
}
