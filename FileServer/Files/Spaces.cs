using FileServer.Identity;

namespace FileServer.Files;

/// <summary>The spaces of this server: who sees them, and how they come and go.</summary>
sealed class Spaces
{
    /// <summary>The space with this id or name, if the caller may see it: with any grant in it, or as an administrator.</summary>
    /// <exception cref="FileServer.Http.Refusal">There is none, or the caller may not see it.</exception>
    public Task<SpaceRow> ResolveAsync(Caller caller, string nameOrId, CancellationToken ct) =>
        throw new NotSupportedException("The body lands with one of the next commits.");
}
