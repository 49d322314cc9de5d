using FileClient.Api;
using FileClient.Sync.Core;
using FileClient.Sync.State;
using FileClient.Terminal;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync;

/// <summary>Brings the remembered server tree up to date. Pages are gathered and take effect together, so that no child is ever without its folder.</summary>
sealed class Fetch(ApiClient api, SyncState state, SyncLink link)
{
    const int PageSize = 10_000;

    ILookup<NodeId, NodeId>? children;

    /// <returns>Whether anything was new, and whether the two sides must be united because the server's history is another one.</returns>
    public async Task<(bool Changed, bool Union)> RunAsync(CancellationToken ct)
    {
        var epoch = state.Meta("epoch");
        var since = state.Meta("cursor");
        List<ChangePage> pages;
        try
        {
            pages = await PagesAsync(since, ct);
        }
        catch (ApiException expired) when (since is not null && (expired.Status == 410 || expired.Code == "cursor-expired"))
        {
            return await UniteAsync(ct);
        }
        catch (ApiException gone) when (gone.Exit == ExitCode.NotFound)
        {
            throw new Failure(ExitCode.Brake, $"The space {link.SpaceName} is not on this server any more, or this account may no longer see it. Nothing was touched.", gone);
        }
        if (epoch is not null && pages[^1].Epoch.ToString() != epoch)
            return await UniteAsync(ct);
        var changed = await PromoteAsync(pages, ct);
        return (changed, false);
    }

    // The server was set back or is another one: nothing that is missing there says that it was deleted.
    async Task<(bool Changed, bool Union)> UniteAsync(CancellationToken ct)
    {
        var pages = await PagesAsync(null, ct);
        state.ForgetAgreement();
        await PromoteAsync(pages, ct);
        return (true, true);
    }

    async Task<List<ChangePage>> PagesAsync(string? since, CancellationToken ct)
    {
        List<ChangePage> pages = [];
        do
        {
            var page = await api.ChangesAsync(link.Space.ToString(), since, PageSize, ct);
            pages.Add(page);
            since = page.Cursor;
        }
        while (pages[^1].HasMore);
        return pages;
    }

    async Task<bool> PromoteAsync(List<ChangePage> pages, CancellationToken ct)
    {
        var listings = new Dictionary<NodeId, List<Node>>();
        foreach (var reset in pages.SelectMany(static page => page.Items).Where(static item => item.Kind == ChangeKind.SubtreeReset))
            if (!listings.ContainsKey(reset.NodeId))
                listings[reset.NodeId] = await ListAsync(reset.NodeId, ct);
        var changed = false;
        foreach (var item in pages.SelectMany(static page => page.Items))
        {
            changed = true;
            Apply(item, listings);
        }
        state.SetMeta("epoch", pages[^1].Epoch.ToString());
        state.SetMeta("cursor", pages[^1].Cursor);
        state.SetMeta("revision", pages[^1].Revision.ToString());
        if (changed)
            state.Save();
        return changed;
    }

    void Apply(Change item, Dictionary<NodeId, List<Node>> listings)
    {
        switch (item.Kind)
        {
            case ChangeKind.Node:
                Set(item.Node!);
                break;
            case ChangeKind.Removed when item.NodeId == link.Root:
                throw new Failure(ExitCode.Brake, "The linked folder is gone from the server, or this account may no longer see it. Nothing was touched.");
            case ChangeKind.Removed:
                Prune(item.NodeId, keep: null);
                break;
            case ChangeKind.SubtreeReset:
                var listed = listings[item.NodeId];
                Prune(item.NodeId, listed.Select(static node => node.Id).ToHashSet());
                listed.ForEach(Set);
                break;
        }
    }

    void Set(Node node)
    {
        if (node.Id == link.Root)
            state.SetMeta("rootPermits", ((int)PermitsOf(node.Rights)).ToString());
        if (node.ParentId is null)
            return;
        var entry = EntryOf(node);
        if (children is not null && (!state.Remote.TryGetValue(node.Id, out var before) || before.Parent != entry.Parent))
            children = null;
        state.SetRemote(entry);
    }

    void Prune(NodeId top, HashSet<NodeId>? keep)
    {
        children ??= state.Remote.Values.ToLookup(static entry => entry.Parent, static entry => entry.Id);
        var queue = new Queue<NodeId>([top]);
        while (queue.TryDequeue(out var id))
        {
            foreach (var child in children[id])
                queue.Enqueue(child);
            if (keep?.Contains(id) != true)
                state.ForgetRemote(id);
        }
        children = null;
    }

    async Task<List<Node>> ListAsync(NodeId top, CancellationToken ct)
    {
        List<Node> nodes = [];
        try
        {
            nodes.Add(await api.NodeAsync(link.Space.ToString(), top, null, ct));
            for (var i = 0; i < nodes.Count; i++)
                if (nodes[i].Kind == NodeKind.Folder)
                    await foreach (var child in api.ChildrenAsync(link.Space.ToString(), nodes[i].Id, null, ct))
                        nodes.Add(child);
        }
        catch (ApiException gone) when (gone.Exit == ExitCode.NotFound)
        {
            // It went while it was listed; the feed will say so.
        }
        return nodes;
    }

    public static Entry EntryOf(Node node) => new(node.Id, node.ParentId!.Value, node.Kind)
    {
        Name = node.Name,
        Content = node.Kind == NodeKind.File ? node.ContentId : null,
        Size = node.Size,
        Modified = Microseconds(node.ModifiedAt),
        Executable = node.Executable,
        Target = node.Target,
        Version = node.Version,
        Revision = node.ChangedRevision,
        Permits = PermitsOf(node.Rights),
    };

    public static Permits PermitsOf(IReadOnlyList<string> rights)
    {
        var permits = Permits.None;
        foreach (var right in rights)
            permits |= right switch { "create" => Permits.Create, "write" => Permits.Write, "delete" => Permits.Delete, _ => Permits.None };
        return permits;
    }

    public static long Microseconds(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>The part of the server's tree that this folder shows.</summary>
    public static TreeState View(SyncState state, SyncLink link)
    {
        var permits = int.TryParse(state.Meta("rootPermits"), out var stored) ? (Permits)stored : Permits.All;
        var all = state.Remote;
        if (all.Values.All(entry => entry.Parent == link.Root || all.ContainsKey(entry.Parent)) && link.IsWholeSpace)
            return new TreeState(link.Root, all, permits);
        var children = all.Values.ToLookup(static entry => entry.Parent);
        var view = new Dictionary<NodeId, Entry>(all.Count);
        var queue = new Queue<NodeId>([link.Root]);
        while (queue.TryDequeue(out var folder))
        {
            foreach (var child in children[folder])
                if (view.TryAdd(child.Id, child) && child.Kind == NodeKind.Folder)
                    queue.Enqueue(child.Id);
        }
        return new TreeState(link.Root, view, permits);
    }
}
