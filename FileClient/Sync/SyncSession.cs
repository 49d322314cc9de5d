using FileClient.Api;
using FileClient.Commands;
using FileClient.Local;
using FileClient.Sync.Disk;
using FileClient.Sync.State;
using FileClient.Terminal;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync;

/// <summary>Links a folder to a place on the server.</summary>
static class SyncSetup
{
    public static async Task<SyncLink> LinkAsync(ApiClient api, string path, RemotePath target, TimeProvider clock, CancellationToken ct)
    {
        RefuseDangerous(Path.GetFullPath(path));
        var space = await api.SpaceAsync(target.Space, ct);
        var root = target.IsRoot ? space.Id.Root : await FolderAsync(api, target, ct);
        Directory.CreateDirectory(path);
        using var folder = SyncFolder.Open(path, create: true);
        if (AtomicFile.Read(folder.MarkerPath, SyncJson.Default.SyncLink) is { } existing)
        {
            if (existing.Space == space.Id && existing.Root == root && existing.Server == api.Server.ToString())
                return existing;
            throw new Failure(ExitCode.Failure, $"{folder.FullPath} is linked to {existing.SpaceName}:{existing.Path} on {existing.Server} already.");
        }
        var link = new SyncLink(Guid.CreateVersion7(clock.GetUtcNow()), api.Server.ToString(), space.Id, space.Name, root, target.Path);
        using (var state = SyncState.Open(folder.DatabasePath))
        {
            state.ForgetAgreement();
            foreach (var key in new[] { "cursor", "epoch", "revision" })
                state.SetMeta(key, null);
            state.SetMeta("link", link.Id.ToString());
            state.Save();
        }
        AtomicFile.Write(folder.MarkerPath, link, SyncJson.Default.SyncLink);
        return link;
    }

    static async Task<NodeId> FolderAsync(ApiClient api, RemotePath target, CancellationToken ct)
    {
        var node = await api.NodeAtAsync(target, null, ct);
        return node.Kind == NodeKind.Folder ? node.Id : throw Failure.Usage($"{target} is not a folder.");
    }

    static void RefuseDangerous(string path)
    {
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        if (path == "/" || path == home || path is "/etc" or "/usr" or "/bin" or "/var" or "/proc" or "/sys" or "/dev" or "/boot" or "/lib")
            throw Failure.Usage($"{path} is no folder to sync as a whole.", "Choose a folder below it.");
        for (var parent = Path.GetDirectoryName(path); parent is not null; parent = Path.GetDirectoryName(parent))
            if (File.Exists(Path.Combine(parent, Core.IgnoreRules.StateFolder, "link.json")))
                throw Failure.Usage($"{path} lies inside {parent}, which is a sync folder already.");
    }
}

/// <summary>A linked folder, opened and locked, with its state and its server.</summary>
sealed class SyncSession : IDisposable
{
    readonly Run run;

    SyncSession(SyncFolder folder, SyncState state, SyncLink link, Run run)
    {
        this.run = run;
        Folder = folder;
        State = state;
        Link = link;
        Api = Connect(run, link);
    }

    public SyncFolder Folder { get; }

    public SyncState State { get; }

    public SyncLink Link { get; }

    public ApiClient Api { get; private set; }

    /// <summary>Connects anew, with what is stored of the sign-in by now.</summary>
    public void Reconnect()
    {
        run.Reconnect();
        Api = Connect(run, Link);
    }

    /// <summary>Opens what <c>sync init</c> linked.</summary>
    /// <exception cref="Failure">Exit 10 if the folder is not the one that was linked.</exception>
    public static SyncSession Open(Run run, string path) => Open(run, path, beside: false);

    /// <summary>Opens it to look only; another process may be at work in it.</summary>
    public static SyncSession OpenBeside(Run run, string path) => Open(run, path, beside: true);

    static SyncSession Open(Run run, string path, bool beside)
    {
        var folder = SyncFolder.Open(path, create: false, beside);
        try
        {
            var link = AtomicFile.Read(folder.MarkerPath, SyncJson.Default.SyncLink)
                ?? throw new Failure(ExitCode.Brake, $"{folder.FullPath} has lost the file that says what it is linked to. Nothing was touched.") { Hint = $"To link it again: fileshare sync init {path} SPACE" };
            var state = SyncState.Open(folder.DatabasePath, beside);
            if (state.Meta("link") is { } known && known != link.Id.ToString())
            {
                state.Dispose();
                throw new Failure(ExitCode.Brake, $"The state of {folder.FullPath} belongs to another folder. Nothing was touched.");
            }
            // A state that was lost begins anew: both sides are united, and nothing is deleted.
            state.SetMeta("link", link.Id.ToString());
            return new SyncSession(folder, state, link, run);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    // The folder knows its server; another address of it can be named by the environment.
    static ApiClient Connect(Run run, SyncLink link)
    {
        if (!string.IsNullOrEmpty(run.Shell.Environment("FILESHARE_URL")))
            return run.Api;
        var settings = run.Settings with { Url = new Uri(link.Server) };
        return run.Connect(settings.RequireUrl(), settings.Tokens(run.Clock));
    }

    public SyncRun NewRun(SyncOptions options) => new(Api, Folder, State, Link, Device(), options, run.Clock);

    /// <summary>A run that sees this device's side through another's eyes, and tells each thing that it does.</summary>
    public SyncRun NewRun(SyncOptions options, ILocalSide side, Action<SyncDone> onDone) => new(Api, Folder, State, Link, Device(), options, run.Clock) { Side = side, OnDone = onDone };

    // "ann laptop": who and where, for conflict copies and the history.
    static string Device() => $"{Environment.UserName} {Environment.MachineName}";

    public void Dispose()
    {
        State.Dispose();
        Folder.Dispose();
    }
}
