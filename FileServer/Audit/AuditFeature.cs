namespace FileServer.Audit;

/// <summary>What happened: written with what makes it happen, read by auditors.</summary>
static class AuditFeature
{
    public static void AddAudit(this IServiceCollection services)
    {
        services.AddOptions<AuditOptions>().BindConfiguration("Audit").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<AuditLog>();
        services.AddSingleton<AuditWriter>();
        services.AddSingleton<AuditReader>();
    }

    public static void MapAudit(this IEndpointRouteBuilder routes) => AuditEndpoints.Map(routes.MapGroup("/api/v1").WithTags("Audit"));
}
