using FileServer.Database;
using FileServer.Files;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.WebDav;

/// <summary>Which node takes the bytes that come for a name, and what else must happen for it.</summary>
/// <param name="Put">The operation without its content.</param>
/// <param name="Before">Operations that come before it.</param>
/// <param name="Revived">The node had left the name: properties that clients had set on it have gone with its deletion.</param>
/// <param name="Aside">Where the node stood meanwhile, if its old content is to be seen there as an ephemeral file.</param>
sealed record NamePlan(Operation Put, IReadOnlyList<Operation> Before, bool Revived = false, NodeRow? Aside = null)
{
    public NodeId File => Put.NodeId;

    /// <summary>All operations, the content's last.</summary>
    public List<Operation> Operations(Func<Operation, Operation> content) => [.. Before, content(Put)];
}

/// <summary>
/// History follows the name: programs save by writing a temporary file and giving it the name of the document, which they deleted or put aside a moment
/// before. The node that had the name then gets the new bytes as its next version, and what the program put aside is still where it put it.
/// </summary>
sealed class NextVersion(Ephemerals ephemerals, TimeProvider clock, IOptions<WebDavOptions> options)
{
    /// <param name="follow">Whether a node that has left the name a moment ago takes it up again.</param>
    public async Task<NamePlan> PlanAsync(NpgsqlConnection connection, Caller caller, DavResource resource, bool conditional, bool follow, CancellationToken ct)
    {
        if (resource.Node is { } node)
            return new NamePlan(new Operation { Op = OperationKind.PutFile, NodeId = node.Id, BaseVersion = conditional ? node.Version : ChangesetSteps.AnyVersion }, []);
        var folder = resource.RequireFolder();
        var name = NodeName.Normalize(resource.Name);
        var place = new Operation { Op = OperationKind.PutFile, NodeId = NodeId.New(), ParentId = folder.Id, Name = name, BaseVersion = 0 };
        if (!follow || resource.Taken is not null || await DepartedAsync(connection, caller, resource.SpaceId, folder.Id, name, ct) is not { } left)
            return new NamePlan(place, []);
        if (left.State == NodeLife.Trashed)
            return new NamePlan(place with { NodeId = left.Id, BaseVersion = ChangesetSteps.AnyVersion }, [], Revived: true);
        if (!ephemerals.Names.IsAside(left.Name, name))
            return new NamePlan(place, []);
        var back = new Operation { Op = OperationKind.Move, NodeId = left.Id, ParentId = folder.Id, Name = name };
        var put = place with { NodeId = left.Id, ParentId = null, Name = null, BaseVersion = ChangesetSteps.AnyVersion };
        if (ephemerals.Names.Match(left.Name))
            return new NamePlan(put, [back], Aside: left);
        var copy = new Operation { Op = OperationKind.Copy, NodeId = NodeId.New(), SourceId = left.Id, ParentId = left.ParentId, Name = left.Name };
        return new NamePlan(put, [copy, back]);
    }

    /// <summary>What belongs to a plan once it is committed.</summary>
    public async Task FinishAsync(NpgsqlConnection connection, Caller caller, DavResource resource, NamePlan plan, CancellationToken ct)
    {
        if (resource.Node is not null)
            return;
        const string sql = "delete from dav_departures where space_id = @space and folder_id = @folder and name_key = @key";
        await connection.ExecuteAsync(sql, new { space = resource.SpaceId, folder = resource.Folder!.Id, key = NodeName.KeyOf(resource.Name) }, ct);
        if (plan.Revived)
            await KeptProperties.RemoveAsync(connection, resource.SpaceId, plan.File, ct);
        if (plan.Aside is { } aside)
            await Ephemerals.ShowAsync(connection, caller, resource.SpaceId, aside.ParentId!.Value, aside.Name, aside, clock.GetUtcNow(), ct);
    }

    /// <summary>Remembers that a file has left its name.</summary>
    public Task DepartAsync(NpgsqlConnection connection, Caller caller, SpaceId space, NodeRow file, CancellationToken ct)
    {
        const string sql =
            """
            insert into dav_departures (space_id, folder_id, name_key, node_id, user_id, left_at)
            values (@space, @folder, @key, @node, @user, @now)
            on conflict (space_id, folder_id, name_key) do update set node_id = excluded.node_id, user_id = excluded.user_id, left_at = excluded.left_at
            """;
        return connection.ExecuteAsync(
            sql, new { space, folder = file.ParentId!.Value, key = file.NameKey, node = file.Id, user = caller.UserId, now = clock.GetUtcNow() }, ct);
    }

    /// <summary>The file that the caller took from this name a moment ago.</summary>
    Task<NodeRow?> DepartedAsync(NpgsqlConnection connection, Caller caller, SpaceId space, NodeId folder, string name, CancellationToken ct)
    {
        const string sql =
            $"""
            select {NodeRow.Columns}
            from dav_departures d
            join nodes n on n.space_id = d.space_id and n.id = d.node_id and n.kind = 1 and n.state < 2
            where d.space_id = @space and d.folder_id = @folder and d.name_key = @key and d.user_id = @user and d.left_at > @since
            """;
        var args = new { space, folder, key = NodeName.KeyOf(name), user = caller.UserId, since = clock.GetUtcNow().AddSeconds(-options.Value.SafeSaveSeconds) };
        return connection.QuerySingleOrDefaultAsync<NodeRow>(sql, args, ct);
    }
}
