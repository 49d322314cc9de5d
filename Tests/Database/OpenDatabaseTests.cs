using FileServer.Database;
using Npgsql;
using Tests.Support;

namespace Tests.Database;

public sealed class OpenDatabaseTests(World world) : IClassFixture<World>
{
    static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_started_server_is_alive_and_ready()
    {
        using var anybody = world.Anonymous();
        Assert.Equal("""{"status":"ok","checks":{}}""", await anybody.GetStringAsync("/healthz", Cancelled));
        Assert.Contains("\"database\":\"ok\"", await anybody.GetStringAsync("/readyz", Cancelled), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("create table mine (id int)")]
    [InlineData("drop table audit_events")]
    [InlineData("alter table nodes add column spare int")]
    [InlineData("truncate nodes")]
    [InlineData("update audit_events set actor = 'nobody'")]
    [InlineData("delete from audit_events")]
    [InlineData("update schema_scripts set checksum = ''")]
    public async Task The_server_may_not_change_the_schema_nor_the_past(string sql)
    {
        var refused = await Assert.ThrowsAsync<PostgresException>(() => world.Database.ExecuteAsync(sql, null, Cancelled));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
    }

    [Fact]
    public async Task Statements_run_within_limits()
    {
        Assert.Equal("30s", await world.Database.QuerySingleAsync<string>("show statement_timeout", null, Cancelled));
        Assert.Equal("3s", await world.Database.QuerySingleAsync<string>("show lock_timeout", null, Cancelled));
        Assert.Equal("30s", await world.Database.QuerySingleAsync<string>("show idle_in_transaction_session_timeout", null, Cancelled));
        Assert.Equal("on", await world.Database.QuerySingleAsync<string>("show data_checksums", null, Cancelled));
    }
}
