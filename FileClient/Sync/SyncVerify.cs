using FileClient.Sync.Core;
using FileClient.Sync.Disk;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync;

/// <summary>Reads every file of the folder again and compares with what the server has now; trusts no cache and changes nothing.</summary>
static class SyncVerify
{
    public static async Task<VerifyReport> RunAsync(SyncSession session, CancellationToken ct)
    {
        await new Fetch(session.Api, session.State, session.Link).RunAsync(ct);
        var remote = Fetch.View(session.State, session.Link);
        var expected = new Dictionary<string, Entry>(remote.Nodes.Count);
        foreach (var entry in remote.Nodes.Values)
            if (!IgnoreRules.Covers(entry.Name))
                expected[Paths.Of(entry.Id, entry.Name, remote.Nodes)] = entry;
        var scan = Scanner.Run(session.Folder, ct);
        var differences = new List<SyncProblem>();
        var gate = new Lock();
        long bytes = 0;
        await Parallel.ForEachAsync(Enumerable.Range(0, scan.Entries.Count), ct, (i, token) =>
        {
            var path = Scanner.PathOf(scan.Entries, i);
            var found = scan.Entries[i];
            Entry? entry;
            lock (gate)
                expected.Remove(NormalPath(scan.Entries, i), out entry);
            var wrong = entry is null ? "It is not on the server." : WhatIsWrong(session.Folder, path, found, entry, token);
            lock (gate)
            {
                bytes += found.Kind == NodeKind.File ? found.Signature.Size : 0;
                if (wrong is not null)
                    differences.Add(new SyncProblem(path, entry is null ? "only-here" : "differs", wrong));
            }
            return ValueTask.CompletedTask;
        });
        differences.AddRange(expected.Keys.Select(static path => new SyncProblem(path, "only-there", "It is on the server only.")));
        differences.AddRange(scan.Skipped.Select(static skipped => new SyncProblem(skipped.Path, "skipped", skipped.Reason)));
        differences.Sort(static (a, b) => string.CompareOrdinal(a.Path, b.Path));
        return new VerifyReport(
            scan.Entries.Count(static entry => entry.Kind == NodeKind.File), scan.Entries.Count(static entry => entry.Kind == NodeKind.Folder), bytes, differences);
    }

    static string NormalPath(List<DiskEntry> entries, int i) =>
        entries[i].Parent < 0 ? entries[i].Name : $"{NormalPath(entries, entries[i].Parent)}/{entries[i].Name}";

    static string? WhatIsWrong(SyncFolder folder, string path, DiskEntry found, Entry entry, CancellationToken ct)
    {
        if (found.Kind != entry.Kind)
            return $"It is a {found.Kind} here and a {entry.Kind} on the server.".ToLowerInvariant();
        if (found.Kind == NodeKind.Symlink)
            return found.Target == entry.Target ? null : "The symlink points elsewhere.";
        if (found.Kind == NodeKind.Folder)
            return found.Status == EntryStatus.Known ? null : found.Reason;
        if (FileHasher.Hash(folder.Root, path, out var reason, ct) is not { } hashed)
            return reason;
        return hashed.Content == entry.Content ? found.Executable == entry.Executable ? null : "Only one side has it executable." : "Its bytes differ.";
    }
}
