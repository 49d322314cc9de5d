using System.Net;
using System.Net.Http.Json;
using Dapper;
using FileClient.Sync;
using FileClient.Terminal;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Tests.EndToEnd;

namespace Tests.Faults;

/// <summary>One trial of a seed: a space, folders that are linked to it, somebody who changes it on the server, and what all of them have written.</summary>
sealed class FolderTrial : IDisposable
{
    const int MaxRounds = 5;

    static readonly string[] plainNames = ["a", "b", "c", "x.txt"];
    static readonly string[] oddNames = ["a", "b", "c", "x.txt", "\u00e9", "e\u0301", "x (conflicted copy ann laptop 2026-01-02 030405).txt"];

    readonly SyncWorld world;
    readonly Space space;
    readonly HttpClient web;
    readonly Random random;
    readonly bool inTurns, busy;
    readonly List<SyncSide> sides;
    readonly List<FolderMonkey> monkeys;
    readonly Dictionary<Digest, string> seen = [];
    readonly List<string> log = [];
    int tokens;

    FolderTrial(SyncWorld world, Space space, HttpClient web, int seed)
    {
        (this.world, this.space, this.web) = (world, space, web);
        random = new Random(seed);
        // Whoever waits until all have what the others did never sees a conflict.
        inTurns = seed % 3 == 0;
        busy = seed % 5 == 2;
        sides = [.. Enumerable.Range(0, seed % 4 == 1 ? 3 : 2).Select(_ => new SyncSide(world.Ann))];
        monkeys = [.. sides.Select(side => new FolderMonkey(side.Path, random, inTurns ? plainNames : oddNames, () => $"t{++tokens};"))];
    }

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    public string Log => string.Join('\n', log);

    public static async Task<FolderTrial> StartAsync(SyncWorld world, int seed)
    {
        var space = await world.World.SpaceAsync($"trial-{seed}", "editor", ["ann"], Ct);
        var trial = new FolderTrial(world, space, await world.World.SignedInAsync("ann", Ct), seed);
        foreach (var side in trial.sides)
            await world.Ann.DoAsync("sync", "init", side.Path, space.Name);
        return trial;
    }

    /// <returns>What was wrong; null if nothing.</returns>
    public async Task<string?> RunAsync()
    {
        try
        {
            await BeginAsync();
            for (var phase = random.Next(3, 8); phase > 0; phase--)
                await (inTurns ? TurnAsync() : MeleeAsync());
            return await RestAsync() ?? await CheckAsync();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return e.ToString();
        }
    }

    // Something to collide with.
    async Task BeginAsync()
    {
        for (var i = random.Next(4, 14); i > 0; i--)
            log.Add($"A {monkeys[0].Settle()}");
        for (var side = 0; side < sides.Count; side++)
            await SyncAsync(side);
    }

    async Task TurnAsync()
    {
        var who = random.Next(sides.Count + 1);
        for (var i = random.Next(1, 8); i > 0; i--)
            await WorkAsync(who);
        if (who < sides.Count)
            await SyncAsync(who);
        for (var other = 0; other < sides.Count; other++)
            await SyncAsync(other);
    }

    async Task MeleeAsync()
    {
        for (var i = random.Next(2, 12); i > 0; i--)
        {
            if (random.Next(6) == 0)
                await (busy && random.Next(2) == 0 ? SyncBusyAsync(random.Next(sides.Count)) : SyncAsync(random.Next(sides.Count)));
            else
                await WorkAsync(random.Next(5) == 0 ? sides.Count : random.Next(sides.Count));
        }
        if (random.Next(2) == 0)
            for (var side = 0; side < sides.Count; side++)
                await SyncAsync(side);
    }

    async Task WorkAsync(int who) =>
        log.Add(who < sides.Count ? $"{(char)('A' + who)} {monkeys[who].Work()}" : $"web {await WebAsync(monkeys[random.Next(monkeys.Count)])}");

