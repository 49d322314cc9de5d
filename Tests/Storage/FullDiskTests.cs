using System.Diagnostics;
using FileServer.Http;
using FileServer.Protocol;
using FileServer.Storage;
using Tests.Support;

namespace Tests.Storage;

/// <summary>What happens on a disk that is really full: a small tmpfs, which only root can mount.</summary>
public sealed class FullDiskTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    readonly SpaceId space = SpaceId.New();

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    // Without the check in advance it is the kernel that says no, in the middle of a write.
    [InlineData(-1_000_000_000)]
    public async Task A_full_disk_refuses_keeps_nothing_half_written_and_works_again(long reserve)
    {
        await using var mount = await SmallDisk.MountAsync("24m", Ct);
        await using var world = StoreWorld.On(database, folder: mount.Path, configure: options => options.ReserveBytes = reserve);
        var kept = await world.CommitAsync(space, StoreWorld.Random(3_000_000, 1), Ct);
        var small = await world.CommitAsync(space, StoreWorld.Random(30_000, 2), Ct);
        var free = mount.FreeBytes;

        var refused = await Assert.ThrowsAsync<Refusal>(() => world.StoreAsync(space, StoreWorld.Random(30_000_000, 3), Ct));
        Assert.Equal((RefusalKind.StorageFull, 507), (refused.Kind, refused.Kind.Status));
        Assert.Equal(free, mount.FreeBytes);

        // A resumable upload keeps what it acknowledged, and only that.
        var pack = PackId.New();
        await using (var writer = world.Writers.Start(space, pack))
        {
            await writer.WriteAsync(StoreWorld.Random(4_000_000, 4), Ct);
            Assert.Equal(4_000_000, await writer.SyncAsync(Ct));
            Assert.Equal(RefusalKind.StorageFull, (await Assert.ThrowsAsync<Refusal>(() => FillAsync(writer))).Kind);
        }
        Assert.InRange(free - mount.FreeBytes, 4_000_000, 4_020_000);

        // Small ones are refused too once there is no room for them.
        await File.WriteAllBytesAsync(mount.File("filler"), new byte[mount.FreeBytes - 100_000], Ct);
        Assert.Equal(RefusalKind.StorageFull, (await Assert.ThrowsAsync<Refusal>(() => world.StoreAsync(space, StoreWorld.Random(900_000, 5), Ct))).Kind);
        File.Delete(mount.File("filler"));

        await using (var resumed = await world.Writers.ResumeAsync(space, pack, 4_000_000, Ct))
            Assert.Equal(Digest.Of(StoreWorld.Random(4_000_000, 4)), (await resumed.CompleteAsync(Ct)).Sha256);
        await world.CommitAsync(space, StoreWorld.Random(900_000, 5), Ct);
        Assert.Equal(StoreWorld.Random(3_000_000, 1), await world.ReadAsync(space, kept.Chunks, Ct));
        Assert.Equal(StoreWorld.Random(30_000, 2), await world.ReadAsync(space, small.Chunks, Ct));
    }

    [Fact]
    public async Task The_reserve_is_not_touched()
    {
        await using var world = StoreWorld.On(database, configure: options => options.ReserveBytes = long.MaxValue);
        Assert.Equal(RefusalKind.StorageFull, Assert.Throws<Refusal>(() => world.Writers.Start(space, PackId.New())).Kind);
        Assert.Equal(RefusalKind.StorageFull, (await Assert.ThrowsAsync<Refusal>(() => world.Staging.CreateAsync(PackId.New(), Ct))).Kind);
    }

    static async Task FillAsync(ContentWriter writer)
    {
        for (var i = 0; i < 40; i++)
            await writer.WriteAsync(StoreWorld.Random(1_000_000, i), Ct);
        await writer.SyncAsync(Ct);
    }

    /// <summary>A file system of a given size, gone afterwards.</summary>
    sealed class SmallDisk : IAsyncDisposable
    {
        readonly TemporaryFolder folder = new();

        public string Path => folder.Path;

        public long FreeBytes => new DriveInfo(folder.Path).AvailableFreeSpace;

        public string File(string name) => folder[name];

        public static async Task<SmallDisk> MountAsync(string size, CancellationToken ct)
        {
            var disk = new SmallDisk();
            var rc = await RunAsync("mount", ["-t", "tmpfs", "-o", $"size={size}", "tmpfs", disk.Path], ct);
            if (rc == 0)
                return disk;
            disk.folder.Dispose();
            Assert.Skip("Only root may mount a small disk.");
            return disk;
        }

        public async ValueTask DisposeAsync()
        {
            await RunAsync("umount", ["--lazy", Path], CancellationToken.None);
            folder.Dispose();
        }

        static async Task<int> RunAsync(string program, string[] arguments, CancellationToken ct)
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, UseShellExecute = false })!;
            await process.WaitForExitAsync(ct);
            return process.ExitCode;
        }
    }
}
