using Tests.EndToEnd;

namespace Tests.Faults;

/// <summary>
/// Random work in several sync folders and on the server, with syncs in between. Afterwards all must be equal, come to rest, and no content that
/// was ever seen may be lost. CI tries a few; FUZZ_SEEDS=N tries others, FUZZ_SEED=S begins at one.
/// </summary>
public sealed class TwoFoldersTests(SyncWorld world, ITestOutputHelper report) : IClassFixture<SyncWorld>
{
    /// <summary>What CI runs is the same each time: none of these four works in a folder while a sync runs, where the outcome depends on time.</summary>
    const int FirstOfFew = 3, Few = 4;

    static int? Setting(string name) => int.TryParse(Environment.GetEnvironmentVariable(name), out var number) ? number : null;

    [Fact]
    public async Task Random_work_converges_and_loses_nothing()
    {
        var first = Setting("FUZZ_SEED") ?? (Setting("FUZZ_SEEDS") is null ? FirstOfFew : Random.Shared.Next(1_000_000));
        var count = Setting("FUZZ_SEEDS") ?? (Setting("FUZZ_SEED") is null ? Few : 1);
        report.WriteLine($"FUZZ_SEED={first} FUZZ_SEEDS={count}");
        var failed = new List<string>();
        for (var seed = first; seed < first + count; seed++)
        {
            using var trial = await FolderTrial.StartAsync(world, seed);
            if (await trial.RunAsync() is { } wrong)
                failed.Add($"seed {seed}: {wrong}\n{trial.Log}");
        }
        Assert.True(failed.Count == 0, $"{failed.Count} of {count} seeds\n" + string.Join("\n\n", failed.Take(Setting("FUZZ_SHOW") ?? 3)));
    }
}
