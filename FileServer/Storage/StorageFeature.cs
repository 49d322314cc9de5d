namespace FileServer.Storage;

/// <summary>The bytes: packs, the chunk index, staged uploads.</summary>
static class StorageFeature
{
    public static void AddStorage(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptions<StorageOptions>().BindConfiguration("Storage").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton<ChunkIndex>();
        builder.Services.AddSingleton<ContentWriters>();
        builder.Services.AddSingleton<Staging>();
        builder.Services.AddSingleton<PackIntake>();
        builder.Services.AddSingleton<ContentReader>();
    }
}
