namespace FileServer.Changes;

/// <summary>Announcing revisions: one listening connection per process, any number of subscribers.</summary>
static class ChangesFeature
{
    public static void AddChanges(this IServiceCollection services)
    {
        services.AddSingleton<ChangeNotifier>();
        services.AddHostedService(provider => provider.GetRequiredService<ChangeNotifier>());
    }
}
