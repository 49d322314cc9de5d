using System.Diagnostics;
using System.IO.Pipelines;
using FileServer.Protocol;
using FileServer.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Tests.Support;

namespace Tests.Storage;

/// <summary>Measures the store in one process; asserts nothing. Run in Release with <c>-explicit only -class Tests.Storage.StoreSpeed</c>; FILESHARE_TEST_FOLDER names the disk.</summary>
public class StoreSpeed(TestDatabase database) : IClassFixture<TestDatabase>
{
    const int Block = 4 * 1024 * 1024;

    readonly SpaceId space = SpaceId.New();

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact(Explicit = true)]
    public async Task Writing_and_reading_a_gibibyte()
    {
        await using var world = World();
        var data = StoreWorld.Random(64 * 1024 * 1024, 1);
        for (var round = 0; round < 3; round++)
        {
            await using var writer = world.Writers.Start(space, PackId.New());
            var watch = Stopwatch.StartNew();
            var processor = Environment.CpuUsage;
            for (var i = 0; i < 256; i++)
            {
                // Shifted each time, so that no chunk repeats.
                data[i * 17 + round]++;
                for (var at = i; at < data.Length; at += 100_003)
                    data[at]++;
                await writer.WriteAsync(data.AsMemory(i * 37 % 15 * Block, Block), Ct);
            }
            var received = watch.Elapsed;
            var stored = await writer.CompleteAsync(Ct);
            Say($"write: 1 GiB in {watch.Elapsed.TotalSeconds:0.00} s = {1024 / watch.Elapsed.TotalSeconds:0} MiB/s (received after {received.TotalSeconds:0.00} s, last sync and commit {(watch.Elapsed - received).TotalSeconds:0.00} s), {stored.Chunks.Count} chunks, {stored.Fresh.Count} new; processor {(Environment.CpuUsage.UserTime - processor.UserTime).TotalSeconds:0.00} s user, {(Environment.CpuUsage.PrivilegedTime - processor.PrivilegedTime).TotalSeconds:0.00} s system");
            await world.NameAsync(space, stored, Ct);
            await ReadAsync(world, stored);
        }
    }

    [Fact(Explicit = true)]
    public async Task Small_contents_from_32_writers()
    {
        await using var world = World();
        foreach (var writers in (int[])[1, 8, 32])
        {
            var count = 0;
            var watch = Stopwatch.StartNew();
            await Task.WhenAll(Enumerable.Range(0, writers).Select(w => Task.Run(async () =>
            {
                var content = StoreWorld.Random(16 * 1024, w);
                while (watch.Elapsed.TotalSeconds < 4)
                {
                    BitConverter.TryWriteBytes(content, Interlocked.Increment(ref count));
                    await world.StoreAsync(space, content, Ct);
                }
            }, Ct)));
            Say($"append: {writers} writers, 16 KiB each: {count / watch.Elapsed.TotalSeconds:0} contents/s");
        }
    }

    [Fact(Explicit = true)]
    public async Task Http_by_pipe_and_by_send_file()
    {
        await using var world = World();
        var stored = await world.CommitAsync(space, StoreWorld.Random(256 * 1024 * 1024, 3), Ct);
        var map = await world.MapAsync(space, stored.Chunks, Ct);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var app = builder.Build();
        app.MapGet("/pipe", async (HttpContext context) =>
        {
            context.Response.ContentLength = map.Size;
            await world.Reader.CopyToAsync(map, 0, map.Size, context.Response.BodyWriter, context.RequestAborted);
        });
        app.MapGet("/file", async (HttpContext context) =>
        {
            context.Response.ContentLength = map.Size;
            foreach (var range in map.Ranges(0, map.Size))
                await context.Response.SendFileAsync(world.Files.PackPath(space, range.Pack), range.Offset, range.Length, context.RequestAborted);
        });
        await app.StartAsync(Ct);
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        var buffer = new byte[1024 * 1024];
        foreach (var way in (string[])["pipe", "file", "pipe", "file", "pipe", "file"])
        {
            var watch = Stopwatch.StartNew();
            var cpu = Environment.CpuUsage.TotalTime;
            await using var body = await client.GetStreamAsync(way, Ct);
            long total = 0;
            for (int read; (read = await body.ReadAsync(buffer, Ct)) > 0;)
                total += read;
            Say($"http {way}: {total / 1048576.0 / watch.Elapsed.TotalSeconds:0} MiB/s, {(Environment.CpuUsage.TotalTime - cpu).TotalSeconds:0.00} s of processor for both ends");
        }
    }

    [Fact(Explicit = true)]
    public async Task Taking_a_client_pack()
    {
        await using var world = World();
        var data = StoreWorld.Random(31 * 1024 * 1024, 4);
        var watch = new Stopwatch();
        const int rounds = 16;
        for (var round = 0; round < rounds; round++)
        {
            var pack = PackId.New();
            data[round]++;
            using var builder = new FileServer.Protocol.Packs.PackBuilder(new(space, pack, DateTimeOffset.UnixEpoch));
            for (var at = 0; at + 64 * 1024 <= data.Length && builder.Fits(64 * 1024); at += 64 * 1024)
                builder.Add(Digest.Of(data.AsSpan(at, 64 * 1024)), data.AsSpan(at, 64 * 1024));
            watch.Start();
            await using (var staged = await world.Staging.CreateAsync(pack, Ct))
            {
                await staged.WriteAsync(PipeReader.Create(builder.Finish()), long.MaxValue, Ct);
                await staged.FlushAsync();
            }
            await world.Intake.VerifyAndStoreAsync(space, pack, Ct);
            watch.Stop();
        }
        Say($"intake: packs of 31 MiB, 496 chunks: {rounds * 31 / watch.Elapsed.TotalSeconds:0} MiB/s");
    }

    async Task ReadAsync(StoreWorld world, StoredContent stored)
    {
        var map = await world.MapAsync(space, stored.Chunks, Ct);
        var watch = Stopwatch.StartNew();
        await world.Reader.CopyToAsync(map, 0, map.Size, Stream.Null, Ct);
        Say($"read: {map.Size / 1048576.0 / watch.Elapsed.TotalSeconds:0} MiB/s in {map.Runs} runs");
    }

    StoreWorld World()
    {
        var folder = Environment.GetEnvironmentVariable("FILESHARE_TEST_FOLDER");
        return StoreWorld.On(database, folder: folder is null ? null : Path.Join(folder, Guid.CreateVersion7().ToString()));
    }

    static void Say(string line) => TestContext.Current.TestOutputHelper!.WriteLine(line);
}
