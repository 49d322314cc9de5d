using FileServer.Access;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using Microsoft.Extensions.Options;
using Npgsql;

namespace FileServer.Files;

/// <summary>Finds the folder that a personal token is to be narrowed to.</summary>
sealed class TokenTargets(NpgsqlDataSource db, Spaces spaces, AccessCheck access, SpaceTurns turns, IOptions<FilesOptions> options)
{
    public async Task<TokenTarget> FindAsync(Caller caller, string spaceName, string? path, CancellationToken ct)
    {
        var space = await spaces.ResolveAsync(caller, spaceName, ct);
        var names = (path ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (names.Length == 0)
            return new TokenTarget(space.Id, null);
        NodeRow node;
        await using (var connection = await db.OpenConnectionAsync(ct))
        {
            var way = await Paths.ResolveAsync(connection, space.Id, names, ct);
            node = way.Count == names.Length + 1 ? way[^1] : throw Refusal.NotFound("node");
            await access.RequireAsync(connection, caller, space.Id, node.Id, Rights.List, ct);
        }
        // A scope of its own lets listings and the feed tell by scope what the token reaches.
        await turns.RunAsync(
            space.Id,
            options.Value.CommitWaitSeconds,
            () => db.InTransactionAsync(
                async tx =>
                {
                    await SpaceLock.TakeAsync(tx, space.Id, options.Value.CommitWaitSeconds, ct);
                    await AccessScopes.MakeAsync(tx, space.Id, node.Id, ct);
                    return node.Id;
                },
                ct),
            ct);
        return new TokenTarget(space.Id, node.Id);
    }
}
