using FileServer.Access;
using FileServer.Files;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.WebDav;

/// <summary>What an address leads to, as its caller sees it: a node, an ephemeral file, or nothing, in a folder or in none.</summary>
/// <param name="Way">The live nodes along the path, the space's root first, as far as they are there.</param>
/// <param name="Access">On the node itself, where the way is complete.</param>
sealed record DavResource(DavPath Path, SpaceRow Space, IReadOnlyList<NodeRow> Way, NodeAccess? Access, EphemeralRow? Ephemeral)
{
    public const string SymlinkType = "inode/symlink";

    public SpaceId SpaceId => Space.Id;

    /// <summary>The last name, as the client wrote it.</summary>
    public string Name => Path.Names[^1];

    /// <summary>The node that stands there, if the caller may list it.</summary>
    public NodeRow? Node => Taken is not null && Access?.Allows(Rights.List) is true ? Taken : null;

    /// <summary>The node that stands there, seen or not.</summary>
    public NodeRow? Taken => Way.Count == Path.Names.Count ? Way[^1] : null;

    /// <summary>The folder that it is or would be in; null when that is not there or is none, and for the root.</summary>
    public NodeRow? Folder => Path.Names.Count > 1 && Way.Count >= Path.Names.Count - 1 && Way[Path.Names.Count - 2] is { Kind: NodeKind.Folder } folder ? folder : null;

    public bool Exists => Node is not null || Ephemeral is not null;

    public bool IsCollection => Node?.Kind == NodeKind.Folder;

    /// <summary>Its entity tag with quotes; null where there is none.</summary>
    public string? ETag => Ephemeral is { } row ? DavEntry.TagOf(row.Etag) : Node?.ContentId is { } content ? DavEntry.TagOf(content.ToArray()) : null;

    public DateTimeOffset ModifiedAt => Ephemeral?.ModifiedAt ?? Node?.ModifiedAt ?? default;

    /// <summary>Its own id: a node's or an ephemeral file's.</summary>
    public NodeId? Id => Ephemeral?.Id ?? Node?.Id;

    public DavEntry Entry => Ephemeral?.Entry ?? (DavEntry.Of(Node!) is var entry && Path.IsRoot ? entry with { Name = Space.Name } : entry);

    /// <summary>The path as the audit log writes it.</summary>
    public string Subject => $"/{string.Join('/', Path.Inner)}";

    /// <exception cref="Refusal">There is nothing, as far as the caller may see.</exception>
    public void RequireThere()
    {
        if (!Exists)
            throw DavRefusals.NotThere();
    }

    /// <summary>The folder above, which the caller must see to make something in it.</summary>
    /// <exception cref="Refusal">It is not there: 409, as RFC 4918 has it for what would be its member.</exception>
    public NodeRow RequireFolder() => Folder ?? throw DavRefusals.NoParent();
}

/// <summary>Finds what addresses lead to.</summary>
sealed class DavResources(Spaces spaces, AccessCheck access, Ephemerals ephemerals)
{
    /// <exception cref="Refusal">There is no such space for the caller, or a name is none.</exception>
    public async Task<DavResource> FindAsync(NpgsqlConnection connection, Caller caller, DavPath path, CancellationToken ct)
    {
        var space = await spaces.ResolveAsync(caller, path.Names[0], ct);
        var way = await Paths.ResolveAsync(connection, space.Id, path.Inner, ct);
        if (way.Count == 0)
            throw Refusal.NotFound("space");
        var found = new DavResource(path, space, way, null, null);
        if (found.Taken is { } node)
            return found with { Access = await access.OnNodeAsync(connection, caller, space.Id, node.Id, ct) };
        if (found.Folder is { } folder && ephemerals.Names.Match(found.Name)
            && await Ephemerals.FindAsync(connection, space.Id, folder.Id, found.Name, ct) is { } row
            && await access.OnNodeAsync(connection, caller, space.Id, folder.Id, ct) is { } above && above.Allows(Rights.List))
            return found with { Ephemeral = row };
        return found;
    }

    /// <summary>What the caller may do in the folder where the resource is or would be.</summary>
    public async Task<Rights> OnFolderAsync(NpgsqlConnection connection, Caller caller, DavResource resource, CancellationToken ct) =>
        resource.Folder is { } folder && await access.OnNodeAsync(connection, caller, resource.SpaceId, folder.Id, ct) is { } held ? held.Rights : Rights.None;
}
