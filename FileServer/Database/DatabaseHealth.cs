using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace FileServer.Database;

/// <summary>Whether the database answers.</summary>
sealed class DatabaseHealth(NpgsqlDataSource db) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await db.QuerySingleAsync<int>("select 1", null, cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (NpgsqlException failed)
        {
            return HealthCheckResult.Unhealthy("The database does not answer.", failed);
        }
    }
}
