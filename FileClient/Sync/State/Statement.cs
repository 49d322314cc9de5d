using FileServer.Protocol;
using SQLitePCL;

namespace FileClient.Sync.State;

/// <summary>A prepared statement of SQLite without boxes and copies: a sync folder reads and writes tens of thousands of rows at once.</summary>
sealed class Statement : IDisposable
{
    readonly sqlite3 database;
    readonly sqlite3_stmt statement;

    public Statement(sqlite3 database, string sql)
    {
        this.database = database;
        Check(raw.sqlite3_prepare_v2(database, sql, out statement));
    }

    public Statement Bind(int index, long value)
    {
        Check(raw.sqlite3_bind_int64(statement, index, value));
        return this;
    }

    public Statement Bind(int index, string? value)
    {
        Check(value is null ? raw.sqlite3_bind_null(statement, index) : raw.sqlite3_bind_text(statement, index, value));
        return this;
    }

    public Statement Bind(int index, ReadOnlySpan<byte> value)
    {
        Check(raw.sqlite3_bind_blob(statement, index, value));
        return this;
    }

    public Statement Bind(int index, NodeId id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.Value.TryWriteBytes(bytes, bigEndian: true, out _);
        return Bind(index, bytes);
    }

    public Statement Bind(int index, NodeId? id)
    {
        if (id is { } known)
            return Bind(index, known);
        Check(raw.sqlite3_bind_null(statement, index));
        return this;
    }

    public Statement Bind(int index, Digest? digest)
    {
        if (digest is not { } value)
        {
            Check(raw.sqlite3_bind_null(statement, index));
            return this;
        }
        Span<byte> bytes = stackalloc byte[Digest.Size];
        value.CopyTo(bytes);
        return Bind(index, bytes);
    }

    /// <summary>The next row; false at the end.</summary>
    public bool Read()
    {
        var result = raw.sqlite3_step(statement);
        if (result == raw.SQLITE_ROW)
            return true;
        if (result != raw.SQLITE_DONE)
            Check(result);
        return false;
    }

    /// <summary>Runs to the end and makes the statement ready for the next values.</summary>
    public void Run()
    {
        while (Read())
        {
        }
        Reset();
    }

    public void Reset() => Check(raw.sqlite3_reset(statement));

    public long Long(int column) => raw.sqlite3_column_int64(statement, column);

    public bool IsNull(int column) => raw.sqlite3_column_type(statement, column) == raw.SQLITE_NULL;

    public string Text(int column) => raw.sqlite3_column_text(statement, column).utf8_to_string();

    public string? TextOrNull(int column) => IsNull(column) ? null : Text(column);

    public ReadOnlySpan<byte> Bytes(int column) => raw.sqlite3_column_blob(statement, column);

    public NodeId Node(int column) => new(new Guid(Bytes(column), bigEndian: true));

    public NodeId? NodeOrNull(int column) => IsNull(column) ? null : Node(column);

    public Digest? DigestOrNull(int column) => IsNull(column) ? null : new Digest(Bytes(column));

    void Check(int result)
    {
        if (result != raw.SQLITE_OK)
            throw new IOException($"The sync state cannot be used: {raw.sqlite3_errmsg(database).utf8_to_string()}.");
    }

    public void Dispose() => statement.Dispose();
}
