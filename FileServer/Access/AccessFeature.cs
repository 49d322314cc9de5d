namespace FileServer.Access;

/// <summary>Spaces and grants: who may do what, decided in one place.</summary>
static class AccessFeature
{
    public static void AddAccess(this IServiceCollection services)
    {
        services.AddOptions<AccessOptions>().BindConfiguration("Access").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<AccessCheck>();
        services.AddSingleton<SpaceTurns>();
        services.AddSingleton<Spaces>();
        services.AddSingleton<Grants>();
    }

    public static void MapAccess(this IEndpointRouteBuilder routes)
    {
        var api = routes.MapGroup("/api/v1");
        SpaceEndpoints.Map(api);
        GrantEndpoints.Map(api);
    }
}
