using FileServer.Files.Brakes;
using FileServer.Files.Holds;
using FileServer.Files.Locks;
using FileServer.Files.Quotas;
using FileServer.Identity;

namespace FileServer.Files;

/// <summary>Nodes and versions: reading them, and the one door through which they change.</summary>
static class FilesFeature
{
    public static void AddFiles(this IServiceCollection services)
    {
        services.AddOptions<FilesOptions>().BindConfiguration("Files").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<CommitQueue>();
        services.AddSingleton<Commit>();
        services.AddSingleton<PathLookup>();
        services.AddSingleton<WholeBody>();
        services.AddSingleton<Trash>();
        services.AddSingleton<PathWriting>();
        services.AddSingleton<NodeWriting>();
        services.AddSingleton<TokenTargets>();
        services.AddSingleton<FindTokenTarget>(provider => provider.GetRequiredService<TokenTargets>().FindAsync);
        services.AddLocks();
        services.AddReading();
        services.AddQuotas();
        services.AddHolds();
        services.AddBrakes();
    }

    public static void MapFiles(this IEndpointRouteBuilder routes)
    {
        var api = routes.MapGroup("/api/v1");
        api.MapHolds();
        var space = routes.MapGroup("/api/v1/spaces/{space}");
        space.MapQuotas();
        space.MapBrakes();
        space.MapReading();
        PathWriting.Map(space);
        NodeWriting.Map(space);
        space.MapLocks();
    }
}
