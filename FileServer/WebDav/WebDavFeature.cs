using FileServer.Http;
using FileServer.Identity;

namespace FileServer.WebDav;

/// <summary>WebDAV class 1, 2 and 3 at <c>/dav/{space}/…</c>: the same files, rights, locks and audit log as at the other doors.</summary>
static class WebDavFeature
{
    public static void AddWebDav(this IServiceCollection services)
    {
        services.AddOptions<WebDavOptions>().BindConfiguration("WebDav").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<Ephemerals>();
        services.AddSingleton<EphemeralLocks>();
        services.AddSingleton<DavResources>();
        services.AddSingleton<DavGuard>();
        services.AddSingleton<RecentListings>();
        services.AddSingleton<DavChildren>();
        services.AddSingleton<NextVersion>();
        services.AddSingleton<DavWrite>();
        services.AddSingleton<DavGet>();
        services.AddSingleton<DavPut>();
        services.AddSingleton<DavMembers>();
        services.AddSingleton<Propfind>();
        services.AddSingleton<Proppatch>();
        services.AddSingleton<CopyTree>();
        services.AddSingleton<MoveEphemeral>();
        services.AddSingleton<CopyMove>();
        services.AddSingleton<Locking>();
        services.AddHostedService<EphemeralSweep>();
    }

    /// <summary>Stands before routing: strangers may ask what there is, and a token may come as a password.</summary>
    public static void UseWebDav(this IApplicationBuilder app) => app.UseMiddleware<DavProtocol>();

    public static void MapWebDav(this IEndpointRouteBuilder routes)
    {
        var dav = routes.MapGroup($"{DavPath.Prefix}/{{**path}}").ExcludeFromDescription();
        Map<DavGet>(dav, ["GET", "HEAD"], "read on the file, list on the folder", (door, call, ct) => door.RunAsync(call, ct));
        Map<DavPut>(dav, ["PUT"], "write on the file, or create in the folder", (door, call, ct) => door.RunAsync(call, ct));
        Map<DavMembers>(dav, ["MKCOL"], "create in the folder above", (door, call, ct) => door.MakeFolderAsync(call, ct));
        Map<DavMembers>(dav, ["DELETE"], "delete on the node", (door, call, ct) => door.DeleteAsync(call, ct));
        Map<Propfind>(dav, ["PROPFIND"], "list on the node and on each member", (door, call, ct) => door.RunAsync(call, ct));
        Map<Proppatch>(dav, ["PROPPATCH"], "write on the node", (door, call, ct) => door.RunAsync(call, ct));
        Map<CopyMove>(dav, ["COPY"], "read on what is copied, create in the target, write or delete on what it replaces", (door, call, ct) => door.RunAsync(call, move: false, ct));
        Map<CopyMove>(dav, ["MOVE"], "write and delete on the node, create in the target, write or delete on what it replaces", (door, call, ct) => door.RunAsync(call, move: true, ct));
        Map<Locking>(dav, ["LOCK"], "write on the node, or create in the folder", (door, call, ct) => door.LockAsync(call, ct));
        Map<Locking>(dav, ["UNLOCK"], "a lock of one's own", (door, call, ct) => door.UnlockAsync(call, ct));
    }

    static void Map<TDoor>(RouteGroupBuilder dav, string[] methods, string demand, Func<TDoor, DavCall, CancellationToken, Task> run) where TDoor : notnull =>
        dav.MapMethods("", methods, (HttpContext context, Caller caller, TDoor door, CancellationToken ct) => run(door, new DavCall(context, caller, DavPath.Of(context)), ct))
            .Requires(demand);
}
