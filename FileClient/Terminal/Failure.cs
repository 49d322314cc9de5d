namespace FileClient.Terminal;

/// <summary>A failure that is told to the user in one sentence and ends the run with an exit code. Anything else that is thrown is a bug.</summary>
class Failure(ExitCode exit, string message, Exception? cause = null) : Exception(message, cause)
{
    public ExitCode Exit { get; } = exit;

    /// <summary>What the user can do about it.</summary>
    public string? Hint { get; init; }

    public static Failure Usage(string message, string? hint = null) => new(ExitCode.Usage, message) { Hint = hint };

    public static Failure NotFound(string message) => new(ExitCode.NotFound, message);

    public static Failure Integrity(string message) => new(ExitCode.Integrity, message);
}