    // Places on the server are guessed from a folder; what is not there is refused, and that is fine.
    async Task<string> WebAsync(FolderMonkey guess)
    {
        var at = Uri.EscapeDataString(guess.Short(guess.AnyPlace() ?? guess.NewPlace())).Replace("%2F", "/", StringComparison.Ordinal);
        var files = $"/api/v1/spaces/{space.Id}/files/";
        switch (random.Next(8))
        {
            case 0 or 1 or 2:
                var bytes = guess.Content();
                // The server may refuse before it has read the body: a client that waits for its word hears the answer, not a broken pipe.
                var request = new HttpRequestMessage(HttpMethod.Put, files + at) { Content = new ByteArrayContent(bytes), Headers = { ExpectContinue = true } };
                var put = await web.SendAsync(request, Ct);
                if (put.IsSuccessStatusCode)
                    Saw(bytes, $"web {at}");
                return Told(put, "put", at);
            case 3:
                return Told(await web.DeleteAsync(files + at, Ct), "delete", at);
            case 4:
                var trash = await web.GetAsync($"/api/v1/spaces/{space.Id}/trash", Ct);
                var items = System.Text.Json.JsonDocument.Parse(await trash.Content.ReadAsStringAsync(Ct)).RootElement.GetProperty("items");
                if (items.GetArrayLength() == 0)
                    return "restore: the trash is empty";
                var item = items[random.Next(items.GetArrayLength())];
                var node = (item.TryGetProperty("node", out var inner) ? inner : item).GetProperty("id").GetString();
                return Told(await web.PostAsJsonAsync($"/api/v1/spaces/{space.Id}/trash/{node}/restore", new { }, Ct), "restore", node!);
            case 5:
                return await CommandAsync("cp", Remote(guess.AnyPlace()), Remote(guess.NewPlace()));
            default:
                return await CommandAsync("mv", Remote(guess.AnyPlace()), Remote(guess.NewPlace()));
        }

        string Remote(string? path) => $"{space.Name}:/{guess.Short(path ?? guess.NewPlace())}";
    }

    async Task<string> CommandAsync(params string[] args)
    {
        var called = await world.Ann.RunAsync(args);
        Assert.False(called.Exit is ExitCode.Temporary or ExitCode.Integrity, $"{string.Join(' ', args)}: {called.Exit} {called.Error}");
        return $"{string.Join(' ', args)}: {called.Exit}";
    }

    static string Told(HttpResponseMessage answer, string what, string at)
    {
        Assert.True(answer.StatusCode < HttpStatusCode.InternalServerError, $"{what} {at}: {answer.StatusCode}");
        return $"{what} {at}: {answer.StatusCode}";
    }

    /// <summary>What stands here when a run begins is never lost again.</summary>
    async Task<SyncReport> SyncAsync(int who)
    {
        foreach (var (content, where) in Look(who))
            seen.TryAdd(content, where);
        var (done, exit, error) = await sides[who].RunAsync("--max-delete", "1000000");
        log.Add($"{(char)('A' + who)} sync {exit}: {error.ReplaceLineEndings(" | ")}");
        Assert.True(exit is ExitCode.Done or ExitCode.Conflicts, $"sync of {(char)('A' + who)} ended with {exit}: {error}");
        return done;
    }

    /// <summary>A run while somebody works in the folder. It may leave things to the next one, but loses only what its user destroyed.</summary>
    async Task SyncBusyAsync(int who)
    {
        var stood = Look(who);
        var running = sides[who].RunAsync("--max-delete", "1000000");
        var count = random.Next(1, 12);
        await Task.Run(async () =>
        {
            for (var i = 0; i < count; i++)
            {
                await Task.Delay(random.Next(12), Ct);
                var before = Look(who);
                log.Add($"{(char)('A' + who)} meanwhile {monkeys[who].Work()}");
                var after = Look(who);
                foreach (var destroyed in before.Keys.Where(content => !after.ContainsKey(content)))
                    stood.Remove(destroyed);
            }
        }, Ct);
        var (_, exit, error) = await running;
        log.Add($"{(char)('A' + who)} sync {exit}: {error.ReplaceLineEndings(" | ")}");
        Assert.True(exit is ExitCode.Done or ExitCode.Conflicts or ExitCode.Partial or ExitCode.Temporary, $"sync of {(char)('A' + who)} ended with {exit}: {error}");
        foreach (var (content, where) in stood)
            seen.TryAdd(content, where);
    }

