using FileClient.Api;
using FileClient.Local;
using FileClient.Terminal;
using FileClient.Transfer;
using Tests.Support;

namespace Tests.Transfer;

public sealed class UploadTests : IDisposable
{
    const int Size = 20 * 1024 * 1024 + 12345;

    readonly TemporaryFolder temporary = new();

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    static RemotePath Remote => RemotePath.Parse("team:/big.bin");

    public void Dispose() => temporary.Dispose();

    string LocalFile(byte[] bytes)
    {
        File.WriteAllBytes(temporary["big.bin"], bytes);
        return temporary["big.bin"];
    }

    async Task<FileServer.Protocol.Contracts.Node?> PutAsync(FlakyStore store, string file, int attempts = 10)
    {
        var options = new ApiOptions { Server = store.Url, Retry = new Retry(3, 1, 5), Patience = new Retry(attempts, 1, 5) };
        using var api = new ApiClient(options, new FixedToken("token"), TimeProvider.System);
        return await new Upload(api, new ConfigFolder(temporary["config"]), TimeProvider.System, Unwatched.Instance).RunAsync(file, Remote, Ct);
    }

    [Fact]
    public async Task An_upload_goes_on_where_the_line_broke()
    {
        await using var store = await FlakyStore.StartAsync();
        var bytes = FlakyStore.Bytes(Size, seed: 1);
        var random = new Random(2);
        var breaks = 0;
        store.Break = () => breaks++ < 8 ? random.Next(1, 4_000_000) : null;
        var node = await PutAsync(store, LocalFile(bytes));
        Assert.Equal(FileServer.Protocol.Digest.Of(bytes), node!.Sha256);
        Assert.Equal(bytes, store.Content);
        Assert.Equal(1, store.Creations);
        Assert.Equal(Size, store.Received);
    }

    [Fact]
    public async Task The_next_run_goes_on_where_the_last_one_ended()
    {
        await using var store = await FlakyStore.StartAsync();
        var bytes = FlakyStore.Bytes(Size, seed: 3);
        var file = LocalFile(bytes);
        store.Break = () => 3_000_000;
        await Assert.ThrowsAsync<ApiException>(() => PutAsync(store, file, attempts: 1));
        Assert.True(store.Received >= 3_000_000);
        store.Break = () => null;
        await PutAsync(store, file);
        Assert.Equal(bytes, store.Content);
        Assert.Equal(1, store.Creations);
        Assert.Equal(Size, store.Received);
        Assert.Empty(Directory.GetFiles(temporary["config/uploads"]));
    }

    [Fact]
    public async Task A_file_that_changed_meanwhile_is_uploaded_from_its_start()
    {
        await using var store = await FlakyStore.StartAsync();
        var file = LocalFile(FlakyStore.Bytes(Size, seed: 4));
        store.Break = () => 3_000_000;
        await Assert.ThrowsAsync<ApiException>(() => PutAsync(store, file, attempts: 1));
        store.Break = () => null;
        var changed = FlakyStore.Bytes(Size, seed: 5);
        await PutAsync(store, LocalFile(changed));
        Assert.Equal(changed, store.Content);
        Assert.Equal(2, store.Creations);
    }

    [Fact]
    public async Task An_upload_that_the_server_forgot_begins_anew()
    {
        await using var store = await FlakyStore.StartAsync();
        var bytes = FlakyStore.Bytes(Size, seed: 6);
        var file = LocalFile(bytes);
        store.Break = () => 3_000_000;
        await Assert.ThrowsAsync<ApiException>(() => PutAsync(store, file, attempts: 1));
        store.ForgetUploads();
        store.Break = () => null;
        await PutAsync(store, file);
        Assert.Equal(bytes, store.Content);
        Assert.Equal(2, store.Creations);
    }

    [Fact]
    public async Task Bytes_that_differ_on_the_server_are_an_integrity_failure()
    {
        await using var store = await FlakyStore.StartAsync();
        var file = LocalFile(FlakyStore.Bytes(Size, seed: 7));
        store.Damages = true;
        var failure = await Assert.ThrowsAsync<Failure>(() => PutAsync(store, file));
        Assert.Equal(ExitCode.Integrity, failure.Exit);
    }
}
