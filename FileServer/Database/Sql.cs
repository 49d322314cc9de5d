using System.Data;
using System.Runtime.CompilerServices;
using Dapper;
using Npgsql;

namespace FileServer.Database;

/// <summary>Dapper with a mandatory cancellation token. SQL stands as a raw literal in the method that runs it, never put together.</summary>
static class Sql
{
    public static async Task<List<T>> QueryAsync<T>(this NpgsqlDataSource db, string sql, object? args, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        return await connection.QueryAsync<T>(sql, args, ct);
    }

    public static async Task<List<T>> QueryAsync<T>(this NpgsqlConnection connection, string sql, object? args, CancellationToken ct) =>
        (await SqlMapper.QueryAsync<T>(connection, Command(sql, args, ct))).AsList();

    public static async Task<T?> QuerySingleOrDefaultAsync<T>(this NpgsqlDataSource db, string sql, object? args, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        return await connection.QuerySingleOrDefaultAsync<T>(sql, args, ct);
    }

    public static Task<T?> QuerySingleOrDefaultAsync<T>(this NpgsqlConnection connection, string sql, object? args, CancellationToken ct) =>
        SqlMapper.QuerySingleOrDefaultAsync<T>(connection, Command(sql, args, ct));

    public static async Task<T> QuerySingleAsync<T>(this NpgsqlDataSource db, string sql, object? args, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        return await connection.QuerySingleAsync<T>(sql, args, ct);
    }

    public static Task<T> QuerySingleAsync<T>(this NpgsqlConnection connection, string sql, object? args, CancellationToken ct) =>
        SqlMapper.QuerySingleAsync<T>(connection, Command(sql, args, ct));

    public static async Task<int> ExecuteAsync(this NpgsqlDataSource db, string sql, object? args, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        return await connection.ExecuteAsync(sql, args, ct);
    }

    /// <returns>The number of rows that the statement touched.</returns>
    public static Task<int> ExecuteAsync(this NpgsqlConnection connection, string sql, object? args, CancellationToken ct) =>
        SqlMapper.ExecuteAsync(connection, Command(sql, args, ct));

    /// <summary>Rows one by one, for results of unknown length.</summary>
    public static async IAsyncEnumerable<T> StreamAsync<T>(this NpgsqlDataSource db, string sql, object? args, [EnumeratorCancellation] CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        await foreach (var row in connection.QueryUnbufferedAsync<T>(sql, args).WithCancellation(ct))
            yield return row;
    }

    /// <summary>
    /// Runs the work in one transaction and commits it. Pass the connection down: every command on it belongs to the
    /// transaction. An exception rolls everything back.
    /// </summary>
    public static async Task<T> InTransactionAsync<T>(this NpgsqlDataSource db, Func<NpgsqlConnection, Task<T>> work, CancellationToken ct)
    {
        await using var connection = await db.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, ct);
        var result = await work(connection);
        // Past this point the outcome is the database's: a client that leaves now must not turn it into a guess.
        await transaction.CommitAsync(CancellationToken.None);
        return result;
    }

    public static Task InTransactionAsync(this NpgsqlDataSource db, Func<NpgsqlConnection, Task> work, CancellationToken ct) =>
        db.InTransactionAsync(
            async connection =>
            {
                await work(connection);
                return 0;
            },
            ct);

    static CommandDefinition Command(string sql, object? args, CancellationToken ct) => new(sql, args, cancellationToken: ct);
}
