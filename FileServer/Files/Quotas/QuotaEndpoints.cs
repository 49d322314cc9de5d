using System.Collections.Concurrent;
using FileServer.Access;
using FileServer.Database;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Npgsql;

namespace FileServer.Files.Quotas;

/// <summary>What a space's quota is used for.</summary>
static class QuotaEndpoints
{
    public static void AddQuotas(this IServiceCollection services)
    {
        services.AddOptions<QuotaOptions>().BindConfiguration("Files").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<QuotaReservations>();
        services.AddSingleton<Usages>();
        services.AddHostedService<QuotaStart>();
    }

    /// <param name="space">The group of <c>/api/v1/spaces/{space}</c>.</param>
    public static void MapQuotas(this IEndpointRouteBuilder space) =>
        space.MapGet("/usage", async (string space, Caller caller, Spaces spaces, Usages usages, CancellationToken ct) => await usages.OfAsync(await spaces.ResolveAsync(caller, space, ct), ct))
            .WithTags("Spaces").WithSummary("What the quota is used for: newest versions, older ones, trash").Requires("any grant in the space, or an administrator");
}

/// <summary>Adds up what a space's bytes are. The sum is kept until the space has another revision.</summary>
sealed class Usages(NpgsqlDataSource db)
{
    const int MostKept = 10_000;

    readonly ConcurrentDictionary<SpaceId, Sums> known = new();

    public async Task<SpaceUsage> OfAsync(SpaceRow space, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        if (!known.TryGetValue(space.Id, out var sums) || sums.Revision != space.Revision || sums.UsedBytes != space.UsedBytes)
        {
            sums = await AddUpAsync(connection, space.Id, ct);
            if (known.Count < MostKept)
                known[space.Id] = sums;
        }
        var reserved = await QuotaRule.ReservedAsync(connection, space.Id, ct);
        return new SpaceUsage(
            space.QuotaBytes, sums.UsedBytes, sums.CurrentBytes, Math.Max(0, sums.UsedBytes - sums.CurrentBytes - sums.TrashBytes), sums.TrashBytes, reserved, sums.Revision);
    }

    static async Task<Sums> AddUpAsync(NpgsqlConnection connection, SpaceId space, CancellationToken ct)
    {
        const string sql =
            """
            with recursive trashed (id) as (
                select n.id from nodes n where n.space_id = @space and n.state = 1
                union all
                select n.id from trashed t join nodes n on n.space_id = @space and n.parent_id = t.id and n.state = 0
            )
            select s.revision, s.used_bytes,
                   coalesce((
                       select sum(n.size) from nodes n
                       where n.space_id = @space and n.kind = 1 and n.state = 0 and not exists (select from trashed t where t.id = n.id)), 0)::bigint as current_bytes,
                   coalesce((select sum(v.size) from trashed t join versions v on v.space_id = @space and v.node_id = t.id), 0)::bigint as trash_bytes
            from spaces s
            where s.id = @space
            """;
        return await connection.QuerySingleOrDefaultAsync<Sums>(sql, new { space }, ct) ?? throw Refusal.NotFound("space");
    }

    sealed record Sums(long Revision, long UsedBytes, long CurrentBytes, long TrashBytes);
}
