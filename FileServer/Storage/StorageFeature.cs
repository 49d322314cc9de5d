namespace FileServer.Storage;

/// <summary>The bytes: packs, the chunk index, staged uploads.</summary>
static class StorageFeature
{
    public static void AddStorage(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptions<StorageOptions>().BindConfiguration("Storage").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton<INativeCalls, LibC>();
        builder.Services.AddSingleton<Durable>();
        builder.Services.AddSingleton<PackFiles>();
        builder.Services.AddSingleton<PackRows>();
        builder.Services.AddSingleton<PackHandles>();
        builder.Services.AddSingleton<ChunkIndex>();
        builder.Services.AddSingleton<OpenPacks>();
        builder.Services.AddSingleton<ContentStore>();
        builder.Services.AddSingleton<ContentWriters>();
        builder.Services.AddSingleton<Staging>();
        builder.Services.AddSingleton<PackIntake>();
        builder.Services.AddSingleton<ContentReader>();
        builder.Services.AddSingleton<PackRecovery>();
        builder.Services.AddSingleton<StagingSweep>();
        builder.Services.AddSingleton<Verify>();
        builder.Services.AddSingleton<Reindex>();
        builder.Services.AddHostedService<StorageStart>();
        builder.Services.AddHostedService(services => services.GetRequiredService<OpenPacks>());
        builder.Services.AddHealthChecks().AddCheck<StorageHealth>("store");
    }
}
