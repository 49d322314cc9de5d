using System.Diagnostics;
using FileServer.Database;
using FileServer.Files;
using FileServer.Protocol;
using FileServer.Protocol.Contracts;
using Tests.Support;

namespace Tests.Files;

/// <summary>What a first sync costs the database. Run by hand: figures of a busy machine are no reason to fail.</summary>
public sealed class CommitSpeedTests(World world) : IClassFixture<World>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact(Explicit = true)]
    public async Task Ten_thousand_new_files_in_changesets_of_two_thousand()
    {
        var desk = await CommitDesk.OpenAsync(world);
        for (var round = 0; round < 3; round++)
        {
            var folders = Enumerable.Range(0, 100).Select(_ => NodeId.New()).ToArray();
            await desk.RunAsync([.. folders.Select((id, i) => CommitDesk.Folder(id, desk.Root, $"round {round} folder {i}"))]);
            var whole = Stopwatch.StartNew();
            for (var part = 0; part < 5; part++)
            {
                var chunks = await ClaimAsync(desk, 2000, $"{round} {part}");
                var operations = chunks.Select((chunk, i) => new Operation
                {
                    Op = OperationKind.PutFile,
                    NodeId = NodeId.New(),
                    ParentId = folders[i % folders.Length],
                    Name = $"file {part} {i}.txt",
                    BaseVersion = 0,
                    Chunks = [chunk],
                    ModifiedAt = DateTimeOffset.UnixEpoch,
                });
                var changeset = new Changeset(ChangesetId.New(), [.. operations], "laptop");
                var one = Stopwatch.StartNew();
                var (server, database) = await ProcessorAsync(desk);
                await desk.Commit.RunAsync(desk.Manager, desk.Space.Id, changeset, Origin.Sync, null, Cancelled);
                var (serverAfter, databaseAfter) = await ProcessorAsync(desk);
                TestContext.Current.SendDiagnosticMessage(
                    "2,000 new files: {0:0} ms; processor time {1:0} ms here, {2:0} ms in PostgreSQL", one.Elapsed.TotalMilliseconds, serverAfter - server, databaseAfter - database);
            }
            TestContext.Current.SendDiagnosticMessage("10,000 new files: {0:0} ms", whole.Elapsed.TotalMilliseconds);
        }
        Assert.Equal(30_000, await desk.CountAsync("select count(*) from versions where space_id = @space"));
        Assert.Equal(0, await desk.CountAsync("select count(*) from pack_claims where space_id = @space"));
    }

    /// <summary>Milliseconds that this process and the database's backends have run: unlike the wall clock, the same on a busy machine.</summary>
    static async Task<(double Server, double Database)> ProcessorAsync(CommitDesk desk)
    {
        var ticks = 0L;
        foreach (var pid in await desk.Db.QueryAsync<int>("select pid from pg_stat_activity where datname = current_database()", null, Cancelled))
        {
            if (!File.Exists($"/proc/{pid}/stat"))
                continue;
            var fields = (await File.ReadAllTextAsync($"/proc/{pid}/stat", Cancelled)).Split(") ")[1].Split(' ');
            ticks += long.Parse(fields[11]) + long.Parse(fields[12]);
        }
        return (Process.GetCurrentProcess().TotalProcessorTime.TotalMilliseconds, ticks * 10.0);
    }

    /// <summary>What a sent pack leaves: the proof that this user has these chunks.</summary>
    static async Task<ChunkRef[]> ClaimAsync(CommitDesk desk, int count, string seed)
    {
        var chunks = Enumerable.Range(0, count).Select(i => new ChunkRef(Digest.Of(System.Text.Encoding.UTF8.GetBytes($"{seed} {i}")), 4096)).ToArray();
        foreach (var pack in chunks.Chunk(500))
        {
            await desk.Db.ExecuteAsync(
                "insert into pack_claims (space_id, user_id, pack_id, entries, expires_at) values (@space, @user, @pack, @entries, now() + interval '1 day')",
                new { space = desk.Space.Id, user = desk.Manager.UserId, pack = PackId.New(), entries = ChunkListCodec.EncodeEntries(pack) },
                Cancelled);
        }
        return chunks;
    }
}
