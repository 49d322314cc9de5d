using FileServer.Access;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Files;

/// <summary>Finds the folder that a personal token is to be narrowed to.</summary>
sealed class TokenTargets(NpgsqlDataSource db, Spaces spaces, AccessCheck access, IOptions<FilesOptions> options)
{
    public async Task<TokenTarget> FindAsync(Caller caller, string spaceName, string? path, CancellationToken ct)
    {
        var space = await spaces.ResolveAsync(caller, spaceName, ct);
        var names = (path ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (names.Length == 0)
            return new TokenTarget(space.Id, null);
        return await db.InTransactionAsync(
            async tx =>
            {
                await SpaceLock.TakeAsync(tx, space.Id, options.Value.CommitWaitSeconds, ct);
                var way = await Paths.ResolveAsync(tx, space.Id, names, ct);
                if (way.Count != names.Length + 1)
                    throw Refusal.NotFound("node");
                var node = way[^1].Id;
                await access.RequireAsync(tx, caller, space.Id, node, Rights.List, ct);
                // A scope of its own lets listings and the feed tell by scope what the token reaches.
                await AccessScopes.MakeAsync(tx, space.Id, node, ct);
                return new TokenTarget(space.Id, node);
            },
            ct);
    }
}
