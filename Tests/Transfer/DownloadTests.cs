using FileClient.Api;
using FileClient.Local;
using FileClient.Terminal;
using FileClient.Transfer;
using Tests.Support;

namespace Tests.Transfer;

public sealed class DownloadTests : IDisposable
{
    const int Size = 8 * 1024 * 1024 + 777;

    readonly TemporaryFolder temporary = new();

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    string Target => temporary["big.bin"];

    public void Dispose() => temporary.Dispose();

    async Task GetAsync(FlakyStore store, int attempts = 10)
    {
        var options = new ApiOptions { Server = store.Url, Retry = new Retry(3, 1, 5), Patience = new Retry(attempts, 1, 5) };
        using var api = new ApiClient(options, new FixedToken("token"), TimeProvider.System);
        await new Download(api, TimeProvider.System, Unwatched.Instance).RunAsync(FlakyStore.Space.ToString(), store.Node, Target, Ct);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_download_goes_on_where_the_line_broke(bool knowsSha256)
    {
        await using var store = await FlakyStore.StartAsync();
        store.Content = FlakyStore.Bytes(Size, seed: 1);
        store.KnowsSha256 = knowsSha256;
        var random = new Random(2);
        var breaks = 0;
        store.Break = () => breaks++ < 8 ? random.Next(200_000, 2_000_000) : null;
        await GetAsync(store);
        Assert.Equal(store.Content, await File.ReadAllBytesAsync(Target, Ct));
        Assert.Equal([Target], Directory.GetFiles(temporary.Path));
        Assert.Equal(store.Node.ModifiedAt.UtcDateTime, File.GetLastWriteTimeUtc(Target));
    }

    [Fact]
    public async Task The_next_run_goes_on_where_the_last_one_ended()
    {
        await using var store = await FlakyStore.StartAsync();
        store.Content = FlakyStore.Bytes(Size, seed: 3);
        store.Break = () => 5_000_000;
        await Assert.ThrowsAsync<ApiException>(() => GetAsync(store, attempts: 1));
        Assert.False(File.Exists(Target));
        var begun = Directory.GetFiles(temporary.Path).Select(part => new FileInfo(part).Length).Single();
        // A reset throws away what the client had not read yet; what it had written counts.
        Assert.InRange(begun, 1, 5_000_000);
        store.Break = () => null;
        var before = store.Sent;
        await GetAsync(store);
        Assert.Equal(store.Content, await File.ReadAllBytesAsync(Target, Ct));
        Assert.Equal(Size - begun, store.Sent - before);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Wrong_bytes_never_take_the_place_of_the_file(bool knowsSha256)
    {
        await using var store = await FlakyStore.StartAsync();
        store.Content = FlakyStore.Bytes(Size, seed: 4);
        store.KnowsSha256 = knowsSha256;
        await File.WriteAllTextAsync(Target, "what was there before", Ct);
        var promised = store.Node;
        var chunks = FileServer.Protocol.ChunkSplitter.Split(store.Content).ToList();
        store.Promise = (promised, chunks);
        store.Content = [.. store.Content];
        store.Content[5_000_000] ^= 1;
        var failure = await Assert.ThrowsAsync<Failure>(() => GetAsync(store));
        Assert.Equal(ExitCode.Integrity, failure.Exit);
        Assert.Equal("what was there before", await File.ReadAllTextAsync(Target, Ct));
    }
}
