namespace FileServer.Storage;

/// <summary>Readies the store before the first request: folders proven, open packs of the last run sealed, left-overs swept.</summary>
sealed class StorageStart(PackFiles files, PackRecovery recovery, StagingSweep sweep) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        files.Prepare();
        await recovery.RunAsync(cancellationToken);
        await sweep.RunAsync(cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
