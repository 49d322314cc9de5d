using FileServer.Uploads;
using Microsoft.Extensions.Options;

namespace Tests.Uploads;

/// <summary>Who works on an upload when several want to.</summary>
public sealed class LiveUploadsTests
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whoever_holds_an_upload_yields_to_all_who_wait_for_it()
    {
        await using var live = new LiveUploads(Options.Create(new UploadsOptions { LockWaitMilliseconds = 60_000 }), TimeProvider.System);
        var id = Guid.CreateVersion7();
        var holder = await live.TakeAsync(id, Ct);
        Assert.False(holder.Interrupted.IsCancellationRequested);
        List<Task<UploadTurn>> waiting = [live.TakeAsync(id, Ct), live.TakeAsync(id, Ct), live.TakeAsync(id, Ct)];
        while (waiting.Count > 0)
        {
            Assert.True(holder.Interrupted.IsCancellationRequested);
            await holder.DisposeAsync();
            var next = await Task.WhenAny(waiting);
            waiting.Remove(next);
            holder = await next;
        }
        await holder.DisposeAsync();
        await using var last = await live.TakeAsync(id, Ct);
        Assert.False(last.Interrupted.IsCancellationRequested);
    }
}
