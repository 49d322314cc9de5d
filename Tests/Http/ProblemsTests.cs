using FileServer.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Tests.Http;

public sealed class ProblemsTests
{
    [Fact]
    public void A_lost_database_is_a_503_that_says_to_try_again()
    {
        var refusal = Means(new NpgsqlException("gone", new IOException("broken pipe")));
        Assert.Equal(RefusalKind.Unavailable, refusal.Kind);
        Assert.Equal(1, refusal.RetryAfterSeconds);
    }

    [Theory]
    [InlineData(PostgresErrorCodes.QueryCanceled)]
    [InlineData(PostgresErrorCodes.LockNotAvailable)]
    [InlineData(PostgresErrorCodes.ReadOnlySqlTransaction)]
    [InlineData(PostgresErrorCodes.CannotConnectNow)]
    [InlineData(PostgresErrorCodes.DeadlockDetected)]
    [InlineData(PostgresErrorCodes.DiskFull)]
    public void What_passes_by_itself_is_a_503(string state) =>
        Assert.Equal(RefusalKind.Unavailable, Means(new PostgresException("no", "ERROR", "ERROR", state)).Kind);

    [Fact]
    public void A_wrong_statement_is_our_fault_and_says_nothing_about_itself()
    {
        var refusal = Means(new PostgresException("column secret does not exist", "ERROR", "ERROR", PostgresErrorCodes.UndefinedColumn));
        Assert.Equal(RefusalKind.Internal, refusal.Kind);
        Assert.DoesNotContain("secret", refusal.Message, StringComparison.Ordinal);
    }

    static Refusal Means(Exception fault) => new Problems(_ => Task.CompletedTask, NullLogger<Problems>.Instance).AsRefusal(fault, new DefaultHttpContext());
}
