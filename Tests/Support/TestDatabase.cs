using FileServer.Database;
using Npgsql;

namespace Tests.Support;

/// <summary>A migrated database of its own for one test class, used with the rights that the server has.</summary>
public sealed class TestDatabase(TestCluster cluster) : IAsyncLifetime
{
    NpgsqlDataSource? source;

    public string ConnectionString { get; private set; } = "";

    public NpgsqlDataSource Source => source!;

    public async ValueTask InitializeAsync()
    {
        TypeHandlers.Register();
        ConnectionString = await cluster.CopyAsync(CancellationToken.None);
        source = NpgsqlDataSource.Create($"{ConnectionString};Pooling=true;Maximum Pool Size=20;Options=-c role=fileshare_app");
    }

    public async ValueTask DisposeAsync()
    {
        if (source is not null)
            await source.DisposeAsync();
        await cluster.DropAsync(ConnectionString, CancellationToken.None);
    }
}
