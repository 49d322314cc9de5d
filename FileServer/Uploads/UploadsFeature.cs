namespace FileServer.Uploads;

/// <summary>Resumable uploads by tus 1.0.0: whole files, packs of chunks, and parts that are joined.</summary>
static class UploadsFeature
{
    public static void AddUploads(this IServiceCollection services)
    {
        services.AddOptions<UploadsOptions>().BindConfiguration("Uploads").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<UploadTable>();
        services.AddSingleton<UploadSinks>();
        services.AddSingleton<LiveUploads>();
        services.AddSingleton<UploadBody>();
        services.AddSingleton<UploadPlaces>();
        services.AddSingleton<UploadFinish>();
        services.AddSingleton<UploadLookup>();
        services.AddSingleton<JoinParts>();
        services.AddSingleton<CreateUpload>();
        services.AddSingleton<AppendUpload>();
        services.AddSingleton<UploadSweep>();
        services.AddHostedService(provider => provider.GetRequiredService<UploadSweep>());
    }

    /// <summary>Stands before routing, so that routes and access checks see the method that is meant.</summary>
    public static void UseUploads(this IApplicationBuilder app) => app.UseMiddleware<TusProtocol>();

    public static void MapUploads(this IEndpointRouteBuilder routes) => UploadEndpoints.Map(routes);
}
