namespace FileServer.Proxies;

/// <summary>What stands between this server and its clients.</summary>
static class ProxiesFeature
{
    public static void AddProxies(this IServiceCollection services) =>
        services.AddOptions<ProxiesOptions>().BindConfiguration("Proxies").ValidateDataAnnotations().ValidateOnStart();

    /// <summary>Comes before everything else: whoever looks at an address looks at the client's.</summary>
    public static void UseProxies(this IApplicationBuilder app) => app.UseMiddleware<PublicAddress>();
}
