using FileClient.Api;
using FileClient.Terminal;
using FileServer.Protocol.Contracts;

namespace FileClient.Transfer;

/// <summary>One thing to upload and the exact place that it goes to.</summary>
sealed record PutItem(string Local, RemotePath Remote, bool IsFolder)
{
    const string Stream = "-";

    /// <summary>
    /// Into a folder that is meant by a slash at its end, or where there are several sources; a file also into a folder that is
    /// there. Else under the very name: a folder too, so that the same command run again goes on instead of nesting.
    /// </summary>
    public static async Task<IReadOnlyList<PutItem>> PlanAsync(ApiClient api, IReadOnlyList<string> locals, RemotePath remote, CancellationToken ct)
    {
        foreach (var local in locals.Where(local => local != Stream && !Path.Exists(local)))
            throw Failure.NotFound($"There is no {local} here.");
        var target = remote.IsRoot ? null : await RemoteTree.FindAsync(api, remote, ct);
        var into = remote.IsRoot || remote.MeansFolder || (target?.Kind == NodeKind.Folder && (locals.Count > 1 || !Directory.Exists(locals[0])));
        if (target is { Kind: not NodeKind.Folder } && (remote.MeansFolder || locals.Count > 1 || Directory.Exists(locals[0])))
            throw Failure.Usage($"{remote} is a file, not a folder.");
        if (locals.Count > 1 && !into)
            throw Failure.Usage($"{remote} is not a folder, and there are several sources: end it with a slash to make one.");
        return [.. locals.Select(local => new PutItem(local, into ? remote.Child(NameOf(local)) : remote with { MeansFolder = false }, Directory.Exists(local)))];
    }

    static string NameOf(string local) => local == Stream
        ? throw Failure.Usage("Standard input has no name: write the file's whole path, SPACE:/folder/name.")
        : Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(local))) is { Length: > 0 } name ? name : throw Failure.Usage($"{local} has no name.");
}