    Dictionary<Digest, string> Look(int who)
    {
        Dictionary<Digest, string> found = [];
        foreach (var path in Files(sides[who].Path))
        {
            try
            {
                var bytes = File.ReadAllBytes(path);
                if (bytes.Length > 0)
                    found[ContentOf(bytes)] = Described(bytes, $"{(char)('A' + who)} {monkeys[who].Short(path)} before line {log.Count}");
            }
            catch (IOException)
            {
                // A run beside us moved it away.
            }
        }
        return found;
    }

    static IEnumerable<string> Files(string folder) =>
        FolderMonkey.Entries(new DirectoryInfo(folder), int.MaxValue).OfType<FileInfo>().Where(static file => file.LinkTarget is null).Select(static file => file.FullName);

    void Saw(byte[] bytes, string where)
    {
        if (bytes.Length > 0)
            seen.TryAdd(ContentOf(bytes), Described(bytes, where));
    }

    static string Described(byte[] bytes, string where) => $"{where}, {bytes.Length} bytes, {System.Text.Encoding.UTF8.GetString(bytes, 0, Math.Min(bytes.Length, 20))}";

    static Digest ContentOf(byte[] bytes) => ContentId.Of(bytes.Length, [.. ChunkSplitter.Split(bytes)]);

    /// <summary>Syncs all until nobody has anything to do.</summary>
    async Task<string?> RestAsync()
    {
        log.Add("-- rest");
        for (var round = 0; round <= MaxRounds; round++)
        {
            var quiet = true;
            for (var side = 0; side < sides.Count; side++)
            {
                var done = await SyncAsync(side);
                quiet &= done is { Operations: 0, Downloaded: 0, MovedLocally: 0, DeletedLocally: 0, FoldersMade: 0, MetadataChanged: 0, InSync: true };
            }
            if (quiet)
                return null;
        }
        return $"It did not come to rest within {MaxRounds} rounds.";
    }

    async Task<string?> CheckAsync()
    {
        // A folder that joins now has what the server has.
        using var joined = new SyncSide(world.Ann);
        await world.Ann.DoAsync("sync", "init", joined.Path, space.Name);
        await joined.SyncAsync();
        var expected = Show(joined);
        foreach (var side in sides)
            if (Show(side) is var shown && shown != expected)
                return $"The trees differ. Server:\n{expected}\nFolder {(char)('A' + sides.IndexOf(side))}:\n{shown}";
        if (inTurns && expected.Contains("conflicted copy", StringComparison.Ordinal))
            return "A conflict without concurrent edits.";
        foreach (var side in sides)
            if (Directory.GetFileSystemEntries(Path.Combine(side.Path, ".fileshare", "staging")) is { Length: > 0 } left)
                return $"Left in staging: {string.Join(", ", left)}";
        await using var db = await world.World.Database.OpenConnectionAsync(Ct);
        var kept = (await db.QueryAsync<byte[]>("select content_id from versions where space_id = @id", new { id = space.Id.Value })).Select(static bytes => Convert.ToHexString(bytes)).ToHashSet();
        foreach (var file in sides.SelectMany(static side => Files(Path.Combine(side.Path, ".fileshare", "trash"))))
            kept.Add(Hex(ContentOf(await File.ReadAllBytesAsync(file, Ct))));
        var lost = seen.Where(content => !kept.Contains(Hex(content.Key))).Select(static content => content.Value).ToList();
        return lost.Count == 0 ? null : $"Lost: {string.Join("; ", lost)}";
    }

    static string Hex(Digest digest) => digest.ToString().ToUpperInvariant();

    // A disk may hold a name in either normal form.
    static string Show(SyncSide side) => string.Join('\n', Nfc.Normalize(side.Show()).Split('\n').Order(StringComparer.Ordinal));

    public void Dispose() => sides.ForEach(static side => side.Dispose());
}
