using System.ComponentModel.DataAnnotations;

namespace FileServer.Database;

/// <summary>How the server uses its database.</summary>
sealed class DatabaseOptions
{
    /// <summary>Connections that one server opens at most.</summary>
    [Range(2, 500)]
    public int MaxPoolSize { get; init; } = 50;

    /// <summary>After how long PostgreSQL ends a statement.</summary>
    [Range(1, 3600)]
    public int StatementTimeoutSeconds { get; init; } = 30;

    /// <summary>After how long a statement gives up waiting for somebody else's lock.</summary>
    [Range(1, 600)]
    public int LockTimeoutSeconds { get; init; } = 3;

    /// <summary>After how long PostgreSQL ends a transaction in which nothing happens.</summary>
    [Range(1, 600)]
    public int IdleInTransactionTimeoutSeconds { get; init; } = 30;

    /// <summary>Whether a start runs the scripts that the schema lacks. Off: the start is refused until `migrate` was run.</summary>
    public bool MigrateOnStart { get; init; } = true;

    /// <summary>The bin folder of the PostgreSQL to start; without it, the one that the build brought, else one that is installed.</summary>
    public string? PostgresBinaries { get; init; }
}
