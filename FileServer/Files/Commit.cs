using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using FileServer.Storage;

namespace FileServer.Files;

/// <summary>The one door for every change: REST, tus, sync, WebDAV and the portal all commit through it.</summary>
sealed class Commit
{
    /// <summary>
    /// Commits the changeset as the space's next revision, or nothing of it. The same id again answers what it answered before.
    /// </summary>
    /// <param name="contents">Whole contents that were just stored, for putFile operations that name neither chunks nor an upload.</param>
    /// <exception cref="FileServer.Http.Refusal">With every operation that conflicts; or the id was used for something else; or the database is not available.</exception>
    public Task<ChangesetResult> RunAsync(
        Caller caller, SpaceId space, Changeset changeset, Origin origin, IReadOnlyDictionary<NodeId, StoredContent>? contents, CancellationToken ct) =>
        throw new NotSupportedException("The body lands with one of the next commits.");
}
