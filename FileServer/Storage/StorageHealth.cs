using FileServer.Http;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace FileServer.Storage;

/// <summary>Whether the pack store takes bytes.</summary>
sealed class StorageHealth(PackFiles files) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            files.RequireSpace(0);
            return Task.FromResult(HealthCheckResult.Healthy());
        }
        catch (Refusal full)
        {
            // Reading still works, so the server stays in service.
            return Task.FromResult(HealthCheckResult.Degraded(full.Message));
        }
        catch (IOException e)
        {
            return Task.FromResult(HealthCheckResult.Unhealthy("The pack store cannot be reached.", e));
        }
    }
}
