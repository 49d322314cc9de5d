using FileServer.Files.Locks;
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
    }

    public static void MapFiles(this IEndpointRouteBuilder routes)
    {
        var space = routes.MapGroup("/api/v1/spaces/{space}");
        space.MapReading();
        PathWriting.Map(space);
        NodeWriting.Map(space);
        space.MapLocks();
    }
}
