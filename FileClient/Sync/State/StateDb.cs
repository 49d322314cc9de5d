using FileClient.Terminal;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace FileClient.Sync.State;

/// <summary>The SQLite file of a sync folder: what was agreed, what stands on the disk, and what was begun.</summary>
sealed class StateDb : IDisposable
{
    /// <summary>Each script leads to the next version; what a released version made is only ever added to.</summary>
    static readonly string[] scripts =
    [
        """
        create table meta (key text primary key, value text not null) without rowid;
        create table synced (
            id blob primary key, parent blob not null, kind integer not null, name text not null, content blob, size integer not null, modified integer not null,
            executable integer not null, target text, version integer not null, revision integer not null, permits integer not null
        ) without rowid;
        -- Only where the server's state differs from the agreed one; kind -1: the server no longer has it.
        create table remote (
            id blob primary key, parent blob not null, kind integer not null, name text not null, content blob, size integer not null, modified integer not null,
            executable integer not null, target text, version integer not null, revision integer not null, permits integer not null
        ) without rowid;
        create table local (
            id blob primary key, parent blob not null, disk_name text not null, kind integer not null, signature blob not null, content blob, target text, racy integer not null
        ) without rowid;
        -- Chunk lists of local contents with more than one chunk.
        create table chunks (content blob primary key, list blob not null) without rowid;
        create table intents (id text primary key, kind text not null, node blob not null, source text not null, target text not null, inode integer not null) without rowid;
        create table outbox (id text primary key, body blob not null) without rowid;
        """,
        """
        -- Where the node goes, or stood, and which bytes were found and which are put there: what is on the disk after a crash is judged by them.
        alter table intents add column parent blob;
        alter table intents add column old blob;
        alter table intents add column new blob;
        """,
    ];

    readonly SqliteConnection connection;

    StateDb(SqliteConnection connection) => this.connection = connection;

    public sqlite3 Handle => connection.Handle!;

    public static StateDb Open(string path)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        try
        {
            connection.Open();
            var db = new StateDb(connection);
            // FULL: what was agreed must not be forgotten by a power cut, since the next comparison would see deletions and edits that never were.
            db.Execute("pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 5000; pragma cache_size = -16000; pragma temp_store = memory;");
            db.Prepare();
            return db;
        }
        catch (SqliteException broken)
        {
            connection.Dispose();
            throw new Failure(ExitCode.Failure, $"{path} cannot be read: {broken.Message}", broken)
            {
                Hint = "Move the file away: the next run compares both sides anew and deletes nothing.",
            };
        }
    }

    void Prepare()
    {
        using var read = new Statement(Handle, "pragma user_version");
        read.Read();
        var found = read.Long(0);
        read.Reset();
        if (found > scripts.Length)
            throw new Failure(ExitCode.Failure, "This sync folder was used by a newer version of this program.");
        for (var version = (int)found; version < scripts.Length; version++)
            Execute($"begin immediate; {scripts[version]} pragma user_version = {version + 1}; commit;");
    }

    public void Execute(string sql)
    {
        if (raw.sqlite3_exec(Handle, sql) != raw.SQLITE_OK)
            throw new IOException($"The sync state cannot be used: {raw.sqlite3_errmsg(Handle).utf8_to_string()}.");
    }

    /// <summary>Everything or nothing of what <paramref name="work"/> writes.</summary>
    public void Transact(Action work)
    {
        Execute("begin immediate");
        try
        {
            work();
            Execute("commit");
        }
        catch
        {
            raw.sqlite3_exec(Handle, "rollback");
            throw;
        }
    }

    public void Dispose() => connection.Dispose();
}
